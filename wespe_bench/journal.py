"""What a long verb over a data set has done so far, so that a killed one is resumed.

A journal is a folder of JSON-lines parts. A part appears by a rename and is never changed;
of two rows of one sample the later one counts. The verb removes the journal once what it
says stands in the verb's own index.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wespe_bench import atomic
from wespe_bench.engines import Outcome, Setup
from wespe_bench.errors import InputError, writing
from wespe_bench.option_checks import check_out
from wespe_bench.reading import parse_json
from wespe_bench.runs import Failure
from wespe_bench.types import Sample, check_id


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal in ``folder``, which need not exist yet."""

    folder: Path

    def claim(self, otherwise: str) -> None:
        """Make the journal's folder inside the verb's, which has to be new or ours.

        Raises InputError when that holds anything else, was begun ``otherwise``, with
        another journal, or cannot be written.
        """
        out = self.folder.parent
        check_out(out)
        there = sorted(path.name for path in out.glob("*") if not path.name.startswith("."))
        if self.folder.name not in there and there:
            begun = any(name.startswith("journal-") for name in there)
            what = f"was begun with {otherwise}" if begun else f"holds {there[0]}, not made here"
            raise InputError(f"{out} {what}; choose another --out")
        make_folder(self.folder)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Sample id -> its latest row. A part that is damaged counts for nothing: redone."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(self.folder.glob("part-*.jsonl")):
            try:
                rows = [parse_json(line) for line in path.read_text("utf-8").splitlines()]
                for row in rows:
                    check_id(row["sample"])  # verbs make file names of it
                    found[row["sample"]] = row
            except (OSError, ValueError, TypeError, KeyError):
                continue
        return found

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows, each with a "sample", as one part."""
        numbers = [int(path.stem.partition("-")[2]) for path in self.folder.glob("part-*.jsonl")]
        lines = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
        atomic.write_text(self.folder / f"part-{max(numbers, default=0) + 1:08d}.jsonl", lines)

    def remove(self) -> None:
        """Delete it, with whatever a killed process left in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder with its parents. Raises InputError when that, or writing in it, cannot be."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "read-only, or not yours to write")


def check_room(folder: Path, size: int, what: str, there: int = 0) -> None:
    """Raise InputError unless ``size`` bytes fit on the disk, ``there`` of which are written.

    ``what`` says what they are: "to unpack", "of pixels".
    """
    free = shutil.disk_usage(folder).free
    if size - there > free:
        raise InputError(
            f"{folder}: {amount(size)} {what}, {amount(free)} free; choose another --out"
        )


def amount(size: int) -> str:
    """A number of bytes for people, in three digits.

    >>> amount(999), amount(12_345), amount(3_530_603_713)
    ('999 bytes', '12.3 kB', '3.53 GB')
    """
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


def refuse_inside(out: Path, *inputs: str | None, samples: Sequence[Sample] = ()) -> None:
    """Raise InputError when ``out`` lies in a folder that is read: its files would be too.

    Read are the folders ``inputs``, and those that hold the ``samples``, or their references.
    """
    folders = [folder for folder in inputs if folder]
    for paths in ([s.path for s in samples], [s.reference for s in samples if s.reference]):
        if parents := {os.path.dirname(os.path.abspath(path)) for path in paths}:  # noqa: PTH100, PTH120
            folders.append(os.path.commonpath(parents))
    for folder in folders:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise InputError(f"--out {out} lies inside {folder}; choose a folder outside of it")


def refuse_other(
    out: Path, before: Mapping[str, Any], now: Mapping[str, Any], renamed: bool = False
) -> None:
    """Raise InputError when what ``out`` was made of is another data set than today's.

    Both map an id to the hashes of its files. A data set that lost or changed some of its
    photos is the same; one with no photo in common is another, and so is one ``renamed``
    that lacks any.
    """
    lost = sum(now.get(id_) != content for id_, content in before.items())
    if lost and (renamed or lost == len(before)):
        raise InputError(f"{out} holds another data set; choose another --out")


def stands(
    row: Mapping[str, Any], sources: Mapping[str, str | None], files: Mapping[str, Path]
) -> bool:
    """Whether ``row`` is of these sources' hashes, and each of its files has the hash it names.

    Both map a column of the row: to a hash, and to a file.
    """
    from wespe_bench import provenance

    if any(row.get(column) != sha256 for column, sha256 in sources.items()):
        return False
    try:
        return all(provenance.sha256_file(path) == row.get(of) for of, path in files.items())
    except InputError:
        return False


def work_through(
    setup: Setup,
    context: Any,
    items: Sequence[Any],
    journal: Journal,
    *,
    title: str,
    jobs: int,
    chunk: int,
    sample_of: Callable[[Any], str],
    before_writing: Callable[[], None] = lambda: None,
) -> tuple[dict[str, dict[str, Any]], list[Failure]]:
    """Do the items with `wespe_bench.engines.local`, journalling every row.

    Returns sample id -> row of what was done now, and what failed (stage ``title``).
    ``before_writing`` is called before a part is written. Raises InputError for what would
    meet every other item too, a full disk for instance; what was done by then is in the
    journal.
    """
    from wespe_bench.driver import run_items
    from wespe_bench.engines import local

    done: dict[str, dict[str, Any]] = {}
    failures: list[Failure] = []

    def take(outcome: Outcome) -> Sequence[dict[str, Any]]:
        if outcome.error:
            sample = sample_of(outcome.item)
            failures.append(Failure(journal.folder.parent, sample, title, outcome.error))
            return ()
        done.update({row["sample"]: row for row in outcome.rows})
        return outcome.rows

    def write(rows: Sequence[dict[str, Any]]) -> None:
        before_writing()
        journal.add(rows)

    run_items(
        local,
        setup,
        context,
        items,
        title=title,
        jobs=jobs,
        chunk=chunk,
        take=take,
        write=write,
    )
    return done, failures
