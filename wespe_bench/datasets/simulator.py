"""A simulated phone camera: what it does to a good photo, documented and seeded.

It errs in little but tone, alike all over a photo; `wespe_bench.datasets.local_camera` is one whose
faults no tone curve undoes. The photo, taken as the scene, passes in this order through

1. linear light (the sRGB curve undone);
2. exposure error and white-balance error (a gain per channel);
3. lens blur (Gaussian) and loss of resolution (down- and up-sampling);
4. shot noise (variance proportional to light) and read noise (constant variance);
5. the sRGB curve, clipping, a contrast curve;
6. a sharpening halo (unsharp mask), as phones add;
7. JPEG.

One camera has fixed faults (its exposure, its white balance, its blur), which an enhancer
can learn, and each shot deviates a little from them. All of it follows from the settings,
the seed and the photo's id. It imitates no particular phone: tables and pages call it
simulated.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from wespe_bench.images import check_rgb, linear_light, quantize

#: Changes whenever the same settings, seed and photo would give other bytes.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Camera:
    """The settings of one simulated camera."""

    exposure_stops: float = -0.8  #: mean exposure error, in stops
    exposure_jitter: float = 0.2  #: its standard deviation from shot to shot, in stops
    white_balance: tuple[float, float, float] = (
        0.90,
        1.0,
        1.14,
    )  #: gain of R, G, B in linear light
    white_balance_jitter: float = 0.03  #: standard deviation of each gain, relative
    blur: float = 0.7  #: sigma of the lens blur, in pixels
    resolution: float = 0.75  #: the sensor's share of the photo's width
    shot_noise: float = 0.001  #: variance of the noise at full light, linear light squared
    read_noise: float = 0.0025  #: standard deviation of the noise in the dark, linear light
    contrast: float = 0.12  #: weight of an S-curve mixed into the tone curve
    halo: float = 0.6  #: amount of the sharpening mask (radius 1.5 px)
    jpeg_quality: int = 85
    seed: int = 0

    def describe(self) -> str:
        """Name, version and every setting, for provenance."""
        return f"simulated camera v{VERSION} {asdict(self)}"

    def photograph(self, scene: np.ndarray, sample_id: str) -> bytes:
        """The JPEG file this camera writes of ``scene``, uint8 (H, W, 3) sRGB; same size.

        The same scene, id and settings give the same bytes with the same JPEG encoder.

        Raises:
            ValueError: ``scene`` is not uint8 (H, W, 3).
        """
        from scipy.ndimage import gaussian_filter

        check_rgb(scene, "scene")
        rng = shot(VERSION, self.seed, sample_id)
        light = to_linear(scene)
        stops = self.exposure_stops + self.exposure_jitter * rng.standard_normal()
        gains = np.array(self.white_balance) * (
            1 + self.white_balance_jitter * rng.standard_normal(3)
        )
        light = light * (2.0**stops * gains)
        light = gaussian_filter(light, (self.blur, self.blur, 0), mode="nearest")
        light = _resample(light, self.resolution)
        variance = self.shot_noise * light + self.read_noise**2
        light += np.sqrt(np.maximum(variance, 0)) * rng.standard_normal(light.shape)
        return developed(light, self.contrast, self.halo, 1.5, self.jpeg_quality)


def shot(version: int, seed: int, sample_id: str) -> np.random.Generator:
    """The random numbers of one shot of a camera."""
    key = hashlib.sha256(f"{version}:{seed}:{sample_id}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key[:16], "big")))


def developed(
    light: np.ndarray, contrast: float, halo: float, radius: float, quality: int
) -> bytes:
    """Linear light, float (H, W, 3), as the JPEG that a phone makes of it.

    The sRGB curve, clipping, an S-curve of weight ``contrast``, an unsharp mask of amount ``halo``
    and sigma ``radius`` (pixels), and JPEG of ``quality`` with halved colour resolution.
    """
    from scipy.ndimage import gaussian_filter

    tone = from_linear(light)
    tone += contrast * (tone * tone * (3 - 2 * tone) - tone)
    tone += halo * (tone - gaussian_filter(tone, (radius, radius, 0), mode="nearest"))
    buffer = io.BytesIO()
    Image.fromarray(quantize(tone)).save(
        buffer, format="JPEG", quality=quality, subsampling="4:2:0"
    )
    return buffer.getvalue()


def to_linear(image: np.ndarray) -> np.ndarray:
    """uint8 sRGB -> linear light on [0, 1], float64 (IEC 61966-2-1)."""
    return np.asarray(linear_light()[image])


def from_linear(light: np.ndarray) -> np.ndarray:
    """Linear light, clipped to [0, 1] -> sRGB on [0, 1], float64."""
    light = np.clip(light, 0, 1)
    return np.asarray(
        np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    )


def _resample(light: np.ndarray, share: float) -> np.ndarray:
    """Down to ``share`` of the size and back, as a sensor with fewer pixels would see it."""
    height, width = light.shape[:2]
    small = (max(1, round(width * share)), max(1, round(height * share)))
    planes = []
    for channel in range(3):
        plane = Image.fromarray(light[..., channel].astype(np.float32))
        down = plane.resize(small, Image.Resampling.BOX)
        planes.append(np.asarray(down.resize((width, height), Image.Resampling.BICUBIC)))
    return np.stack(planes, axis=-1).astype(np.float64)
