"""What every metric asks of its photos."""

from __future__ import annotations

import numpy as np

from wespe_bench.images import check_rgb

# What the paired checks say when a second photo is missing.
_ALONE = "this metric compares with a reference, and there is none"


def check_alone(image: np.ndarray, reference: np.ndarray | None) -> None:
    """Raise ValueError unless ``image`` is uint8 (H, W, 3) and there is no reference."""
    if reference is not None:
        raise ValueError("this metric looks at one photo alone, and was given a reference as well")
    check_rgb(image)


def check_pair(image: np.ndarray, reference: np.ndarray | None, smallest: int = 1) -> None:
    """Raise ValueError unless both are uint8 (H, W, 3) of one shape, sides >= ``smallest``."""
    if reference is None:
        raise ValueError(_ALONE)
    check_rgb(image)
    check_rgb(reference, "reference")
    if image.shape != reference.shape:
        raise ValueError(
            f"image is {image.shape[1]}x{image.shape[0]} but its reference is "
            f"{reference.shape[1]}x{reference.shape[0]}; nothing is resized or cropped"
        )
    if min(image.shape[:2]) < smallest:
        raise ValueError(
            f"image is {image.shape[1]}x{image.shape[0]}; this metric needs at least "
            f"{smallest} pixels on each side"
        )


def check_batch(images: np.ndarray, references: np.ndarray | None, smallest: int = 1) -> None:
    """Raise ValueError unless both are uint8 (N, H, W, 3) of one shape, sides >= ``smallest``."""
    if references is None:
        raise ValueError(_ALONE)
    for name, batch in (("images", images), ("references", references)):
        if not isinstance(batch, np.ndarray) or batch.ndim != 4 or not len(batch):
            raise ValueError(f"{name}: expected uint8 (N, H, W, 3) with N >= 1")
    if len(images) != len(references):
        raise ValueError(f"{len(images)} images but {len(references)} references")
    check_pair(images[0], references[0], smallest)
