"""An enhancer, a metric and a data set that a package of its own adds to wespe-bench."""

import tempfile
from pathlib import Path

import numpy as np

from wespe_bench import Dataset, Metric, load_dataset
from wespe_bench.images import write_png


def warm(image: np.ndarray) -> np.ndarray:
    """Warmer colours: uint8 (H, W, 3) in, floats on [0, 1] out."""
    return image / 255 * np.array([1.1, 1.0, 0.9])


def _mean(image, reference=None, *, sample_id="", seed=0):
    return float(image.mean())


BRIGHTNESS = Metric(
    name="brightness",
    version="1",
    unit="level",
    higher_is_better=True,
    full_reference=False,
    compute=_mean,
    title="Brightness",
    summary="The mean of all pixels.",
    rates_quality=False,
)


def stripes(count: str = "2") -> Dataset:
    """Photos of stripes, written to a temporary folder; ``stripes:5`` makes five."""
    folder = Path(tempfile.mkdtemp())
    for number in range(int(count)):
        row = np.arange(64) * (number + 1) % 256
        pixels = np.broadcast_to(row[None, :, None], (48, 64, 3))
        write_png(folder / f"stripes{number}.png", pixels.astype(np.uint8))
    return load_dataset("folder", input=folder, name="stripes")
