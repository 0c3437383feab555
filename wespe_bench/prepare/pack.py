"""The verb ``data pack``: decode every photo once, into one memory-mapped block of pixels.

The workers decode and write each photo to its place; the journal says what is done. What a
killed pack had written is hashed again before it is believed. ``pack.json`` comes last.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wespe_bench import lock
from wespe_bench.arguments import JobOptions, PhotoOptions
from wespe_bench.errors import InputError
from wespe_bench.journal import (
    Journal,
    make_folder,
    refuse_inside,
    refuse_other,
    work_through,
)
from wespe_bench.option_checks import check_jobs, check_out
from wespe_bench.prepare.pack_layout import Layout, allocate, lay_out
from wespe_bench.prepare.pack_pixels import believed, open_worker
from wespe_bench.runs import Failure, folder_name, tell

if TYPE_CHECKING:
    from wespe_bench.datasets.packed import Packed
    from wespe_bench.types import Dataset


@dataclass(frozen=True)
class Pack(PhotoOptions, JobOptions):
    """Decode a data set once, into one memory-mapped block of pixels with an index.

    Patches of one size become an array (N, H, W, 3), photos of differing sizes lie one after
    the other. Python reads it with wespe_bench.datasets.packed.Packed. The same command
    resumes a killed pack, and does nothing where all is packed.

    Examples:
      wespe-bench data pack --input patches/phone --reference patches/dslr
      wespe-bench data pack --input photos/ --out packed/photos --verify
    """

    out: str | None = None
    """The folder to write (default: packed/NAME where data sets live)."""
    kind: Literal["auto", "patches", "photos"] = "auto"
    """patches (all of one size), photos (any sizes), or what the photos look like."""
    verify: bool = False
    """Hash every photo and every packed pixel again, instead of trusting size and time."""


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
    ``verify`` pixels that are there are hashed, and packed again where they are damaged.

    Raises InputError when ``out`` holds something else, is being written by another pack, or
    lies among the photos; when the disk is too small; when no photo could be packed.
    """
    from wespe_bench import provenance

    refuse_inside(out, samples=dataset.samples)
    _check_folder(out)
    if not (out / "pack.json").exists():  # a whole pack may lie where nothing can be written
        make_folder(out)
    hashes = {row[0]: row[1:] for row in provenance.hash_samples(dataset.samples)}
    revision = provenance.revision((id_, *pair) for id_, pair in hashes.items())
    layout = lay_out(dataset, kind)
    key = layout.key(revision)
    with lock.held(out, f"pack {key}"):
        return _pack(dataset, out, hashes, revision, layout, jobs=jobs, verify=verify)


def _pack(
    dataset: Dataset,
    out: Path,
    hashes: dict[str, tuple[str, str | None]],
    revision: str,
    layout: Layout,
    *,
    jobs: int,
    verify: bool,
) -> tuple[int, int, list[Failure]]:
    from wespe_bench import atomic, provenance
    from wespe_bench.datasets import packed
    from wespe_bench.engines import chunk_of

    key = layout.key(revision)
    sides = ("input", "reference") if dataset.paired else ("input",)
    files = {side: f"{side}-{key}.npy" for side in sides}
    journal = Journal(out / f"journal-{key}")
    before = _packed_before(out, files)
    if before is not None and not verify:
        listed = before.head["left_out"].items()
        return 0, len(before), [Failure(out, id_, "pack", why) for id_, why in listed]
    if before is None:
        _refuse_other(dataset, out, hashes)
    rows = ({} if before is None else before.rows()) | journal.rows()
    for side in sides:
        allocate(out / files[side], layout.shape)
    paths = [out / files[side] for side in sides]
    kept = believed(rows, layout, paths, hashes)
    todo = [item for item in layout.items if item.sample not in kept]

    def flush() -> None:
        for path in paths:
            with open(path, "r+b") as file:
                os.fsync(file.fileno())

    done, failures = work_through(
        open_worker,
        (layout.kind, tuple(map(str, paths))),
        todo,
        journal,
        title="pack",
        jobs=jobs,
        chunk=chunk_of((sample.path for sample in dataset.samples), len(dataset)),
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


def _refuse_other(dataset: Dataset, out: Path, hashes: dict[str, tuple[str, str | None]]) -> None:
    """Refuse a folder with a pack, finished or begun, of another data set."""
    from wespe_bench.datasets.packed import read_head, read_index

    rows: dict[str, dict[str, Any]] = {}
    name = dataset.name
    for path in out.glob("journal-*"):
        rows |= Journal(path).rows()
    try:
        head = read_head(out)
        index = read_index(out, head)
    except InputError:  # none there, or a damaged one: it is packed again
        pass
    else:
        name = head["dataset"]["name"]
        for row in zip(*index.values(), strict=True):
            rows[row[0]] = dict(zip(index, row, strict=True))
    sources = ("source_sha256", "reference_source_sha256")
    before = {id_: tuple(map(row.get, sources)) for id_, row in rows.items()}
    refuse_other(out, before, hashes, renamed=name != dataset.name)


def _check_folder(out: Path) -> None:
    """Refuse a folder that holds anything that is not a pack's."""
    check_out(out)
    ours = re.compile(
        r"pack\.json|index-[0-9a-f]{12}\.parquet|(input|reference)-[0-9a-f]{12}\.npy"
        r"|journal-[0-9a-f]{12}|\..*\.tmp|" + re.escape(lock.NAME)
    )
    strange = [path for path in sorted(out.glob("*")) if not ours.fullmatch(path.name)]
    if strange:
        raise InputError(f"{out} holds {strange[0].name}, so it is no pack; choose another --out")


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
        elif path.name not in current | {lock.NAME}:
            path.unlink(missing_ok=True)


def main(config: Pack) -> int:
    """The verb ``data pack``."""
    from wespe_bench import provenance
    from wespe_bench.datasets.choice import choose
    from wespe_bench.provenance import data_folder

    check_jobs(config.jobs)
    if config.verify:
        provenance.forget()
    dataset, options = choose(config.dataset, config)
    root = Path(config.data) if config.data else data_folder()
    out = Path(config.out) if config.out else root / "packed" / folder_name(dataset.name)
    refuse_inside(out, config.input, config.reference, options.get("folder"))
    done, kept, failures = pack(
        dataset, out, kind=config.kind, jobs=config.jobs, verify=config.verify
    )
    what = "pairs" if dataset.paired else "photos"
    there = f", {kept} were there already" if kept else ""
    checked = " and verified" if config.verify and kept else ""
    print(f"{done} {what} packed{there}{checked} -> {out}")
    return tell(failures)
