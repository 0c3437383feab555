"""Apple's auto-adjust as an enhancer, on macOS.

The paper compares with the Apple Photo Enhancer, the button in Photos 2.0, which no program
can call. Core Image's auto-adjustment filters are the nearest that can: Apple's engine, but
not the button. Tables should say "Apple Core Image auto-adjust (APE stand-in)".
https://developer.apple.com/documentation/coreimage/ciimage
"""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path

import numpy as np

from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb, read_rgb, write_png


class AppleAutoAdjust:
    """Apple's Core Image auto-adjust, a stand-in for the Apple Photo Enhancer (macOS only).

    The photo's own filters (vibrance, tone curve, highlights and shadows, and whatever else
    the system picks; red-eye correction off) applied in their order, rendered to 8-bit sRGB.

    Raises InputError where there is no Core Image.
    """

    def __init__(self) -> None:
        try:
            import Foundation
            import Quartz
        except ImportError:
            raise InputError(
                "apple needs macOS with pyobjc-framework-Quartz (pip install "
                "'wespe-bench[apple]'); photos enhanced on a Mac can be scored anywhere with "
                "results:FOLDER"
            ) from None
        self._foundation, self._quartz = Foundation, Quartz
        # The filters belong to the system and change with its version.
        self.fingerprint = f"apple:{platform.mac_ver()[0]}:{platform.machine()}:1"

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to uint8 of the same shape."""
        check_rgb(image)
        quartz = self._quartz
        with tempfile.TemporaryDirectory(prefix="wespe-bench-") as folder:
            source, target = Path(folder, "input.png"), Path(folder, "output.png")
            write_png(source, image)
            picture = quartz.CIImage.imageWithContentsOfURL_(self._url(source))
            if picture is None:
                raise InputError("Core Image cannot read the photo")
            extent = picture.extent()
            options = {quartz.kCIImageAutoAdjustRedEye: False}
            for adjustment in picture.autoAdjustmentFiltersWithOptions_(options):
                adjustment.setValue_forKey_(picture, quartz.kCIInputImageKey)
                picture = adjustment.outputImage()
            done, error = quartz.CIContext.contextWithOptions_(
                None
            ).writePNGRepresentationOfImage_toURL_format_colorSpace_options_error_(
                picture.imageByCroppingToRect_(extent),
                self._url(target),
                quartz.kCIFormatRGBA8,
                quartz.CGColorSpaceCreateWithName(quartz.kCGColorSpaceSRGB),
                {},
                None,
            )
            if not done:
                raise InputError(f"Core Image cannot render the photo ({error})")
            return read_rgb(target)

    def _url(self, path: Path) -> object:
        return self._foundation.NSURL.fileURLWithPath_(str(path))
