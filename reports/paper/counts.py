"""Tables 1 and 4: counts of the photos that are installed, beside the paper's counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from reports.paper import doubts
from reports.paper.grid import Column, Entry, Grid
from reports.paper.printed import TABLE1, TABLE4, TITLE1, TITLE4, Camera
from reports.text import plain, plural
from wespe_bench.datasets import dped, survey
from wespe_bench.datasets.miniature import note_of
from wespe_bench.datasets.source import sources
from wespe_bench.errors import InputError
from wespe_bench.prepare import check
from wespe_bench.prepare.mini import TESTS

_COLUMNS = (
    Column(("photos", "sensor"), "", "Sensor (MP)"),
    Column(("photos", "size"), "", "Image size"),
    Column(("photos", "quality"), "", "Quality"),
    Column(("photos", "train"), "", "Training photos", decimals=0, printed=0),
    Column(("photos", "test"), "", "Test photos", decimals=0, printed=0),
)
_MOST_FAULTS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """The installed photos of a camera: numbers of both sides (None: no such side), size, notes.

    ``reason`` says why there are none, ``no_train`` why there are none for training.
    """

    train: int | None = None
    test: int | None = None
    size: str = ""
    reason: str = ""
    no_train: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""


def grid(number: int, data: str | None) -> Grid:
    """Table 1 or 4; checks every data set by names and headers, without reading pixels."""
    cameras, title = (TABLE1, TITLE1) if number == 1 else (TABLE4, TITLE4)
    found = {key: _found(key, number, data) for key in cameras}
    entries: dict[tuple[str, tuple[str, str]], Entry] = {}
    for key, camera in cameras.items():
        for column, entry in _row(camera, found[key]):
            entries[key, ("photos", column)] = entry
    notes = [
        "Counts are of full-size photos. Sensor and quality are quoted from the paper, and not "
        "measured here",
        *doubts.REMARKS[number],
    ]
    return Grid(
        number=number,
        title=title,
        corner="Camera" if number == 1 else "Data set",
        rows={key: camera.counts.camera for key, camera in cameras.items()},
        columns=_COLUMNS,
        entries=entries,
        notes=tuple(notes),
        sources=tuple(f.source for f in found.values() if f.source),
    )


def _row(camera: Camera, found: Found) -> Iterator[tuple[str, Entry]]:
    counts = camera.counts
    size = camera.size or (f"{counts.width}x{counts.height}" if counts.width else "–")
    yield "sensor", Entry(ours_text="", paper_text=str(camera.sensor or "–"))
    yield "size", Entry(ours_text=found.size, paper_text=size, reason=found.reason)
    yield "quality", Entry(paper_text=camera.quality)
    for side, ours, paper in (
        ("train", found.train, counts.train),
        ("test", found.test, counts.test),
    ):
        entry = Entry(paper=paper, reason=found.reason)
        if ours is not None:
            entry = replace(entry, ours=ours, difference=ours - paper, notes=found.notes)
        elif not found.reason:
            entry = replace(entry, reason=found.no_train)
        yield side, entry


def _found(key: str, number: int, data: str | None) -> Found:
    name = "dped" if number == 1 else key
    try:
        if number == 1:
            return _dped(key, data)
        report = check.check(key, data, quiet=True)
        sides = _sides(key, data)
    except InputError as error:
        if key == "kitti":
            for kind in ("sync", "object"):
                other = _other_kind(kind, data)
                if other:
                    return other
        return Found(
            reason=f"Not here ({plain(error).split(';')[0]}). To get it: {sources()[name].get}; "
            f"wespe-bench data list {name}"
        )
    return _counted(key, report, sides)


def _other_kind(kind: str, data: str | None) -> Found | None:
    """KITTI in another form than the paper's."""
    spec = f"kitti:{kind}"
    try:
        found = _counted(spec, check.check(spec, data, quiet=True), _sides("kitti", data, kind))
    except InputError:
        return None
    note = f"These are KITTI's {kind} frames, not the unrectified ones of the paper"
    return replace(found, notes=(note, *found.notes))


def _sides(name: str, data: str | None, argument: str = "") -> tuple[int, int]:
    """Numbers of training and test photos that a run would use."""
    found = sources()[name].survey(name, *([argument] if argument else []), data=data)
    # Of the miniature's few photos the paper's share would be one.
    small = note_of(found.root) and found.test and not any(part.side for part in found.parts)
    split = survey.divided(found, test=str(TESTS) if small else "")
    return len(split.train), len(split.test)


def _counted(spec: str, report: check.Report, sides: tuple[int, int]) -> Found:
    total = sum(len(p.endings) for p in report.places if p.label == p.part.label)
    return Found(
        *sides,
        size=_size(size for p in report.places for size in p.sizes.values()),
        notes=_faults(spec, report),
        source=f"{spec}: {total:,} photos in {plain(report.root)}; the split is drawn by seed 0 "
        "where the release has none",
    )


def _dped(key: str, data: str | None) -> Found:
    """A phone of DPED, or its DSLR, whose photos lie beside the BlackBerry's."""
    phone = "blackberry" if key == "canon" else key
    side = "canon" if key == "canon" else "phone"
    report = check.check(f"dped:{phone}", data, quiet=True)
    counted: Counter[str] = Counter()
    sizes: dict[str, list[tuple[int, int]]] = {}
    for place in report.places:
        is_pair = place.label != place.part.label
        if is_pair == (side == "canon"):
            kind = place.part.label.removeprefix(f"{phone} ")
            counted[kind] += len(place.endings)
            sizes.setdefault(kind, []).extend(place.sizes.values())
    patches = (
        f"{counted['patches train']:,} training and {counted['patches test']:,} test patches "
        "are here"
    )
    source = f"{key}: {patches}, in {plain(report.root)}"
    full = [size for kind in ("originals", "full test") for size in sizes.get(kind, [])]
    if counted["originals"]:
        found = dped.survey("dped", phone, data=data, protocol="originals", side=side)
        split = survey.divided(found)
        train, test = len(split.train), len(split.test)
        return Found(
            train, test, _size(full), notes=_faults(f"dped:{phone}", report), source=source
        )
    test_photos = counted["full test"] or None
    if note_of(report.root):
        note = "The miniature has no full-size photos for this: training takes pairs of patches"
    else:
        note = (
            "The released archive of patches has 29 full-size test photos a phone and none for "
            "training; ask for the originals: wespe-bench data list dped"
        )
    return Found(
        None,
        test_photos,
        _size(full),
        no_train=note,
        notes=_faults(f"dped:{phone}", report),
        source=source,
    )


def _size(sizes: Iterator[tuple[int, int]] | list[tuple[int, int]]) -> str:
    """The most common size, and how many others there are."""
    found = Counter(sizes)
    if not found:
        return ""
    (width, height), _ = found.most_common(1)[0]
    return f"{width}x{height}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")


def _faults(spec: str, report: check.Report) -> tuple[str, ...]:
    if not report.faults:
        return ()
    kinds: Mapping[str, int] = Counter(fault.kind for fault in report.faults)
    shown = ", ".join(f"{kind}: {count}" for kind, count in list(kinds.items())[:_MOST_FAULTS])
    number = plural(len(report.faults), "fault")
    return (f"{number} ({shown}): wespe-bench data check {spec}",)
