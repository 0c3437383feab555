import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tests import needs
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.registry import load_enhancer


def _photo():
    return np.random.default_rng(0).integers(0, 200, (8, 11, 3), dtype=np.uint8)


def test_elsewhere_one_clear_line():
    needs.platform(sys.platform != "darwin", "macOS has what is missed elsewhere")
    with pytest.raises(InputError, match=r"needs macOS .*results:FOLDER") as error:
        load_enhancer("apple")
    assert "\n" not in str(error.value)


class _Picture:
    """Stands in for a CIImage: pixels and the log of what was done."""

    def __init__(self, pixels, log):
        self.pixels, self.log = pixels, log

    def extent(self):
        return (0, 0, *self.pixels.shape[1::-1])

    def autoAdjustmentFiltersWithOptions_(self, options):  # noqa: N802
        self.log.append(("options", options))
        return [_Filter(10, self.log), _Filter(40, self.log)]

    def imageByCroppingToRect_(self, extent):  # noqa: N802
        self.log.append(("crop", extent))
        return self


class _Filter:
    def __init__(self, gain, log):
        self.gain, self.log = gain, log

    def setValue_forKey_(self, value, key):  # noqa: N802
        assert key == "inputImage"
        self.picture = value

    def outputImage(self):  # noqa: N802
        self.log.append(("filter", self.gain))
        return _Picture(self.picture.pixels + np.uint8(self.gain), self.log)


@pytest.fixture
def core_image(monkeypatch):
    """A Quartz and a Foundation whose two filters add 10 and 40."""
    log = []

    class Context:
        def writePNGRepresentationOfImage_toURL_format_colorSpace_options_error_(  # noqa: N802
            self, picture, url, kind, space, options, error
        ):
            log.append(("write", kind, space))
            write_png(Path(url), picture.pixels)
            return True, None

    quartz = types.SimpleNamespace(
        kCIImageAutoAdjustRedEye="redeye",
        kCIInputImageKey="inputImage",
        kCIFormatRGBA8="RGBA8",
        kCGColorSpaceSRGB="sRGB",
        CGColorSpaceCreateWithName=lambda name: f"space {name}",
        CIImage=types.SimpleNamespace(
            imageWithContentsOfURL_=lambda url: _Picture(read_rgb(Path(url)), log)
        ),
        CIContext=types.SimpleNamespace(contextWithOptions_=lambda options: Context()),
    )
    foundation = types.SimpleNamespace(NSURL=types.SimpleNamespace(fileURLWithPath_=lambda p: p))
    monkeypatch.setitem(sys.modules, "Quartz", quartz)
    monkeypatch.setitem(sys.modules, "Foundation", foundation)
    return quartz, log


def test_the_filters_run_in_order(core_image):
    _, log = core_image
    enhancer = load_enhancer("apple")
    assert enhancer.fingerprint.startswith("apple:")
    np.testing.assert_array_equal(enhancer(_photo()), _photo() + 50)
    assert log == [
        ("options", {"redeye": False}),
        ("filter", 10),
        ("filter", 40),
        ("crop", (0, 0, 11, 8)),
        ("write", "RGBA8", "space sRGB"),
    ]


def test_a_failure_to_read_is_reported(core_image):
    quartz, _ = core_image
    quartz.CIImage.imageWithContentsOfURL_ = lambda url: None
    with pytest.raises(InputError, match="cannot read"):
        load_enhancer("apple")(_photo())
