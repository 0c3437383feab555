"""Classical enhancers without weights, which a learned enhancer has to beat.

Each is a function of one uint8 (H, W, 3) sRGB photo and raises ValueError on anything else.
"""

from __future__ import annotations

import warnings

import numpy as np
from PIL import Image, ImageFilter

from wespe_bench.images import LUMA_WEIGHTS, check_rgb


def identity(image: np.ndarray) -> np.ndarray:
    """Return the photo unchanged: the baseline of every comparison."""
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


def shades_of_grey(image: np.ndarray) -> np.ndarray:
    """White balance between grey-world and white-patch: Minkowski norms, p = 6, made equal.

    Finlayson, Trezzi, "Shades of gray and colour constancy", Color Imaging Conference 2004;
    on sRGB values.
    """
    powers = (np.arange(256) / 255) ** 6.0
    norms = (_histograms(image) @ powers / (image.shape[0] * image.shape[1])) ** (1 / 6)
    gains = norms.mean() / np.maximum(norms, 1e-6)
    result: np.ndarray = (image * (gains / 255)).astype(np.float32)
    return result


def auto_gamma(image: np.ndarray) -> np.ndarray:
    """Apply one exponent, between 0.1 and 10, that makes the mean luminance 0.5."""
    histograms = _histograms(image) / (image.shape[0] * image.shape[1])
    weighted = np.asarray(LUMA_WEIGHTS) @ histograms
    levels = np.arange(256) / 255
    low, high = np.log(0.1), np.log(10.0)
    for _ in range(50):  # the mean falls as the exponent grows
        middle = (low + high) / 2
        if weighted @ levels ** np.exp(middle) > 0.5:
            low = middle
        else:
            high = middle
    table = (levels ** np.exp(high)).astype(np.float32)
    result: np.ndarray = table[image]
    return result


def retinex(image: np.ndarray) -> np.ndarray:
    """Multi-scale retinex with colour restoration, surrounds of 15, 80 and 250 px.

    Jobson, Rahman, Woodell, "A multiscale retinex for bridging the gap between color images
    and the human observation of scenes", IEEE TIP 6(7), 1997, with their alpha = 125. The
    paper's fixed gain and offset suit its own display; instead the result is stretched, all
    channels alike, so that 1% of its values clip at either end.
    """
    check_rgb(image)
    logarithm = np.log(np.arange(256, dtype=np.float32) + 1)
    total = np.zeros(image.shape[:2], np.float32)
    for channel in range(3):
        total += image[..., channel]
    total += 3
    np.log(total, out=total)
    result: np.ndarray = np.empty(image.shape, np.float32)
    for channel in range(3):
        plane = image[..., channel].astype(np.float32) + 1
        reflectance = 3 * logarithm[image[..., channel]]
        for sigma in (15.0, 80.0, 250.0):
            reflectance -= np.log(_blurred(plane, sigma))
        restoration = logarithm[image[..., channel]] + np.float32(np.log(125)) - total
        np.multiply(reflectance, restoration, out=result[..., channel])
    low, high = np.percentile(result, (1, 99), method="nearest")
    if high - low < 1e-4:
        return (image / np.float32(255)).astype(np.float32)
    result -= low
    result /= high - low
    return result


def _blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a float32 (H, W) plane, edges mirrored, in time independent of sigma.

    Means of k x k pixels are blurred and interpolated, k about sigma / 5; the variance that
    the means and the interpolation add is taken off the Gaussian's.
    """
    from scipy import ndimage

    k = max(int(sigma // 5), 1)
    if k == 1:
        return np.asarray(ndimage.gaussian_filter(plane, sigma, mode="reflect"))
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % k), (0, -width % k)), mode="symmetric")
    small = padded.reshape(padded.shape[0] // k, k, padded.shape[1] // k, k).mean(axis=(1, 3))
    variance = sigma**2 - (k * k - 1) / 12 - k * k / 6
    small = ndimage.gaussian_filter(small, np.sqrt(variance) / k, mode="reflect")
    size = (padded.shape[1], padded.shape[0])
    large = Image.fromarray(small).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(large)[:height, :width]


def unsharp(image: np.ndarray) -> np.ndarray:
    """Unsharp mask: radius 2 px, 100%, no threshold (Pillow)."""
    check_rgb(image)
    mask = ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0)
    return np.asarray(Image.fromarray(image).filter(mask))


def ape_like(image: np.ndarray) -> np.ndarray:
    """An imitation of automatic adjust buttons: levels, lifted shadows, tone curve, vibrance.

    Our own, modelled on the visible effect of such buttons, not on Apple's enhancer.
    """
    levelled = auto_levels(image)
    result = np.empty(image.shape, np.float32)
    for top in range(0, image.shape[0], 256):
        x = levelled[top : top + 256] / np.float32(255)
        y = (x @ np.asarray(LUMA_WEIGHTS, np.float32))[..., None]
        lifted = y + 0.25 * y * (1 - y) ** 3
        toned = 0.85 * lifted + 0.15 * lifted * lifted * (3 - 2 * lifted)
        x = x * (toned / np.maximum(y, 1e-3))
        saturation = np.clip(x.max(axis=2, keepdims=True) - x.min(axis=2, keepdims=True), 0, 1)
        result[top : top + 256] = toned + (x - toned) * (1 + 0.25 * (1 - saturation))
    return np.clip(result, 0, 1, out=result)


def _histograms(image: np.ndarray) -> np.ndarray:
    """Counts of the 256 levels, one row per channel."""
    check_rgb(image)
    return np.stack([np.bincount(image[..., c].ravel(), minlength=256) for c in range(3)])


def _ycbcr(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    check_rgb(image)
    planes = np.asarray(Image.fromarray(image).convert("YCbCr"))
    return planes[..., 0], planes[..., 1], planes[..., 2]


def _rgb(luminance: np.ndarray, chroma_blue: np.ndarray, chroma_red: np.ndarray) -> np.ndarray:
    planes = np.stack([luminance, chroma_blue, chroma_red], axis=-1)
    return np.asarray(
        Image.frombytes("YCbCr", planes.shape[1::-1], planes.tobytes()).convert("RGB")
    )
