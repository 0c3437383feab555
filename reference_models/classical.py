"""Classical enhancers without weights: the floor any learned one has to pass.

Each is a function of one uint8 (H, W, 3) sRGB photo and raises ValueError on anything else.
"""

from __future__ import annotations

import warnings

import numpy as np
from PIL import Image, ImageFilter

from wespe_bench.images import check_rgb


def identity(image: np.ndarray) -> np.ndarray:
    """The photo as it came: the row every other one is read against."""
    check_rgb(image)
    return image


def auto_levels(image: np.ndarray) -> np.ndarray:
    """Stretch each channel so that 0.5% of its pixels clip at either end."""
    check_rgb(image)
    result = np.empty_like(image)
    levels = np.arange(256, dtype=np.float64)
    for channel in range(3):
        low, high = np.percentile(image[..., channel], (0.5, 99.5), method="nearest")
        if high <= low:
            result[..., channel] = image[..., channel]
            continue
        table = np.rint(np.clip((levels - low) / (float(high) - low), 0, 1) * 255)
        result[..., channel] = table.astype(np.uint8)[image[..., channel]]
    return result


def equalize(image: np.ndarray) -> np.ndarray:
    """Histogram equalisation of the luminance (Y of YCbCr); colours keep their chroma."""
    from skimage import exposure

    luminance, chroma_blue, chroma_red = _ycbcr(image)
    equalized = exposure.equalize_hist(luminance, nbins=256)
    return _rgb(np.rint(equalized * 255).astype(np.uint8), chroma_blue, chroma_red)


def clahe(image: np.ndarray) -> np.ndarray:
    """Contrast-limited adaptive equalisation of L (CIELAB), 8x8 tiles, clip 2/256."""
    from skimage import color, exposure

    check_rgb(image)
    lab = color.rgb2lab(image)
    tile = (max(image.shape[0] // 8, 1), max(image.shape[1] // 8, 1))
    lightness = exposure.equalize_adapthist(
        np.clip(lab[..., 0] / 100, 0, 1), kernel_size=tile, clip_limit=2 / 256, nbins=256
    )
    lab[..., 0] = lightness * 100
    with warnings.catch_warnings():
        # A lighter L can leave the gamut; `quantize` clamps what comes back.
        warnings.simplefilter("ignore")
        return np.asarray(color.lab2rgb(lab), np.float32)


def grey_world(image: np.ndarray) -> np.ndarray:
    """White balance that makes the three channel means equal (in sRGB values)."""
    check_rgb(image)
    means = image.reshape(-1, 3).mean(axis=0)
    gains = means.mean() / np.maximum(means, 1e-6)
    return np.asarray(image * (gains / 255), np.float32)


def unsharp(image: np.ndarray) -> np.ndarray:
    """Unsharp mask: radius 2 px, 100%, no threshold (Pillow)."""
    check_rgb(image)
    mask = ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0)
    return np.asarray(Image.fromarray(image).filter(mask))


def _ycbcr(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    check_rgb(image)
    planes = np.asarray(Image.fromarray(image).convert("YCbCr"))
    return planes[..., 0], planes[..., 1], planes[..., 2]


def _rgb(luminance: np.ndarray, chroma_blue: np.ndarray, chroma_red: np.ndarray) -> np.ndarray:
    planes = np.stack([luminance, chroma_blue, chroma_red], axis=-1)
    return np.asarray(
        Image.frombytes("YCbCr", planes.shape[1::-1], planes.tobytes()).convert("RGB")
    )
