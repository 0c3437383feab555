"""The verb ``data pack``: decode every photo once, into one memory-mapped block of pixels.

The workers decode and write each photo to its place; the journal says what is done. What a
killed pack had written is hashed again before it is believed. ``pack.json`` comes last.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wespe_bench.arguments import check_jobs, cores
from wespe_bench.data.journal import Journal, make_folder, work_through
from wespe_bench.data.layout import Item, Layout, allocate, lay_out
from wespe_bench.engines import Outcome
from wespe_bench.errors import InputError, one_line
from wespe_bench.runs import Failure, folder_name, tell

if TYPE_CHECKING:
    from wespe_bench.datasets.packed import Packed
    from wespe_bench.types import Dataset

_FATAL = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.ENOENT}


@dataclass(frozen=True)
class Pack:
    """Decode a data set once, into one memory-mapped block of pixels with an index.

    Patches of one size become an array (N, H, W, 3), photos of differing sizes lie one after
    the other. Python reads it with wespe_bench.datasets.packed.Packed. The same command
    resumes a killed pack, and does nothing where all is packed.

    Examples:
      wespe-bench data pack --input patches/phone --reference patches/dslr
      wespe-bench data pack --input photos/ --out packed/photos --verify
    """

    dataset: str | None = None
    """A data set's name (default: samples, or folder when --input is given)."""
    input: str | None = None
    """A folder of photos, instead of a named data set."""
    reference: str | None = None
    """A folder of references for --input, paired by file name."""
    input_suffix: str | None = None
    """The end of the photos' names that is not part of the pair's name, e.g. _phone."""
    reference_suffix: str | None = None
    """The same for the references, e.g. _dslr."""
    name: str | None = None
    """What to call the photos of --input (default: the folder's name)."""
    data: str | None = None
    """Where data sets live (default: $WESPE_DATA, else data/)."""
    out: str | None = None
    """The folder to write (default: packed/NAME where data sets live)."""
    kind: Literal["auto", "patches", "photos"] = "auto"
    """patches (all of one size), photos (any sizes), or what the photos look like."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""
    verify: bool = False
    """Hash every photo and every packed pixel anew, instead of trusting size and time."""


def pack(
    dataset: Dataset,
    out: Path,
    *,
    kind: str = "auto",
    jobs: int = 0,
    verify: bool = False,
) -> tuple[int, int, list[Failure]]:
    """Pack ``dataset`` into the folder ``out``; resumes what is there.

    Returns how many photos were packed now, how many were there, and what was left out:
    unreadable photos, pairs of two sizes, and, among patches, photos of another size. With
    ``verify`` pixels that are there are hashed and packed anew where they are damaged.

    Raises InputError when ``out`` holds something else, the disk is too small, or no photo
    could be packed.
    """
    from wespe_bench import atomic, provenance
    from wespe_bench.datasets import packed
    from wespe_bench.engines import chunk_of

    _check_folder(out)
    make_folder(out)
    hashes = {row[0]: row[1:] for row in provenance.hash_samples(dataset.samples)}
    revision = provenance.revision((id_, *pair) for id_, pair in hashes.items())
    layout = lay_out(dataset, kind)
    key = layout.key(revision)
    sides = ("input", "reference") if dataset.paired else ("input",)
    files = {side: f"{side}-{key}.npy" for side in sides}
    journal = Journal(out / f"journal-{key}")
    before = _packed_before(out, files)
    if before is not None and not verify:
        listed = before.head["left_out"].items()
        return 0, len(before), [Failure(out, id_, "pack", why) for id_, why in listed]
    rows = ({} if before is None else before.rows()) | journal.rows()
    for side in sides:
        allocate(out / files[side], layout.shape)
    paths = [out / files[side] for side in sides]
    kept = _believed(rows, layout, paths, hashes)
    todo = [item for item in layout.items if item.sample not in kept]

    def flush() -> None:
        for path in paths:
            with open(path, "r+b") as file:
                os.fsync(file.fileno())

    done, failures = work_through(
        open_worker,
        tuple(map(str, paths)),
        todo,
        journal,
        title="pack",
        jobs=jobs,
        chunk=chunk_of([sample.path for sample in dataset.samples]),
        sample_of=lambda item: str(item.sample),
        before_writing=flush,
    )
    failures = [Failure(out, id_, "pack", why) for id_, why in layout.unreadable] + failures
    failures += _changed(done, dataset, hashes, out)
    left = {failure.sample: failure.error for failure in failures}
    found = {id_: row for id_, row in (kept | done).items() if id_ not in left}
    if not found:
        raise InputError(f"{dataset.name}: no photo could be packed; {next(iter(left.values()))}")
    in_order = [found[item.sample] for item in layout.items if item.sample in found]
    index_bytes = packed.write_index([{c: row.get(c) for c in packed.COLUMNS} for row in in_order])
    digest = provenance.sha256_bytes(index_bytes)
    index_name = f"index-{digest[:12]}.parquet"
    atomic.write_bytes(out / index_name, index_bytes)
    head = {
        "schema": packed.SCHEMA,
        "kind": layout.kind,
        "n": len(in_order),
        "files": files,
        "index": index_name,
        "index_sha256": digest,
        "dataset": {
            "name": dataset.name,
            "revision": revision,
            "paired": dataset.paired,
            "note": dataset.note,
            "n": len(dataset),
        },
        "left_out": left,
        "versions": provenance.versions(),
    }
    text = json.dumps(head, indent=2, ensure_ascii=False)
    atomic.write_text(out / "pack.json", text + "\n")
    _tidy(out, {*files.values(), index_name, "pack.json"})
    return sum(id_ in found for id_ in done), sum(id_ in found for id_ in kept), failures


def _packed_before(out: Path, files: dict[str, str]) -> Packed | None:
    """The finished pack of the same photos, if there is one and its files are whole."""
    from wespe_bench.datasets.packed import Packed

    if not (out / "pack.json").exists():
        return None
    try:
        before = Packed.open(out)
    except InputError:
        return None
    return before if before.head["files"] == files else None


def _check_folder(out: Path) -> None:
    """Refuse a folder that holds anything that is not a pack's."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose another --out")
    ours = re.compile(
        r"pack\.json|index-[0-9a-f]{12}\.parquet|(input|reference)-[0-9a-f]{12}\.npy"
        r"|journal-[0-9a-f]{12}|\..*\.tmp"
    )
    strange = [path for path in sorted(out.glob("*")) if not ours.fullmatch(path.name)]
    if strange:
        raise InputError(f"{out} holds {strange[0].name}, so it is no pack; choose another --out")


def _believed(
    rows: dict[str, dict[str, Any]],
    layout: Layout,
    paths: Sequence[Path],
    hashes: dict[str, tuple[str, str | None]],
) -> dict[str, dict[str, Any]]:
    """The rows whose photos are unchanged and whose pixels are in the files, hash for hash."""
    if not rows:
        return {}
    import numpy as np

    kept = {}
    maps = [np.asarray(np.load(path, mmap_mode="r")).reshape(-1) for path in paths]
    for item in layout.items:
        row = rows.get(item.sample)
        if row is None:
            continue
        place = [row.get("offset"), row.get("height"), row.get("width")]
        sources = (row.get("source_sha256"), row.get("reference_source_sha256"))
        if place != [item.offset, item.height, item.width] or sources != hashes[item.sample]:
            continue
        end = item.offset + item.height * item.width * 3
        digests = [hashlib.sha256(pixels[item.offset : end].data).hexdigest() for pixels in maps]
        if digests == [row.get(p + "pixels_sha256") for p in ("", "reference_")[: len(maps)]]:
            kept[item.sample] = row
    return kept


def _changed(
    done: dict[str, dict[str, Any]],
    dataset: Dataset,
    hashes: dict[str, tuple[str, str | None]],
    out: Path,
) -> list[Failure]:
    """Photos that were not, when they were read, what the revision says they are."""
    from wespe_bench import provenance

    failures = []
    for sample in dataset.samples:
        row = done.get(sample.id)
        if row is None:
            continue
        if (row["source_sha256"], row["reference_source_sha256"]) != hashes[sample.id]:
            for path in (sample.path, sample.reference):
                if path is not None:
                    provenance.forget(path)
            reason = "changed since the data set was hashed; run the same command again"
            failures.append(Failure(out, sample.id, "pack", reason))
    return failures


def _tidy(out: Path, current: set[str]) -> None:
    """Delete what an earlier pack, or a killed one, left behind."""
    for path in out.iterdir():
        if path.is_dir():
            Journal(path).remove()
        elif path.name not in current:
            path.unlink(missing_ok=True)


def open_worker(paths: tuple[str, ...]) -> Callable[[Sequence[Item]], list[Outcome]]:
    """In each worker: the pixel files, open for writing."""
    import numpy as np

    files, starts = [], []
    for path in paths:
        file = open(path, "r+b", buffering=0)  # noqa: SIM115  open as long as the worker lives
        starts.append(np.load(path, mmap_mode="r").offset)
        files.append(file)

    def one(item: Item) -> Outcome:
        from wespe_bench import images

        row: dict[str, Any] = {
            "sample": item.sample,
            "offset": item.offset,
            "height": item.height,
            "width": item.width,
            "reference_source_sha256": None,
            "reference_pixels_sha256": None,
        }
        for path, file, start, prefix in zip(
            item.paths, files, starts, ("", "reference_"), strict=False
        ):
            try:
                with open(path, "rb") as source:
                    data = source.read()
                pixels = images.read_rgb(data, name=path)
            except OSError as error:
                return Outcome(item, error=f"{path}: cannot be read ({error.strerror})")
            except (InputError, MemoryError) as error:
                return Outcome(item, error=one_line(error))
            if pixels.shape[:2] != (item.height, item.width):
                has, wanted = f"{pixels.shape[1]}x{pixels.shape[0]}", f"{item.width}x{item.height}"
                who = f"like the photo ({item.paths[0]})" if prefix else "like the other patches"
                return Outcome(item, error=f"{path}: {has}, not {wanted} {who}")
            row[f"{prefix}source_sha256"] = hashlib.sha256(data).hexdigest()
            row[f"{prefix}pixels_sha256"] = hashlib.sha256(pixels.data).hexdigest()
            try:
                file.seek(start + item.offset)
                rest = pixels.data.cast("B")
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError as error:
                reason = f"cannot write {file.name}: {error.strerror or error}"
                return Outcome(item, error=reason, fatal=error.errno in _FATAL)
        return Outcome(item, rows=(row,))

    return lambda items: [one(item) for item in items]


def main(argv: list[str]) -> int:
    """The verb ``data pack``."""
    from wespe_bench import provenance
    from wespe_bench.arguments import parse
    from wespe_bench.datasets.choice import choose
    from wespe_bench.datasets.locations import data_folder

    config = parse(Pack, argv, "data pack")
    check_jobs(config.jobs)
    if config.out == "":
        raise InputError("--out is empty; is a variable unset?")
    if config.verify:
        provenance.forget()
    dataset, _ = choose(config.dataset, config)
    root = Path(config.data) if config.data else data_folder()
    out = Path(config.out) if config.out else root / "packed" / folder_name(dataset.name)
    done, kept, failures = pack(
        dataset, out, kind=config.kind, jobs=config.jobs, verify=config.verify
    )
    what = "pairs" if dataset.paired else "photos"
    there = f", {kept} were there already" if kept else ""
    checked = " and verified" if config.verify and kept else ""
    print(f"{done} {what} packed{there}{checked} -> {out}")
    return tell(failures)
