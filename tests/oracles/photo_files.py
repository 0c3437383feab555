"""Photos in every format, depth, orientation and way of naming colours, and what they show.

libvips, ImageMagick, tifffile, imagecodecs, libheif and Pillow write them. What a lossless file
shows is worked out in float64 from the samples that were written; what a lossy one shows, from
what libvips decodes. Nothing of the project's reader is used.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np
import pyvips
from PIL import Image

from tests.oracles.photo_colours import (
    ADOBE,
    BT2020,
    P3,
    SRGB,
    Array,
    bt709_light,
    levels,
    power,
    profile,
    scene,
    srgb_light,
    upright,
)
from tests.oracles.photo_writers import (
    adobe_tiff,
    by_heif,
    by_magick,
    by_pillow,
    by_tifffile,
    by_vips,
    chrm,
    decoded,
    exif,
    gama,
    iccp,
    integers,
    recoded,
    with_chunks,
)


@dataclass(frozen=True)
class File:
    """A photo's bytes, and the levels (float64, H x W x 3, 0 to 255) that it shows."""

    writer: str
    format: str
    depth: str
    orientation: int
    colours: str
    data: bytes
    levels: Array

    @property
    def name(self) -> str:
        return f"{self.writer}-{self.format}-{self.depth}-{self.orientation}-{self.colours}"


def turned() -> Iterator[File]:
    eight = integers(scene(), 8)
    for turn in range(1, 9):
        data = by_pillow(eight, "JPEG", quality=95, exif=exif(turn))
        shown = levels(upright(decoded(data), turn))
        yield File("Pillow", "JPEG", "8", turn, "none", data, shown)
        truth = levels(upright(eight / 255, turn))
        data = by_pillow(eight, "PNG", exif=exif(turn))
        yield File("Pillow", "PNG", "8", turn, "none", data, truth)
        data = by_pillow(eight, "WEBP", lossless=True, exif=exif(turn))
        yield File("Pillow", "WebP", "8", turn, "none", data, truth)
        data = by_vips(eight, ".tif", turn, compression="lzw")
        yield File("libvips", "TIFF LZW", "8", turn, "none", data, truth)
    for turn, kind in ((3, "tiff_deflate"), (5, "packbits"), (6, "zstd"), (8, "raw")):
        data = by_pillow(eight, "TIFF", compression=kind, exif=exif(turn))
        truth = levels(upright(eight / 255, turn))
        yield File("Pillow", f"TIFF {kind}", "8", turn, "none", data, truth)
    for turn in (1, 6):
        data = by_vips(eight, ".tif", turn, compression="jpeg", Q=95)
        shown = levels(upright(decoded(data), turn))
        yield File("libvips", "TIFF JPEG", "8", turn, "none", data, shown)


def tiffs() -> Iterator[File]:
    for bits in (16, 12, 10, 14):
        for channels in (1, 3):
            samples = integers(scene(channels), bits)
            shown = samples / (2**bits - 1)
            packed = {} if bits == 16 else {"bitspersample": bits}
            for turn in (1, 6):
                data = by_tifffile(samples, turn, **packed)
                kind = "TIFF grey" if channels == 1 else "TIFF"
                truth = levels(upright(shown, turn))
                yield File("tifffile", kind, str(bits), turn, "none", data, truth)
    deep = integers(scene(), 16)
    for turn, (kind, options) in enumerate(
        (
            ("LZW", {"compression": "lzw"}),
            ("LZW predictor", {"compression": "lzw", "predictor": True}),
            ("deflate", {"compression": "zlib"}),
            ("deflate predictor", {"compression": "zlib", "predictor": True}),
            ("ZSTD", {"compression": "zstd", "predictor": True}),
            ("PackBits", {"compression": "packbits"}),
            ("LZMA", {"compression": "lzma"}),
            ("planes", {"planarconfig": "separate", "compression": "lzw"}),
        ),
        start=1,
    ):
        data = by_tifffile(deep, turn, rowsperstrip=7, **options)
        truth = levels(upright(deep / 65535, turn))
        yield File("tifffile", f"TIFF {kind}", "16", turn, "none", data, truth)
    for kind, options in (
        ("tiles", {"tile": (16, 16), "compression": "lzw"}),
        ("big-endian", {"byteorder": ">", "compression": "lzw", "predictor": True}),
        ("BigTIFF", {"bigtiff": True}),
    ):
        data = by_tifffile(deep, 6, **options)
        truth = levels(upright(deep / 65535, 6))
        yield File("tifffile", f"TIFF {kind}", "16", 6, "none", data, truth)
    for kind, options in (
        ("LZW", {"compression": "lzw", "predictor": "horizontal"}),
        ("deflate tiles", {"compression": "deflate", "tile": True, "tile_width": 16,
                           "tile_height": 16}),
    ):  # fmt: skip
        data = by_vips(deep, ".tif", 8, **options)
        truth = levels(upright(deep / 65535, 8))
        yield File("libvips", f"TIFF {kind}", "16", 8, "none", data, truth)
    for dtype, depth in ((np.float16, "float16"), (np.float32, "float32"), (np.float64, "float64")):
        samples = scene().astype(dtype)
        for turn, options in ((1, {}), (6, {"compression": "zlib", "predictor": 3})):
            if dtype is np.float64 and options:
                options = {"compression": "lzw"}
            data = by_tifffile(samples, turn, **options)
            truth = levels(upright(samples.astype(float), turn))
            yield File("tifffile", "TIFF", depth, turn, "none", data, truth)
    whole = np.rint(scene() * (2**32 - 1)).astype(np.uint32)
    yield File("tifffile", "TIFF", "32", 1, "none", by_tifffile(whole), levels(whole / (2**32 - 1)))


def deep_pngs() -> Iterator[File]:
    for channels in (1, 3):
        deep = integers(scene(channels), 16)
        for turn, interlace in ((1, False), (6, False), (1, True), (3, True)):
            data = by_vips(deep, ".png", turn, interlace=interlace)
            kind = ("PNG grey" if channels == 1 else "PNG") + (" interlaced" if interlace else "")
            truth = levels(upright(deep / 65535, turn))
            yield File("libvips", kind, "16", turn, "none", data, truth)
    deep = integers(scene(), 16)
    clear = np.concatenate([deep, np.full_like(deep[..., :1], 300)], -1)
    data = bytes(imagecodecs.png_encode(clear))
    yield File("imagecodecs", "PNG alpha", "16", 1, "none", data, levels(deep / 65535))


def profiled() -> Iterator[File]:
    eight, deep = integers(scene(), 8), integers(scene(), 16)
    float_ = scene().astype(np.float32)
    for name, primaries, light in (
        ("sRGB", SRGB, srgb_light),
        ("P3 gamma 2.6", P3, power(2.6)),
        ("Adobe RGB", ADOBE, power(563 / 256)),
        ("look-up table", ADOBE, power(563 / 256)),
    ):
        icc = profile(name)
        note = f"ICC {name}"
        for turn, kind, options in (
            (1, "PNG", {}),
            (6, "TIFF", {"compression": "tiff_lzw"}),
            (3, "WEBP", {"lossless": True}),
        ):
            data = by_pillow(eight, kind, icc_profile=icc, exif=exif(turn), **options)
            truth = levels(upright(eight / 255, turn), primaries, light)
            yield File("Pillow", kind, "8", turn, note, data, truth)
        data = by_pillow(eight, "JPEG", quality=95, icc_profile=icc)
        yield File("Pillow", "JPEG", "8", 1, note, data, levels(decoded(data), primaries, light))
        truth = levels(upright(deep / 65535, 6), primaries, light)
        data = by_tifffile(deep, 6, icc, compression="lzw", predictor=True)
        yield File("tifffile", "TIFF LZW", "16", 6, note, data, truth)
        data = by_vips(deep, ".png", 6, icc)
        yield File("libvips", "PNG", "16", 6, note, data, truth)
        data = by_tifffile(float_, 1, icc)
        truth = levels(float_.astype(float), primaries, light)
        yield File("tifffile", "TIFF", "float32", 1, note, data, truth)
    grey, icc = integers(scene(1), 16), profile("linear grey")
    truth = levels(grey / 65535, SRGB, power(1))
    data = by_tifffile(grey, 1, icc)
    yield File("tifffile", "TIFF grey", "16", 1, "ICC linear grey", data, truth)
    grey8, icc = integers(scene(1), 8), profile("Adobe RGB")
    truth = levels(grey8 / 255, SRGB, power(563 / 256))
    data = by_pillow(grey8, "JPEG", quality=100, icc_profile=icc)
    shown = levels(decoded(data), SRGB, power(563 / 256))
    yield File("Pillow", "JPEG grey", "8", 1, "ICC Adobe RGB", data, shown)
    yield from _cmyk()


def _cmyk() -> Iterator[File]:
    """Ink, by libvips' own profile, converted by Little CMS in float64."""
    icc = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    image = pyvips.Image.new_from_array(integers(scene(), 8)).copy(interpretation="srgb")
    ink = image.icc_transform("cmyk", input_profile="srgb").cast("uchar")
    for ending, options in ((".tif", {"compression": "lzw"}), (".jpg", {"Q": 95})):
        data = bytes(ink.write_to_buffer(ending, **options))
        stored = pyvips.Image.new_from_buffer(data, "").numpy()
        # Little CMS counts ink in percent.
        shown = imagecodecs.cms_transform(
            stored / 2.55, icc, profile("sRGB"), colorspace="cmyk", outcolorspace="rgb", intent=0
        )
        kind = {".tif": "TIFF CMYK", ".jpg": "JPEG CMYK"}[ending]
        yield File("libvips", kind, "8", 1, "ICC CMYK", data, np.clip(shown, 0, 1) * 255)


def coded() -> Iterator[File]:
    """PNG: cICP, gAMA and cHRM, sRGB, and which of them counts."""
    p3, adobe = iccp(profile("P3 gamma 2.6")), iccp(profile("Adobe RGB"))
    for bits in (8, 16):
        samples = integers(scene(), bits)
        plain = by_vips(samples, ".png")
        stored = samples / (2**bits - 1)
        for note, more, primaries, light in (
            ("cICP Display P3", [(b"cICP", bytes((12, 13, 0, 1)))], P3, srgb_light),
            ("cICP BT.2020", [(b"cICP", bytes((9, 14, 0, 1)))], BT2020, bt709_light),
            ("cICP linear", [(b"cICP", bytes((1, 8, 0, 1)))], SRGB, power(1)),
            ("cICP gamma 2.2", [(b"cICP", bytes((1, 4, 0, 1)))], SRGB, power(2.2)),
            ("cICP over iCCP", [(b"cICP", bytes((1, 13, 0, 1))), adobe], SRGB, srgb_light),
            ("iCCP over sRGB", [p3, (b"sRGB", b"\0")], P3, power(2.6)),
            ("sRGB over gAMA", [(b"sRGB", b"\0"), gama(1)], SRGB, srgb_light),
            ("gAMA 1", [gama(1)], SRGB, power(1)),
            ("gAMA 1/1.8", [gama(1.8)], SRGB, power(1.8)),
            ("gAMA 1/2.2", [gama(2.2), chrm(SRGB)], SRGB, srgb_light),
            ("gAMA cHRM Adobe", [gama(563 / 256), chrm(ADOBE)], ADOBE, power(563 / 256)),
            ("cHRM P3", [chrm(P3)], P3, srgb_light),
        ):
            shown = levels(stored, primaries, light)
            yield File("libvips", "PNG", str(bits), 1, note, with_chunks(plain, *more), shown)
        grey = integers(scene(1), bits)
        data = with_chunks(by_vips(grey, ".png"), gama(1))
        shown = levels(grey / (2**bits - 1), SRGB, power(1))
        yield File("libvips", "PNG grey", str(bits), 1, "gAMA 1", data, shown)


def adobe_by_exif() -> Iterator[File]:
    eight, deep = integers(scene(), 8), integers(scene(), 16)
    note, light = "EXIF R03", power(563 / 256)
    data = by_pillow(eight, "JPEG", quality=95, exif=exif(6, adobe=True))
    shown = levels(upright(decoded(data), 6), ADOBE, light)
    yield File("Pillow", "JPEG", "8", 6, note, data, shown)
    truth = levels(upright(eight / 255, 8), ADOBE, light)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = by_pillow(eight, kind, exif=exif(8, adobe=True), **options)
        yield File("Pillow", kind, "8", 8, note, data, truth)
    for samples, bits in ((eight, 8), (deep, 16)):
        truth = levels(upright(samples / (2**bits - 1), 8), ADOBE, light)
        yield File("by hand", "TIFF", str(bits), 8, note, adobe_tiff(samples, 8), truth)
    data = bytes(imagecodecs.png_encode(deep))
    data = with_chunks(data, (b"eXIf", exif(3, adobe=True).tobytes()[6:]))
    truth = levels(upright(deep / 65535, 3), ADOBE, light)
    yield File("imagecodecs", "PNG", "16", 3, note, data, truth)


def avif_and_heic() -> Iterator[File]:
    eight = integers(scene(), 8)
    for turn in (1, 3, 6, 7):
        data = by_pillow(eight, "AVIF", quality=100, subsampling="4:4:4", exif=exif(turn))
        # libheif, in libvips, has turned it.
        yield File("Pillow", "AVIF", "8", turn, "nclx sRGB", data, levels(decoded(data)))
    icc = profile("P3 gamma 2.6")
    data = by_pillow(eight, "AVIF", quality=100, subsampling="4:4:4", icc_profile=icc)
    with Image.open(io.BytesIO(data)) as image:  # libheif differs by a level, and dark ones spread
        shown = levels(np.asarray(image) / 255, P3, power(2.6))
    yield File("Pillow", "AVIF", "8", 1, "ICC P3 gamma 2.6", data, shown)
    for bits in (8, 10, 12):
        samples = integers(scene(), bits)
        stored = samples / (2**bits - 1)
        for note, (first, second), primaries, light in (
            ("nclx sRGB", (1, 13), SRGB, srgb_light),
            ("nclx Display P3", (12, 13), P3, srgb_light),
            ("nclx BT.2020", (9, 14), BT2020, bt709_light),
        ):
            data = bytes(
                imagecodecs.avif_encode(samples, level=100, bitspersample=bits, numthreads=1)
            )
            data = recoded(data, first, second)
            shown = levels(stored, primaries, light)
            yield File("imagecodecs", "AVIF", str(bits), 1, note, data, shown)

    yield from _heic()


def _heic() -> Iterator[File]:
    """HEIC, all but lossless; in these libheif writes the coefficients of RGB itself."""
    for bits in (8, 10):
        samples = integers(scene(), 8 if bits == 8 else 16)
        stored = samples / samples.max()
        for turn in (1, 6):
            for note, codes, primaries in (("none", (), SRGB), ("nclx Display P3", (12, 13), P3)):
                data = by_heif(samples, turn, codes)
                shown = levels(upright(stored, turn), primaries)
                yield File("libheif", "HEIC", str(bits), turn, note, data, shown)


def magick() -> Iterator[File]:
    deep, grey = integers(scene(), 16), integers(scene(1), 16)
    for samples in (deep, grey):
        kind = "TIFF" if samples.shape[2] == 3 else "TIFF grey"
        for note, options in (
            ("none", ()),
            ("LZW", ("-compress", "LZW")),
            ("Zip", ("-compress", "Zip")),
        ):
            for bits in (8, 16):
                data = by_magick(samples, "tif", "-depth", str(bits), *options)
                stored = samples / 65535 if bits == 16 else decoded(data)
                yield File(
                    "ImageMagick", f"{kind} {note}", str(bits), 1, "none", data, levels(stored)
                )
    for turn, word in ((3, "BottomRight"), (6, "RightTop"), (7, "RightBottom")):
        data = by_magick(deep, "tif", "-orient", word, "-compress", "LZW")
        truth = levels(upright(deep / 65535, turn))
        yield File("ImageMagick", "TIFF LZW", "16", turn, "none", data, truth)
    data = by_magick(deep, "tif", "-depth", "32", "-define", "quantum:format=floating-point")
    yield File("ImageMagick", "TIFF", "float32", 1, "none", data, levels(deep / 65535))
    data = by_magick(deep, "png", "-define", "png:bit-depth=16")
    yield File("ImageMagick", "PNG", "16", 1, "none", data, levels(deep / 65535))


#: By what they are about; those of ImageMagick need it.
GROUPS = (turned, tiffs, deep_pngs, profiled, coded, adobe_by_exif, avif_and_heic)


def allowed(file: File) -> float:
    """How far from `File.levels` a right reading may be.

    Half a level is rounding. Little CMS keeps sRGB's matrix to five digits, and in 8 bits rounds
    on the way. Tables of 33 steps bend the darkest colours. libavif and libheif turn YCbCr into
    RGB with unlike rounding, and HEIC of 10 bits is written from 16.
    """
    if file.format == "AVIF" and file.writer == "Pillow":
        return 1.0
    if "look-up" in file.colours or file.format == "HEIC":
        return 1.01
    return 0.501 if file.colours in ("none", "ICC sRGB") else 0.72
