"""How long the report of a big study takes, against merely reading its votes.

    uv run benchmarks/study_report.py

Simulated votes of 1,430 raters on the paper's 70 questions (100,100 votes), as votes.csv. Timed:
reading that file with pandas, the floor of any report; the whole of `study report` from the file
to its four files; and its parts. A second study of as many votes has many raters with few votes
each. Prints seconds and processor time and writes ``benchmarks/results/study_report.csv``.
"""

from __future__ import annotations

import argparse
import csv
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.study.contents import make_report
from reports.study.report import write
from reports.study.votes import COLUMNS, check_votes, load_votes
from wespe_bench import provenance

RESULTS = Path(__file__).parent / "results"
QUESTIONS = 70


def main(votes: int, out: Path) -> None:
    rows: list[tuple[str, int, float, float]] = []
    for name, raters in (
        ("every rater answers 70 questions", -(-votes // QUESTIONS)),
        ("every rater answers 5 questions", -(-votes // 5)),
    ):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            count = simulate(folder / "votes.csv", raters, QUESTIONS if "70" in name else 5)
            whole(folder)  # imports and caches
            for what, work in (
                ("pandas.read_csv", read),
                ("reading and checking", check),
                ("study report, from the file to its files", whole),
            ):
                seconds, busy = timed(work, folder)
                rows.append((f"{name}: {what}", count, seconds, busy))
                print(
                    f"{seconds:7.2f} s, {busy:7.2f} s of processor time  {count:,} votes, "
                    f"{rows[-1][0]}"
                )
    about = f"{provenance.machine()}, Python {platform.python_version()}, numpy {np.__version__}, "
    about += f"pandas {pd.__version__}"
    with open(out / "study_report.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["what", "votes", "seconds", "cpu_seconds", "platform"])
        for what, count, seconds, busy in rows:
            table.writerow([what, count, f"{seconds:.3f}", f"{busy:.3f}", about])


def read(folder: Path) -> None:
    pd.read_csv(folder / "votes.csv")


def check(folder: Path) -> None:
    check_votes(load_votes(folder))


def whole(folder: Path) -> None:
    write(make_report(load_votes(folder)), folder, source=folder)


def timed(work: Callable[[Path], Any], folder: Path) -> tuple[float, float]:
    """Seconds and seconds of processor time."""
    begun = time.perf_counter(), time.process_time()
    work(folder)
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def simulate(path: Path, raters: int, each: int) -> int:
    """Write votes of ``raters`` on ``each`` of the questions drawn for them; how many."""
    rng = np.random.default_rng(2018)
    question = np.argsort(rng.random((raters, QUESTIONS)), axis=1)[:, :each].ravel()
    rater = np.repeat(np.arange(raters), each)
    rival = np.where(question % 2, "ape", "original")
    image = question // 2
    won = rng.random(len(rater)) < 0.45 + 0.4 * rng.random(QUESTIONS)[question]
    turned = rng.random(len(rater)) < 0.5
    chosen = np.where(won, "WESPE", rival)
    left, right = np.where(turned, "WESPE", rival), np.where(turned, rival, "WESPE")
    columns = {
        "rater": [f"{number:032x}" for number in rater],
        "question": [f"{number:016x}" for number in question],
        "dataset": [f"set{number // 7}" for number in image],
        "sample": [f"photo{number % 7}" for number in image],
        "first": rival,
        "second": "WESPE",
        "left": left,
        "right": right,
        "choice": np.where(won == turned, "left", "right"),
        "chosen": chosen,
        "check": "",
        "correct": "",
        "position": np.tile(np.arange(1, each + 1), raters),
        "milliseconds": rng.lognormal(8.3, 0.8, len(rater)).astype(int),
        "revised": 0,
        "source": "server",
    }
    pd.DataFrame(columns)[list(COLUMNS)].to_csv(path, index=False)
    return len(rater)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sys.exit(main(options.votes, options.out))
