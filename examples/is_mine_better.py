"""Is my enhancer better than another one? In Python, from photos to a sentence.

uv run python examples/is_mine_better.py runs/example
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import wespe_bench as wb


def brighter(image: np.ndarray) -> np.ndarray:
    """My enhancer: a gamma curve, uint8 (H, W, 3) to floats on [0, 1]."""
    return (image / 255) ** 0.8


def main(out: Path) -> None:
    photos = wb.load_dataset("samples")
    for label, enhancer in {"Mine": brighter, "identity": "identity"}.items():
        run = wb.enhance(enhancer, photos, out=out / label, label=label)
        wb.score(run, ["psnr", "ms_ssim", "entropy"])

    found = wb.compare("Mine", "identity", runs=out)
    print(found[["metric", "n", "difference", "low", "high", "p_corrected", "win_rate"]])
    for sentence in found["sentence"]:
        print(sentence)

    board = wb.leaderboard(out)
    print(board.pivot(index="label", columns="metric", values="rank"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example"))
