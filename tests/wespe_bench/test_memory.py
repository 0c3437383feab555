"""The memory a call took: known arrays are found again, old rows read as not recorded."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests import needs
from wespe_bench import enhance, load_dataset, memory, provenance, score, store
from wespe_bench.merge import merge

MEASURED = needs.CLEAR_REFS.exists()
MB = 1_000_000


def hungry(megabytes: int) -> Callable[[np.ndarray], np.ndarray]:
    def enhancer(image: np.ndarray) -> np.ndarray:
        np.ones(megabytes * MB, np.uint8).sum()
        return image

    return enhancer


def test_the_peak_is_what_was_allocated_and_freed() -> None:
    found = []
    for megabytes in (60, 20, 0):  # a later, smaller call is not hidden by an earlier one
        since = memory.mark()
        hungry(megabytes)(np.zeros((1, 1, 3), np.uint8))
        process, device = memory.taken(since)
        assert math.isnan(device)
        found.append(process)
    if MEASURED:
        # np.sum of uint8 goes through small buffers only.
        assert found == pytest.approx([60 * MB, 20 * MB, 0], abs=4 * MB)
    else:
        assert all(map(math.isnan, found))


def test_a_kernel_that_cannot_reset_the_peak_gives_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "missing/clear_refs")
    assert math.isnan(memory.taken(memory.mark())[0])
    # One that takes the order and does nothing: the old peak would be taken for the call's.
    said = {"VmRSS": 100 * MB, "VmHWM": 900 * MB}
    monkeypatch.setattr(memory, "_CLEAR", Path("/dev/null"))
    monkeypatch.setattr(memory, "_status", said.get)
    assert math.isnan(memory.taken(memory.mark())[0])
    said["VmHWM"] = said["VmRSS"]
    since = memory.mark()
    said["VmHWM"] += 7 * MB
    assert memory.taken(since)[0] == 7 * MB


def test_cuda_memory_is_that_beyond_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cuda:
        held, peak = 5 * MB, 99 * MB

        def is_initialized(self) -> bool:
            return True

        def device_count(self) -> int:
            return 2

        def reset_peak_memory_stats(self, number: int) -> None:
            self.peak = self.held

        def memory_allocated(self, number: int) -> int:
            return self.held

        def max_memory_allocated(self, number: int) -> int:
            return self.peak

    class Torch:
        cuda = Cuda()

    monkeypatch.setitem(sys.modules, "torch", Torch)
    since = memory.mark()
    assert math.isnan(memory.taken(since)[1])  # loaded, and not used
    Torch.cuda.peak = 8 * MB
    assert memory.taken(since)[1] == 2 * 3 * MB


def test_enhance_notes_it_and_results_and_fingerprints_stay(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    run = enhance(hungry(50), dataset, tmp_path / "run", label="hungry", quiet=True)
    rows = store.load(run.folder, "enhanced")
    if MEASURED:
        assert rows["memory"].to_numpy() == pytest.approx(50 * MB, abs=5 * MB)
    assert rows["device_memory"].isna().all()
    enhance("identity", dataset, tmp_path / "same", quiet=True)
    images = store.load(tmp_path / "same", "enhanced")["image_sha256"]
    assert images.tolist() == rows["image_sha256"].tolist()
    enhance(f"results:{photos}", dataset, tmp_path / "theirs", quiet=True)
    assert store.load(tmp_path / "theirs", "enhanced")["memory"].isna().all()


def older(run: Path) -> None:
    """What layout 1 wrote of the same run."""
    for path in [*(run / "enhanced").iterdir(), *(run / "scores").iterdir()]:
        table = pq.read_table(path)
        added = {"memory", "device_memory", "reader"}
        table = table.drop_columns([*added & set(table.column_names)])
        table = table.replace_schema_metadata({"wespe_bench.schema": "1"})
        sink = io.BytesIO()
        pq.write_table(table, sink, write_page_checksum=True)
        digest = provenance.sha256_bytes(sink.getvalue())[:32]
        path.unlink()
        path.with_name(f"{path.name[:14]}{digest}.parquet").write_bytes(sink.getvalue())
    head = run / "run.json"
    head.write_text(head.read_text("utf-8").replace(f'"schema": {store.SCHEMA}', '"schema": 1'))


def test_older_runs_are_read_kept_and_merged(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    run = enhance("identity", dataset, tmp_path / "a" / "run", quiet=True).folder
    score(run, ["entropy"], quiet=True)
    older(run)
    assert store.load(run, "enhanced")["memory"].isna().all()
    assert store.load(run, "scores")["reader"].isna().all()
    again: Any = enhance("identity", dataset, run, quiet=True)
    assert (again.done, again.kept) == (0, 6)
    assert merge([tmp_path / "a"], tmp_path / "all").images == 6
    assert store.load(tmp_path / "all" / "run", "enhanced")["memory"].isna().all()
