"""An enhancer that has to know which photo it is given: ``for_sample`` is called instead.

wespe-bench run --enhancers Night=examples/adapters/by_photo.py:NightOnly --input photos/
"""

from __future__ import annotations

import numpy as np

from wespe_bench import Sample


class NightOnly:
    """Brightens the photos whose names say "night", and leaves the others as they are."""

    def for_sample(self, sample: Sample, image: np.ndarray) -> np.ndarray:
        """``sample.id`` is the photo's name below its folder, ``sample.path`` its file."""
        return self(image) if "night" in sample.id else image

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) to floats on [0, 1]; for callers that have no sample."""
        return (image / 255) ** 0.6
