"""A short, seeded run of the fuzzer; a finding's number brings it back (see `fuzz`)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.hostile import fuzz
from tests.hostile.cell import Cell
from tests.hostile.readers import READERS, spoilt
from tests.hostile.table import PAGE

_NAMES = [reader.name for reader in READERS]

#: Attempts at each reader; a few hundred where these cost a millisecond.
RUNS = 200


@pytest.mark.parametrize("name", _NAMES)
def test_damaged_files_are_read_or_refused(name: str, cell: Cell) -> None:
    tally = fuzz.fuzz(cell, name, seed=0, runs=RUNS)
    assert tally.findings == []
    assert tally.runs == RUNS
    # A fuzzer all of whose files are refused, or read, tests nothing.
    assert tally.read < RUNS
    assert tally.read > 0


def test_attempts_are_the_same_again() -> None:
    for name in ("run card", "zip, tar"):
        assert spoilt(name, 3, 7) == spoilt(name, 3, 7) != spoilt(name, 3, 8)


def test_the_recorded_runs_have_no_findings() -> None:
    path = Path(fuzz.__file__).with_name("results.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["reader"] for row in rows} == set(_NAMES)
    latest = {row["reader"]: row for row in rows}
    assert all(int(row["findings"]) == 0 and int(row["runs"]) > 0 for row in latest.values())


def test_the_page_states_the_recorded_run() -> None:
    path = Path(fuzz.__file__).with_name("results.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == "2"]
    whole = list({row["reader"]: row for row in reversed(rows)}.values())  # the first of each
    runs, findings = (sum(int(row[name]) for row in whole) for name in ("runs", "findings"))
    minutes = sum(int(row["seconds"]) for row in whole) // 60
    text = " ".join(PAGE.read_text("utf-8").split())
    said = f"Seed 2 gave {len(whole)} readers {minutes} minutes, {runs:,} attempts: {findings} "
    assert said in text
