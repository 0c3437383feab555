"""A run folder opened as a `Run`: what it gives, and that each of its files is read once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.reports.runs import make_run
from wespe_bench import cli, load_scores, store
from wespe_bench.errors import InputError
from wespe_bench.run import Run, open_runs

_opened: Counter[Path] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], (str, Path)):
        _opened[Path(arguments[0]).resolve()] += 1


sys.addaudithook(_note)  # sees every file that Python opens, whoever opens it


@contextmanager
def opens() -> Iterator[Counter[Path]]:
    """Count how often each file is opened."""
    global _opened
    _opened = Counter()
    try:
        yield _opened
    finally:
        _opened = None


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, scored in two parts each; one has a failure."""
    scores = {"psnr": [20.0, 21.0, 22.0, 23.0], "ssim": [0.5, 0.6, 0.7, 0.8]}
    for number, label in enumerate(("identity", "clahe")):
        failures = [("s03", "score", "bpp")] if label == "clahe" else []
        better = {name: [value + number for value in of] for name, of in scores.items()}
        make_run(tmp_path / "runs", label, better, shade=number, failures=failures)
    return tmp_path / "runs"


VERBS: dict[str, Callable[[Path], list[str]]] = {
    "report": lambda out: ["report", "runs", "--out", f"{out}"],
    "leaderboard": lambda out: ["leaderboard", "--runs", "runs", "--out", f"{out}"],
    "compare": lambda out: ["compare", "clahe", "identity", "--runs", "runs", "--out", f"{out}"],
    "tables": lambda out: [
        *("tables", "2", "--runs", "runs", "--method", "APE=clahe"),
        *("--dataset", "iphone patches=photos"),
    ],
    "figures": lambda out: ["figures", "runs", "--out", f"{out}"],
    "export": lambda out: ["export", "scores", "runs", "--out", f"{out}.csv"],
    "merge": lambda out: ["merge", "runs", "--out", f"{out}"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_file_of_a_run_is_read_once(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with opens() as opened:
        assert cli.main(VERBS[verb](tmp_path / "out")) == 0
    files = [*runs.rglob("run.json"), *runs.rglob("*.parquet")]
    assert len(files) == 2 * 4 + 1
    counts = {file.relative_to(runs).as_posix(): opened[file] for file in files}
    assert counts == dict.fromkeys(counts, 1)


def test_a_run_gives_what_its_folder_holds(runs: Path) -> None:
    run = Run(runs / "photos" / "clahe", "photos/clahe")
    assert (run.label, run.dataset, run.seed) == ("clahe", "photos", 0)
    assert list(run.samples["sample"]) == list(run.results.index) == ["s00", "s01", "s02", "s03"]
    assert run.failures[["sample", "stage", "error"]].values.tolist() == [["s03", "score", "bpp"]]
    assert set(run.scores["run"]) == {"photos/clahe"}
    assert run.read_scores(["ssim"])["value"].tolist() == [1.5, 1.6, 1.7, 1.8]


def test_stale_results_and_scores_are_left_out(runs: Path) -> None:
    folder = runs / "photos" / "clahe"
    metadata = Run(folder).metadata
    rows = store.records(store.load_samples(folder))
    store.write_samples(folder, [row | {"sha256": "x"} if row["sample"] == "s00" else row
                                 for row in rows[:3]])  # fmt: skip
    assert list(Run(folder).results.index) == ["s01", "s02"]
    assert set(Run(folder).scores["sample"]) == {"s01", "s02"}
    store.write_run(folder, {k: v for k, v in metadata.items() if k != "schema"} | {
        "fingerprint": "clahe:4567"
    })  # fmt: skip
    assert Run(folder).results.empty and Run(folder).scores.empty


def test_a_run_that_cannot_be_read_is_left_out_and_named(runs: Path) -> None:
    (runs / "photos" / "identity" / "run.json").write_text("{")
    found = open_runs(runs)
    assert [run.name for run in found.found] == ["photos/clahe"]
    (line,) = found.left_out
    assert line.startswith("photos/identity is left out: ") and "damaged" in line
    with pytest.warns(UserWarning, match="photos/identity is left out"):
        assert set(load_scores(runs)["label"]) == {"clahe"}
    (runs / "photos" / "clahe" / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"none of the 2 runs in .* can be read"):
        open_runs(runs)
    assert open_runs(runs, may_be_empty=True).found == ()
