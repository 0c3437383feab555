"""The verb ``data check``: what is there against what should be, and everything that is wrong."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from wespe_bench import atomic, provenance
from wespe_bench.arguments import DataOptions, JobOptions
from wespe_bench.datasets.survey import Part
from wespe_bench.errors import InputError, require, writing
from wespe_bench.images import EXTENSIONS
from wespe_bench.option_checks import check_jobs
from wespe_bench.prepare import faults as kinds
from wespe_bench.prepare.faults import Fault, Place
from wespe_bench.runs import escape_csv_formula

_COLUMNS = ("what", "part", "kind", "path", "detail")

#: Faults of one kind that are printed without --all.
SHOWN = 10


@dataclass(frozen=True)
class Check(DataOptions, JobOptions):
    """Compare a data set with what it should hold; name every file that is wrong.

    Names, pairs, sizes (from the headers), duplicates (by hash), counts. With --verify every
    photo is decoded and hashed: finds damaged and cut files, and training photos that look
    like test photos. Exit code 0 when nothing is wrong, 3 when something is.

    Examples:
      wespe-bench data check dped:iphone
      wespe-bench data check camera:photos/ --verify
    """

    dataset: str
    """NAME, NAME:ARGUMENT or a name of wespe-data.toml (wespe-bench data list)."""
    verify: bool = False
    """Decode every photo, hash every file again, compare training photos with test photos."""
    all: bool = False
    """Print every fault, not the first ten of a kind."""
    out: Annotated[str | None, "FILE"] = None
    """A CSV file for all faults and remarks."""


@dataclass(slots=True)
class Report:
    """What a check found: the places looked at, their faults, and remarks on other files."""

    root: Path
    parts: tuple[Part, ...]
    places: list[Place]
    faults: list[Fault]
    remarks: list[Fault]
    unlooked: list[str]


def main(config: Check) -> int:
    """Print the table; 3 when there are faults."""
    check_jobs(config.jobs)
    if config.out:
        check_out(Path(config.out))
    report = check(config.dataset, config.data, verify=config.verify, jobs=config.jobs)
    print("\n".join(_lines(config, report)))
    if config.out:
        with writing(config.out):
            atomic.write_text(Path(config.out), _csv(report))
        print(f"{len(report.faults) + len(report.remarks)} lines -> {config.out}")
    return 3 if report.faults else 0


def check_out(out: Path) -> None:
    """Raise InputError for a file that is there and was not written by this verb, or a photo."""
    hint = "choose another --out, faults.csv for instance"
    if out.suffix.lower() in EXTENSIONS:
        raise InputError(f"{out} is a photo by its name; {hint}")
    if out.is_dir() or not out.exists():
        return
    head = "unreadable"
    with contextlib.suppress(OSError):
        if out.is_file():
            with open(out, encoding="utf-8", errors="replace") as file:
                head = file.readline(200).strip()
    if head not in ("", ",".join(_COLUMNS)):
        raise InputError(f"{out} is there already and no table of data check; {hint}")


def check(
    dataset: str,
    data: Path | str | None = None,
    *,
    verify: bool = False,
    jobs: int = 0,
    quiet: bool = False,
) -> Report:
    """Look at every file of a data set; without ``verify`` no photo is decoded.

    ``quiet``: no progress bar while looking.

    Raises InputError for an unknown data set, and when its folder or layout is not there at all.
    """
    if verify:
        require("imagehash")
    from wespe_bench import progress

    name, root, parts = parts_of(dataset, data)
    if verify:
        provenance.forget()
    report = Report(root, parts, [], [], [], [])
    pairs: list[tuple[Place, Place]] = []
    for part in parts:
        if not part.folder.is_dir():
            if part.recording:
                report.faults.append(Fault(part.label, kinds.EMPTY, str(part.folder)))
            elif part.expected is not None:
                report.unlooked.append(f"{part.folder}, which is not there")
            continue
        places, faults, remarks = kinds.look(part, root)
        report.places += places
        report.faults += faults
        report.remarks += remarks
        if len(places) == 2:
            pairs.append((places[0], places[1]))
    total = sum(len(place.endings) for place in report.places)
    with progress.bar(total, "look", "file", quiet=quiet) as bar:
        for place in report.places:
            report.faults += kinds.headers(place, bar.update)
    for photos, references in pairs:
        report.faults += kinds.unpaired(photos, references)
        report.faults += kinds.copies(photos, references)
    report.faults += kinds.duplicates(report.places)
    report.faults += kinds.scenes_twice(report.places)
    report.faults += _counts(report)
    if not total and all(fault.kind == kinds.EMPTY for fault in report.faults):
        raise InputError(f"no photos in {root} ({', '.join(EXTENSIONS)})")
    if verify:
        _decode(name, report, jobs)
    else:
        report.unlooked.append(
            "damage inside the files, and likeness between training and test (--verify)"
        )
    return report


def parts_of(dataset: str, data: Path | str | None) -> tuple[str, Path, tuple[Part, ...]]:
    """The name, the root and the parts of a data set that has an adapter with a layout."""
    import inspect

    from wespe_bench.dataset_specs import parse_dataset
    from wespe_bench.datasets.source import find

    name, options = parse_dataset(dataset, data)
    source = find(
        name, f"{name!r} has no layout to compare with; check any folder as camera:FOLDER"
    )
    known = list(inspect.signature(source.check_parts).parameters)[3:]
    argument = "".join(source.take_argument(options))
    for option in options:
        if option not in known:
            raise InputError(
                f"{dataset!r}: check looks at everything, whatever {option} is; leave it out"
                + (f" (options: {', '.join(known)})" if known else "")
            )
    root, parts = source.check_parts(name, argument, data, **options)
    return name, root, parts


def _counts(report: Report) -> Iterator[Fault]:
    """Parts with fewer or more photos than the release has."""
    found: Counter[str] = Counter()
    parts: dict[str, Part] = {}
    folders: dict[str, str] = {}
    for place in report.places:
        if place.label == place.part.label and place.part.expected is not None:
            found[place.label] += len(place.endings)
            parts[place.label] = place.part
    for part in report.parts:  # where several are counted together, the folder of all
        folders[part.label] = str(report.root if part.label in folders else part.folder)
    for label, part in parts.items():
        number = found[label]
        if number not in (part.expected, *part.copies):
            photos = f"{number} photo{'s' * (number != 1)}"
            yield Fault(
                label, kinds.COUNT, folders[label], f"{photos} instead of {_expected(part)}"
            )


def _expected(part: Part) -> str:
    """The counts that are right: the release's, and those of its copies."""
    return " or ".join(map(str, (part.expected, *part.copies)))


def _decode(name: str, report: Report, jobs: int) -> None:
    """Add the faults that only decoding shows."""
    from wespe_bench import progress
    from wespe_bench.prepare import check_pixels

    total = sum(len(place.sizes) for place in report.places)
    with progress.bar(total, "decode") as bar:
        looks, broken = check_pixels.decode(report.places, jobs, bar.update)
    for place in report.places:
        for path in place.paths():
            if path in broken:
                report.faults.append(Fault(place.label, kinds.UNREADABLE, path, broken[path]))
    split = check_pixels.of(name, report.places)
    if split.reason:
        report.unlooked.append(f"likeness between training and test: {split.reason}")
    reported = {fault.path for fault in report.faults if fault.kind == kinds.LEAK}
    for label, train, test in split.pairs:
        for photo, other, bits in check_pixels.alike(train, test, looks):
            if str(photo) in reported:
                continue
            found_text = f"looks like {other}; {bits} of 64 bits differ"
            found_text += "; the split is drawn with seed 0" if split.drawn else ""
            report.faults.append(Fault(label, kinds.LIKENESS, str(photo), found_text))


def _lines(config: Check, report: Report) -> Iterator[str]:
    from tabulate import tabulate

    from wespe_bench.datasets import dped
    from wespe_bench.datasets.source import sources

    yield f"{config.dataset} in {report.root}"
    yield ""
    heads = ("part", "found", "expected", "size", "faults")
    right = ("left", "right", "right", "right", "right")
    yield tabulate(_rows(report), heads, tablefmt="simple", colalign=right, disable_numparse=True)
    name, _, argument = config.dataset.partition("?")[0].partition(":")
    known = sources()
    expected_counts = known[name].counts if name in known else ()
    if name == "dped" and argument:
        expected_counts = (dped.COUNTS[argument], dped.COUNTS["canon"])
    for counts in expected_counts:
        size = f", {counts.width}x{counts.height}" if counts.width else ""
        yield (
            f"the paper's Table {counts.table}: {counts.camera}, {counts.train} training and "
            f"{counts.test} test photos{size}"
        )
    yield ""
    for title, found in (("faults", report.faults), ("remarks", report.remarks)):
        if found:
            yield f"{title}:"
            yield from _listed(found, report.root, config.all)
            yield ""
    for what in report.unlooked:
        yield f"not looked at: {what}"
    number = len(report.faults)
    yield f"{number} {'fault' if number == 1 else 'faults'}" if number else "nothing is wrong"


def _rows(report: Report) -> list[list[str]]:
    """A line a label: parts with one label (the drives of KITTI) are counted together."""
    wrong = Counter(fault.part for fault in report.faults)
    places: dict[str, list[Place]] = defaultdict(list)
    for place in report.places:
        places[place.label].append(place)
    rows = []
    for label in dict.fromkeys([*(p.label for p in report.parts), *places]):
        mine = places.get(label, [])
        part = next((p for p in report.parts if label.removesuffix(", pairs") == p.label), None)
        known = part is not None and label == part.label and part.expected is not None
        sizes = Counter(size for place in mine for size in place.sizes.values())
        rows.append(
            [
                label,
                str(sum(len(place.endings) for place in mine)) if mine else "not there",
                _expected(part) if part and known else "-",
                _sizes(sizes),
                str(wrong[label]) if mine else "-",
            ]
        )
    return sorted(rows, key=lambda row: _place_of(row[0], report.parts))


def _place_of(label: str, parts: Sequence[Part]) -> tuple[int, str]:
    """Pairs come right after their photos."""
    labels = list(dict.fromkeys(part.label for part in parts))
    plain = label.removesuffix(", pairs")
    return (labels.index(plain) if plain in labels else len(labels), label)


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    if not sizes:
        return "-"
    (width, height), _ = sizes.most_common(1)[0]
    more = f" and {len(sizes) - 1} more" if len(sizes) > 1 else ""
    return f"{width}x{height}{more}"


def _listed(found: Sequence[Fault], root: Path, everything: bool) -> Iterator[str]:
    """Faults kind by kind, as many as fit."""
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    for fault in found:
        by_kind[fault.kind].append(fault)
    for kind, some in by_kind.items():
        yield f"  {kind}: {len(some)}"
        for fault in some if everything else some[:SHOWN]:
            detail = f" ({_plain(fault.detail, root)})" if fault.detail else ""
            yield f"    {_plain(fault.path, root)}{detail}"
        if len(some) > SHOWN and not everything:
            yield f"    and {len(some) - SHOWN} more (--all prints them, --out FILE writes them)"


def _plain(text: str, root: Path) -> str:
    """A path below the root, in characters that can be printed."""
    text = text.replace(f"{root}/", "")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _csv(report: Report) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for what, found in (("fault", report.faults), ("remark", report.remarks)):
        for fault in found:
            row = (fault.part, fault.kind, fault.path, fault.detail)
            writer.writerow((what, *(escape_csv_formula(_plain(t, report.root)) for t in row)))
    return buffer.getvalue()
