r"""PNG bits per pixel: how hard the photo is to compress without loss.

.. math:: 8 \cdot \text{bytes} / (W H)

Two conventions, both 24-bit RGB encoded in memory without metadata:

- ``bpp``: Pillow at zlib level 6. The byte count depends on the encoder, so its builds are
  part of the version, and numbers of two builds are never meant together.
- ``bpp_pinned``: the encoder of `wespe_bench.metrics.pinned_png`: our choice of filters, and
  libdeflate, whose version is part of the metric's. The same bytes on every machine.
"""

from __future__ import annotations

import deflate
import numpy as np
import PIL
from PIL import features

from wespe_bench.images import encode_png
from wespe_bench.metrics.pairs import check_alone
from wespe_bench.types import Metric

LEVEL = 6


def bpp(image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0) -> float:
    """Bits per pixel of uint8 (H, W, 3) as a PNG.

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: Another dtype or shape, or a reference.

    >>> bpp(np.zeros((64, 64, 3), np.uint8)) < 1
    True
    """
    check_alone(image, reference)
    pixels = int(image.shape[0]) * int(image.shape[1])
    return 8.0 * len(encode_png(image, LEVEL)) / pixels


def bpp_pinned(
    image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
) -> float:
    """Bits per pixel of uint8 (H, W, 3) as a PNG with pinned bytes, which any reader decodes.

    Args and errors as `bpp`.

    >>> bpp_pinned(np.zeros((64, 64, 3), np.uint8))
    0.177734375
    """
    from wespe_bench.metrics.pinned_png import encode

    check_alone(image, reference)
    pixels = int(image.shape[0]) * int(image.shape[1])
    return 8.0 * len(encode(image)) / pixels


def _encoder() -> str:
    if features.check_feature("zlib_ng"):
        return f"zlib-ng{features.version_feature('zlib_ng')}"
    return f"zlib{features.version_codec('zlib')}"


BPP = Metric(
    name="bpp",
    version=f"1+pillow{PIL.__version__}+{_encoder()}",
    unit="bit/px",
    higher_is_better=True,
    full_reference=False,
    compute=bpp,
    title="PNG bpp",
    summary="bits per pixel of the PNG, Pillow level 6; the paper reads more as better, "
    "noise raises it",
    quantity="PNG bits per pixel of A",
    convention="Pillow at zlib level 6; depends on the zlib it was built with",
    golden=("1+pillow13.0.0+zlib-ng2.3.3", 12.703150912106135),
    possible=(0.0, 1e9),
    rates_quality=False,
)

BPP_PINNED = Metric(
    name="bpp_pinned",
    version=f"2+deflate{deflate.__version__}",
    unit="bit/px",
    higher_is_better=True,
    full_reference=False,
    compute=bpp_pinned,
    title="PNG bpp (pinned)",
    summary="bits per pixel of a PNG whose bytes do not depend on the machine",
    quantity="PNG bits per pixel of A",
    convention="libdeflate at level 6; the same bytes on every machine",
    golden=("2+deflate0.9.0", 13.38905472636816),
    possible=(0.0, 1e9),
    rates_quality=False,
)
