"""What a decoder gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from wespe_bench.decoders.colour import Colour


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photo's samples as stored, and what its file says of them.

    ``samples``: for 8 bits a Pillow image in mode L, RGB or CMYK; else an array (H, W) or
    (H, W, 3) of integers or floats from 0 (black) to ``white``. ``orientation`` is EXIF's number,
    1 where the samples are upright. ``colours`` come in the order in which they count.
    """

    samples: Image.Image | np.ndarray
    colours: tuple[Colour, ...] = ()
    orientation: int = 1
    white: float = 255.0
