"""The results store: parts, keys, versions, damage."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wespe_bench import store, store_files
from wespe_bench.errors import InputError


def row(sample: str = "a", metric: str = "psnr", value: float = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "sample": sample,
        "metric": metric,
        "metric_version": "1",
        "value": value,
        "extras": "{}",
        "image_sha256": "i",
        "reference_sha256": None,
        "seed": 0,
        "seconds": 0.0,
    } | more


def test_later_parts_count(tmp_path: Path) -> None:
    store.append(tmp_path, "scores", [row(value=1), row("b", value=2)])
    store.append(tmp_path, "scores", [row(value=3), row(seed=1, value=4)])
    frame = store.load(tmp_path, "scores")
    assert frame[["sample", "seed", "value"]].values.tolist() == [
        ["a", 0, 3],
        ["a", 1, 4],
        ["b", 0, 2],
    ]


def test_infinity_and_missing_survive(tmp_path: Path) -> None:
    store.append(tmp_path, "scores", [row(value=float("inf"))])
    (only,) = store.records(store.load(tmp_path, "scores"))
    assert only["value"] == float("inf")
    assert only["reference_sha256"] is None


def test_unfinished_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    store.append(tmp_path, "scores", [row()])
    (tmp_path / "scores" / ".part-00000002-x.host.1.0.tmp").write_bytes(b"half")
    (tmp_path / "scores" / "notes.txt").write_text("mine")
    assert len(store.load(tmp_path, "scores")) == 1


def test_damaged_part_is_named(tmp_path: Path) -> None:
    store.append(tmp_path, "scores", [row()])
    (part,) = (tmp_path / "scores").iterdir()
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"part-00000001-.*damaged.*delete it"):
        store.load(tmp_path, "scores")


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_byte_goes_unseen(tmp_path: Path, data: st.DataObject) -> None:
    if not (tmp_path / "scores").exists():
        store.append(tmp_path, "scores", [row(), row("b", "entropy", 2.0)])
    (part,) = (tmp_path / "scores").iterdir()
    good = part.read_bytes()
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(bad) - 1))] ^= data.draw(st.integers(1, 255))
    part.write_bytes(bad)
    with pytest.raises(InputError, match="damaged"):
        store.load(tmp_path, "scores")
    part.write_bytes(good)


@pytest.mark.parametrize("sample", ["../x", "/x", "a//b", "a/../b", "C:/x", "a\\b", "a\nb", ""])
def test_ids_that_leave_the_folder_are_refused(tmp_path: Path, sample: str) -> None:
    store.append(tmp_path, "scores", [row(sample)])
    with pytest.raises(InputError, match="sample id"):
        store.load(tmp_path, "scores")


def test_part_of_a_newer_version(tmp_path: Path) -> None:
    schema = store_files.schema("scores").with_metadata({"wespe_bench.schema": "99"})
    (tmp_path / "scores").mkdir()
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row()], schema=schema), sink)
    data = sink.getvalue()
    name = f"part-00000001-{hashlib.sha256(data).hexdigest()[:32]}.parquet"
    (tmp_path / "scores" / name).write_bytes(data)
    with pytest.raises(InputError, match="newer wespe-bench"):
        store.load(tmp_path, "scores")


def test_run_json_of_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(InputError, match=r"newer wespe-bench \(layout 99"):
        store.read_run(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": "x"}',
        '{"schema": 1}',
        '{"schema": 1, "label": 5, "enhancer": "e", "dataset": {"name": "d", "revision": "r"}}',
        '{"schema": 1, "label": "l", "enhancer": "e", "dataset": "x"}',
        '{"schema": 1, "label": "l", "enhancer": "e", "dataset": {}}',
        '{"schema": 1, "label": "l", "enhancer": "e", "versions": 3, '
        '"dataset": {"name": "d", "revision": "r", "options": 7}}',
    ],
)
def test_damaged_run_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json"):
        store.read_run(tmp_path)


def test_failures_are_struck_out(tmp_path: Path) -> None:
    failure = {"sample": "a", "stage": "score", "metric": "psnr", "error": "bad"}
    store.append(tmp_path, "failures", [failure])
    standing = store.load(tmp_path, "failures")
    struck = store.clear_failures(standing, [("a", "score", "psnr"), ("b", "score", "psnr")])
    store.append(tmp_path, "failures", struck)
    assert (store.load(tmp_path, "failures")["error"] == "").all()
