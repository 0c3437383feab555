"""A run folder opened as a `Run`: what it gives, and that each of its files is read once."""

from __future__ import annotations

import os
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

pytestmark = pytest.mark.usefixtures("undrawn")
_opened: Counter[Path] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], (str, Path)):
        _opened[Path(arguments[0]).resolve()] += 1


sys.addaudithook(_note)  # sees every file that Python opens


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
    expected = dict.fromkeys(counts, 1)
    if verb == "merge":  # it copies the list of photos before it goes through it, piece by piece
        expected |= {name: 2 for name in counts if name.endswith("samples.parquet")}
    assert counts == expected


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


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders called "locked" cannot be listed. Not by chmod: root may list everything."""
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_cannot_be_listed_is_named_by_every_verb(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (runs / "locked").mkdir()
    assert cli.main(VERBS[verb](tmp_path / "out")) == 3
    said = capsys.readouterr().err
    assert "runs/locked cannot be listed, so its runs are left out" in said
    assert said.count("runs/locked") == 1


@pytest.mark.usefixtures("locked")
def test_where_nothing_can_be_seen_that_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir()
    with pytest.raises(InputError, match=r"not all can be seen: .*locked cannot be listed"):
        open_runs(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no runs below .*empty: expected folders"):
        open_runs(tmp_path / "empty")
    with pytest.raises(InputError, match="no such folder"):
        open_runs(tmp_path / "none")


def test_links_to_runs_are_followed_and_each_run_is_read_once(runs: Path, tmp_path: Path) -> None:
    elsewhere = make_run(tmp_path / "elsewhere", "unsharp", {"psnr": [1.0, 2.0, 3.0]})
    (runs / "aaa").symlink_to(runs / "photos" / "clahe")  # has its real name below as well
    (runs / "linked").symlink_to(elsewhere.parent)
    (runs / "photos" / "once more").symlink_to(elsewhere)
    (runs / "loop").symlink_to(runs)
    found = open_runs(runs)
    names = [run.name for run in found.found]
    assert names == ["linked/unsharp", "photos/clahe", "photos/identity"]
    assert found.left_out == ()
