"""A simulated phone camera whose faults differ from place to place: no tone curve undoes them.

`wespe_bench.datasets.simulator` errs alike all over a photo. Here the photo, taken as the scene,
passes in this order through

1. linear light (the sRGB curve undone);
2. haze: a veil of light that thickens towards the top and in drifts, stronger in some shots;
3. mixed light: one colour of light where the scene is light, another in its shade;
4. exposure: one error per shot, and one per place that darkens what lies in dark surroundings;
5. white-balance error, and colours that the sensor's filters mix;
6. the lens: chromatic aberration (red and blue magnified apart), defocus that grows from the
   centre to the corners, shading towards the corners;
7. a Bayer mosaic (RGGB) with shot and read noise, demosaiced linearly: grain is correlated, and
   edges get false colours;
8. the sRGB curve, clipping, a contrast curve;
9. an unsharp mask, too strong;
10. JPEG.

Drifts of haze and light are as wide as the photo; surroundings, blurs, shifts and grain are in
pixels. All of it follows from the settings, the seed and the photo's id. It imitates no particular
phone: tables and pages call it simulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from wespe_bench.datasets.simulator import Camera, developed, shot, to_linear
from wespe_bench.images import check_rgb

#: Changes whenever the same settings, seed and photo would give other bytes.
VERSION = 2

#: Weights of R, G and B in the luminance of linear light (ITU-R BT.709).
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

#: The colour of haze, linear light.
_VEIL = np.array([0.75, 0.78, 0.82], np.float32)


@dataclass(frozen=True, slots=True)
class LocalCamera:
    """The settings of one simulated camera; see the module."""

    haze: float = 0.06  #: the veil's share of the light in the haziest shots, where it is thickest
    mixed_light: float = 0.25  #: how far red and blue part between light and shade, relative
    exposure_stops: float = -1.3  #: mean exposure error, in stops
    exposure_jitter: float = 0.05  #: its standard deviation from shot to shot, in stops
    local_exposure: float = 0.3  #: power of a place's light, relative to the photo's, in its gain
    surroundings: float = 12.0  #: sigma of what counts as a place, in pixels
    white_balance: tuple[float, float, float] = (0.90, 1.0, 1.14)  #: gain of R, G, B
    white_balance_jitter: float = 0.02  #: standard deviation of each gain, relative
    crosstalk: float = 0.2  #: share of each colour's light that goes to each of the others
    chromatic_aberration: float = 0.0015  #: relative magnification of red and, inversely, blue
    blur: float = 0.6  #: sigma of the blur in the centre, in pixels
    defocus: float = 1.6  #: sigma of the blur in the corners, in pixels
    shading: float = 0.15  #: share of the light that is lost in the corners
    shot_noise: float = 0.01  #: variance of the noise at full light, linear light squared
    read_noise: float = 0.025  #: standard deviation of the noise in the dark, linear light
    contrast: float = 0.12  #: weight of an S-curve mixed into the tone curve
    halo: float = 1.6  #: amount of the sharpening mask (radius 1.2 px)
    jpeg_quality: int = 80
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
        check_rgb(scene, "scene")
        rng = shot(VERSION, self.seed, sample_id)
        light = self._illuminate(to_linear(scene).astype(np.float32), rng)
        light = self._focus(light)
        light = self._expose(light, rng)
        return developed(light, self.contrast, self.halo, 1.2, self.jpeg_quality)

    def _illuminate(self, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Steps 2 to 5: what reaches the lens, in the sensor's colours and exposure."""
        from scipy.ndimage import gaussian_filter

        height, width = light.shape[:2]
        down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        drift = 1 / (1 + np.exp(2 * _drift(rng, height, width)))  # on [0, 1]
        veil = self.haze * rng.random() * drift * (1 - 0.7 * down)
        light = light + veil[..., None] * (_VEIL - light)

        place = gaussian_filter(light @ _LUMINANCE, self.surroundings, mode="nearest", truncate=2.5)
        # In stops above the photo's middle; bounded, as no place is without light.
        stops = np.log2(place + 0.01)
        stops = np.clip(stops - stops.mean(), -2.5, 2.5)
        side = np.tanh(0.7 * stops + 0.7 * _drift(rng, height, width))  # shade -1, light 1
        warmth = self.mixed_light / 2 * side
        error = self.exposure_stops + self.exposure_jitter * rng.standard_normal()
        gain = 2 ** (error + self.local_exposure * stops)
        balance = np.array(self.white_balance) * (
            1 + self.white_balance_jitter * rng.standard_normal(3)
        )
        colours = np.stack([1 + warmth, np.ones_like(warmth), 1 - warmth], axis=-1)
        mixing = np.full((3, 3), self.crosstalk) + np.eye(3) * (1 - 3 * self.crosstalk)
        light = light * (gain[..., None] * colours)
        return np.asarray((light @ mixing * balance).astype(np.float32))

    def _focus(self, light: np.ndarray) -> np.ndarray:
        """Step 6, the lens."""
        from scipy.ndimage import gaussian_filter

        height, width = light.shape[:2]
        zoom = self.chromatic_aberration
        light = np.stack([_magnified(light[..., c], 1 + (1 - c) * zoom) for c in range(3)], axis=-1)
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)
        corner = (y * y + x * x) / 2  # 0 in the centre, 1 in the corners
        # Three blurs, mixed so that the variance grows in proportion to ``corner``.
        least, most = self.blur**2, max(self.defocus, self.blur) ** 2
        sigmas = np.sqrt([least, (least + most) / 2, most])
        blurred = [gaussian_filter(light, (s, s, 0), mode="nearest") for s in sigmas]
        shares = [np.clip(1 - abs(2 * corner - k), 0, 1)[..., None] for k in range(3)]
        light = np.asarray(sum(share * one for share, one in zip(shares, blurred, strict=True)))
        return np.asarray(light * (1 - self.shading * corner)[..., None])

    def _expose(self, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Step 7: a noisy mosaic, and the missing colours from their neighbours."""
        from scipy.ndimage import correlate

        height, width = light.shape[:2]
        # A line of pixels does not see all three colours.
        light = np.pad(light, [(0, int(side == 1)) for side in light.shape[:2]] + [(0, 0)], "edge")
        seen = np.zeros_like(light)
        seen[0::2, 0::2, 0] = 1
        seen[0::2, 1::2, 1] = 1
        seen[1::2, 0::2, 1] = 1
        seen[1::2, 1::2, 2] = 1
        mosaic = (light * seen).sum(axis=-1)
        variance = self.shot_noise * mosaic + self.read_noise**2
        mosaic += np.sqrt(variance) * rng.standard_normal(mosaic.shape, np.float32)
        mosaic = np.clip(mosaic, 0, 1)
        cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32)
        square = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)
        planes = []
        for channel, kernel in enumerate((square, cross, square)):
            value = correlate(mosaic * seen[..., channel], kernel, mode="mirror")
            planes.append(value / correlate(seen[..., channel], kernel, mode="mirror"))
        return np.stack(planes, axis=-1)[:height, :width]


#: The simulated cameras by name.
CAMERAS: Mapping[str, type[Camera] | type[LocalCamera]] = {"global": Camera, "local": LocalCamera}

#: One of them.
SimulatedCamera = Camera | LocalCamera


def _drift(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A smooth random field as wide as the photo, about standard normal: float32 (H, W)."""
    coarse = Image.fromarray(rng.standard_normal((4, 4)).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def _magnified(plane: np.ndarray, factor: float) -> np.ndarray:
    """A float32 (H, W) plane magnified about its centre; its border stays filled."""
    height, width = plane.shape
    if factor == 1:
        return plane
    margin = 2  # pixels beyond the border that a smaller picture needs
    margin += int(np.ceil(max(height, width) * abs(factor - 1)))
    padded = np.pad(plane, margin, mode="edge")
    x0 = (width / 2 + margin) - width / 2 / factor
    y0 = (height / 2 + margin) - height / 2 / factor
    box = (x0, y0, x0 + width / factor, y0 + height / factor)
    return np.asarray(
        Image.fromarray(padded).resize((width, height), Image.Resampling.BICUBIC, box=box)
    )
