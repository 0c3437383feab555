"""``--track``: what trackers keep is read back through their own libraries."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.reference_models.trainings import WESPE, make_photos
from tests.reports.runs import make_run
from tests.verbs import one_line
from wespe_bench import tracking
from wespe_bench.run import load_scores

MEANS = {"psnr": 21.0, "ssim": 0.5}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run with scores of three photos."""
    make_run(tmp_path / "runs", "Mine", {"psnr": [20.0, 21.0, 22.0], "ssim": [0.4, 0.5, 0.6]})
    return tmp_path / "runs"


def _opened(runs: Path) -> list[Any]:
    from wespe_bench.run import open_runs

    return list(open_runs(runs).found)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(folder))
    board.Reload()
    return {
        name: [(event.step, event.value) for event in board.Scalars(name)]
        for name in board.Tags()["scalars"]
    }


def test_tensorboard_has_the_means(runs: Path, tmp_path: Path) -> None:
    tracking.track_scores(f"tensorboard:{tmp_path / 'board'}", _opened(runs))
    found = scalars(tmp_path / "board/photos/Mine")
    assert found == {name: [(0, pytest.approx(mean))] for name, mean in MEANS.items()}


@pytest.mark.slow
def test_mlflow_has_means_settings_and_table(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    uri = (tmp_path / "mlruns").as_uri()
    tracking.track_scores(f"mlflow:{uri}", _opened(runs))
    client = MlflowClient(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'wespe-bench'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("photos/Mine", "FINISHED")
    assert run.data.metrics == pytest.approx(MEANS)
    assert run.data.params["dataset"] == "photos"
    (table,) = Path(run.info.artifact_uri.removeprefix("file://")).glob("scores.csv")
    rows = list(csv.DictReader(table.open(newline="")))
    assert [float(row["psnr"]) for row in rows] == [20.0, 21.0, 22.0]


@pytest.mark.slow
def test_wandb_offline_writes_its_file(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    import wandb

    tracking.track_scores("wandb:photos", _opened(runs))
    wandb.teardown()  # its own process writes the file
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    (kept,) = run.glob("run-*.wandb")
    assert all(word in kept.read_bytes() for word in (b"psnr", b"ssim", b"photos/Mine"))
    (table,) = run.glob("files/media/table/scores*.json")
    assert json.loads(table.read_text()) == {
        "columns": ["sample", "psnr", "ssim"],
        "data": [["s00", 20.0, 0.4], ["s01", 21.0, 0.5], ["s02", 22.0, 0.6]],
    }


def test_a_training_sends_its_curves(verb: Command, tmp_path: Path, undrawn: None) -> None:
    make_photos(tmp_path)
    for iterations in ("1", "2"):  # resumed: the curve goes on
        words = (*WESPE, "--log-every", "1", "--iterations", iterations, "--vgg", "random")
        result = verb(*words, "--track", "tensorboard:board")
        assert result.returncode == 0, result.stderr
    rows = list(csv.DictReader((tmp_path / "out/train.csv").open(newline="")))
    found = scalars(tmp_path / "board/out")
    assert set(found) == set(rows[0])
    for name, points in found.items():
        assert [step for step, _ in points] == [1, 2]
        assert [value for _, value in points] == pytest.approx([float(r[name]) for r in rows])


def test_a_verb_sends_scores_and_names_what_is_wrong(verb: Command, runs: Path) -> None:
    words = ("score", "runs", "--metrics", "entropy", "--jobs", "0", "--track")
    one_line(verb(*words, "tensorbord:x"), "--track tensorbord:x", "did you mean 'tensorboard'?")
    one_line(verb(*words, "mlflow"), "mlflow:URI")
    assert verb(*words, "tensorboard:board").returncode == 0
    entropy = load_scores(runs).query("metric == 'entropy'")["value"].mean()
    ((_, value),) = scalars(runs.parent / "board/photos/Mine")["entropy"]
    assert math.isclose(value, entropy, abs_tol=1e-6)


def test_a_tracker_that_fails_loses_nothing(
    verb: Command, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setitem(tracking._SERVICES, "tensorboard", fails)
    result = verb(
        "score", "runs", "--metrics", "entropy", "--jobs", "0", "--track", "tensorboard:x"
    )
    assert result.returncode == 0
    assert "left (ConnectionError: no route)" in result.stderr
    assert "entropy" in set(load_scores(runs)["metric"])
