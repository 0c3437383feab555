"""A seeded fuzzer for the readers we wrote: whole files are damaged, and read.

    python tests/hostile/fuzz.py --minutes 2 --seed 0
    python tests/hostile/fuzz.py --minutes 8 --seed 1 --results tests/hostile/results.csv
    python tests/hostile/fuzz.py --only "run card" --number 4711

Each reader (`tests.hostile.readers`) works in a process of its own with bounded memory and
time. What it may do is to read the file, or to raise InputError; anything else is a finding,
which the seed, the reader and the number of the attempt bring back.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hostile.cell import MEMORY, Cell, Ending
from tests.hostile.readers import READERS, attempt, check_seeds
from wespe_bench import __version__

#: Seconds that one attempt may take.
SECONDS = 20.0

_IMPORTS = ("tests.hostile.readers", "wespe_bench.images", "wespe_bench.store")
_COLUMNS = ("version", "day", "seed", "reader", "seconds", "runs", "read", "findings")


@dataclass
class Tally:
    """What came of one reader's attempts: how many, how many were read, and the findings."""

    reader: str
    runs: int = 0
    read: int = 0
    seconds: float = 0.0
    findings: list[tuple[int, Ending]] = field(default_factory=list)


def fuzz(cell: Cell, reader: str, seed: int, runs: int = 0, seconds: float = 0.0) -> Tally:
    """That many attempts at one reader, or as many as the seconds allow."""
    tally = Tally(reader)
    with tempfile.TemporaryDirectory() as folder:
        first = cell.ask(check_seeds, reader, folder, bounded=False, seconds=300)
        if first.kind != "answer":
            raise SystemExit(f"{reader}: a whole file is not read: {first.text}")
        begin = time.monotonic()
        while tally.runs < runs or tally.seconds < seconds:
            ending = cell.ask(attempt, reader, seed, tally.runs, folder, seconds=SECONDS)
            tally.read += ending.kind == "answer"
            if not ending.fine or len(str(ending.text).splitlines()) > 1:
                tally.findings.append((tally.runs, ending))
            tally.runs += 1
            tally.seconds = time.monotonic() - begin
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=2.0, help="for all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="one reader, by its name")
    parser.add_argument("--number", type=int, help="with --only: that attempt, its error whole")
    parser.add_argument("--results", help="a CSV that the run is added to")
    parser.add_argument("--memory", type=int, default=MEMORY // 2**20, help="MiB of an attempt")
    options = parser.parse_args()
    memory = options.memory * 2**20
    names = [reader.name for reader in READERS if options.only in ("", reader.name)]
    if not names:
        parser.error(f"no reader {options.only!r}; {', '.join(r.name for r in READERS)}")
    if options.number is not None:
        with Cell(_IMPORTS, memory) as cell, tempfile.TemporaryDirectory() as folder:
            ending = cell.ask(attempt, names[0], options.seed, options.number, folder)
        print(f"{ending.kind}: {ending.text}")
        return 0 if ending.fine else 1
    tallies = []
    print(f"{'reader':<22} {'runs':>8} {'runs/s':>8} {'read':>7}  findings")
    for name in names:
        with Cell(_IMPORTS, memory) as cell:
            tally = fuzz(cell, name, options.seed, seconds=60 * options.minutes / len(names))
        tallies.append(tally)
        rate = tally.runs / tally.seconds
        share = f"{100 * tally.read / tally.runs:.1f}%"
        print(f"{name:<22} {tally.runs:>8} {rate:>8.0f} {share:>7}  {len(tally.findings)}")
        for number, ending in tally.findings[:5]:
            last = str(ending.text).strip().splitlines()[-1:] or [""]
            print(f"    {number}: {ending.kind}: {last[0][:150]}", flush=True)
    if options.results:
        _record(Path(options.results), options.seed, tallies)
    return 1 if any(tally.findings for tally in tallies) else 0


def _record(path: Path, seed: int, tallies: list[Tally]) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if new:
            table.writerow(_COLUMNS)
        for t in tallies:
            row = (__version__, date.today(), seed, t.reader, f"{t.seconds:.0f}")
            table.writerow((*row, t.runs, t.read, len(t.findings)))


if __name__ == "__main__":
    sys.exit(main())
