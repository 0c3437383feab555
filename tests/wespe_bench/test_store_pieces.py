"""A run read in pieces has the rows of a run read whole, wherever its rows lie."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wespe_bench import cli, export, run, store, store_files, store_pieces
from wespe_bench.errors import InputError
from wespe_bench.provenance import sha256_bytes

SHUFFLED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sha256(text: str) -> str:
    return sha256_bytes(text.encode())


def make(folder: Path, photos: int, shuffle: random.Random) -> Path:
    """A run whose rows lie in parts of seven, in no order; some are stale, some superseded."""
    ids = [f"d{number % 3}/{number:02d}" for number in range(photos)]
    shuffle.shuffle(ids)
    dataset = {"name": "photos", "revision": "r"}
    head = {"label": "=L", "enhancer": "clahe", "fingerprint": "f", "dataset": dataset}
    store.write_run(folder, head)
    plain = {"path": "/photo", "reference": None, "reference_sha256": None}
    store.write_samples(folder, [plain | {"sample": id_, "sha256": sha256(id_)} for id_ in ids])
    costs = {"seconds": 1.0, "memory": 0.0, "device_memory": 0.0}
    made = [
        {
            "sample": id_,
            "input_sha256": sha256(shuffle.choice([id_, id_, id_, "before"])),
            "fingerprint": shuffle.choice("fffo"),
            "image_sha256": sha256(f"result {id_}"),
        }
        | costs
        for id_ in ids
    ]
    scores = [
        {
            "sample": id_,
            "metric": metric,
            "metric_version": "1",
            "value": shuffle.choice([shuffle.gauss(20, 5), float("inf")]),
            "extras": "{}",
            "image_sha256": sha256(f"result {shuffle.choice([id_, id_, 'before'])}"),
            "reference_sha256": None,
            "seed": 0,
            "seconds": 1.0,
            "reader": None,
        }
        for id_ in [*ids, "gone"]
        for metric in ("psnr", "=m")
    ]
    rows = {"enhanced": [*made, *made[::2]], "scores": [*scores, *scores[::3]]}
    rows["failures"] = [
        {"sample": id_, "stage": "enhance", "metric": "", "input_sha256": "", "error": error}
        for id_, error in zip(ids[::4], ("broken", "", "again") * photos, strict=False)
    ]
    for kind, of in rows.items():
        shuffle.shuffle(of)
        for start in range(0, len(of), 7):
            store.append(folder, kind, of[start : start + 7])
    return folder


@SHUFFLED
@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(1, 9), st.booleans())
def test_pieces_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    shuffle: random.Random,
    photos: int,
    at_once: int,
    waiting: bool,
) -> None:
    folder = make(tmp_path_factory.mktemp("pieces") / "run", photos, shuffle)
    whole = run.Run(folder, "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_pieces, "_AT_ONCE", at_once)
        patch.setattr(store_pieces, "_MOST_WAITING", 10_000_000 if waiting else 0)
        patch.setattr(store_files, "_AT_ONCE", 5)
        found = list(store_pieces.pieces(folder))
        frames = list(whole.pieces_of_scores())
    assert len(found) == -(-photos // at_once)
    samples = pd.concat([piece.samples for piece in found], ignore_index=True)
    failures = pd.concat([piece.failures for piece in found], ignore_index=True)
    pd.testing.assert_frame_equal(samples, whole.samples)
    pd.testing.assert_frame_equal(failures, whole.failures)
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), whole.read_scores())


@pytest.mark.parametrize("few", [0, 10**6])
def test_an_export_in_pieces_is_that_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    for name, photos in (("b-1", 30), ("b/2", 9), ("a", 1)):
        make(tmp_path / "runs" / name, photos, random.Random(name))
    monkeypatch.setattr(store_pieces, "_AT_ONCE", 4)
    monkeypatch.setattr(export, "_FEW", few)
    scores = run.load_scores(tmp_path / "runs").sort_values(["run", "sample", "metric", "seed"])
    expected = scores.drop(columns="seconds").reset_index(drop=True)
    assert len(expected) > 20
    for ending in ("csv", "json", "parquet"):
        command = ["export", "scores", str(tmp_path / "runs"), "--format", ending]
        assert cli.main([*command, "--out", str(tmp_path / f"out.{ending}")]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), expected)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["sample"] for row in rows] == list(expected["sample"])
    assert [float(row["value"]) for row in rows] == pytest.approx(list(expected["value"]))
    for column in ("label", "metric"):
        expected[column] = [f"'{v}" if v[0] == "=" else v for v in expected[column]]
    lines = expected.to_csv(index=False, lineterminator="\n")
    assert (tmp_path / "out.csv").read_text() == lines


def test_damage_is_met_before_the_first_piece(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", 20, random.Random(0))
    part = max((folder / "scores").iterdir())
    part.write_bytes(part.read_bytes()[:-9] + b"other end")
    with pytest.raises(InputError, match="checksum"):
        next(store_pieces.pieces(folder))
    (folder / "samples.parquet").unlink()
    with pytest.raises(InputError, match="no samples"):
        next(store_pieces.sample_pieces(folder))
