"""What a photo's file says of its colours, in whichever of eight ways, as ICC profiles.

An ICC profile counts first (in PNG after cICP, as its specification orders them), then the codes
of ITU-T H.273 (cICP in PNG, nclx in HEIF and AVIF), PNG's sRGB chunk, its gAMA and cHRM, the
header of a BMP, TIFF's chromaticities, and last EXIF's colour space. A photo that says nothing
is sRGB. Video's PQ and HLG are made for other displays and are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from wespe_bench.decoders import profiles
from wespe_bench.decoders.profiles import Chromaticities, Curve
from wespe_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class Colour:
    """One thing a file says of its colours: a name for people, and the profile it amounts to.

    ``profile`` is empty for sRGB.
    """

    name: str
    profile: bytes = b""


_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)
SRGB = Chromaticities((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
ADOBE = Chromaticities((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_SMPTE = Chromaticities((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)

# ITU-T H.273 (2021), tables 2 and 3.
_PRIMARIES = {
    1: ("sRGB", SRGB),
    4: ("BT.470 M", Chromaticities((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C)),
    5: ("BT.470 BG", Chromaticities((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65)),
    6: ("BT.601", _SMPTE),
    7: ("SMPTE 240M", _SMPTE),
    8: ("film", Chromaticities((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C)),
    9: ("BT.2020", Chromaticities((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)),
    10: ("XYZ", Chromaticities((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3))),
    11: ("DCI-P3", Chromaticities(*_P3, (0.314, 0.351))),
    12: ("Display P3", Chromaticities(*_P3, _D65)),
    22: ("EBU 3213", Chromaticities((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65)),
}
_BT709 = Curve(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_TRANSFERS = {
    **dict.fromkeys((1, 6, 11, 14, 15), ("BT.709", _BT709)),
    4: ("gamma 2.2", Curve(2.2)),
    5: ("gamma 2.8", Curve(2.8)),
    7: ("SMPTE 240M", Curve(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912)),
    8: ("linear", Curve(1.0)),
    13: ("sRGB", profiles.SRGB_CURVE),
}
_HDR = {16: "PQ (HDR)", 18: "HLG (HDR)"}
_UNSPECIFIED = 2

# EXIF and TIFF.
_EXIF_IFD, _INTEROPERABILITY_IFD = 0x8769, 0xA005
_COLOUR_SPACE, _GAMMA, _INTEROPERABILITY = 0xA001, 0xA500, 1
_EXIF_SRGB, _EXIF_ADOBE, _UNCALIBRATED = 1, 2, 0xFFFF
_TRANSFER_FUNCTION, _WHITE_POINT, _PRIMARY_CHROMATICITIES = 301, 318, 319


def stated(
    info: Mapping[Any, Any],
    exif: Image.Exif,
    *,
    png: bytes = b"",
    bmp: bytes = b"",
    coded: tuple[int, int] | None = None,
    transfer_tables: bool = False,
) -> tuple[Colour, ...]:
    """All that a photo says of its colours, what counts most first.

    ``info`` and ``exif`` are Pillow's; ``png`` and ``bmp`` the bytes of a file of that kind;
    ``coded`` the (primaries, transfer) of a HEIF or AVIF; ``transfer_tables`` says that TIFF's
    tag of that name is about the samples.

    Raises InputError for HDR, and for codes that nothing is known of.
    """
    if not (png or bmp or coded or "icc_profile" in info or len(exif)):
        return ()
    said: list[Colour] = []
    if coded is not None and coded[1] in _HDR:
        raise _refused_transfer(coded[1], "nclx")
    if png and (code := _chunk(png, b"cICP")) and len(code) >= 4:
        if code[2] or code[3] != 1:
            raise InputError("its cICP chunk says YCbCr or video range, which PNG does not know")
        said += _from_codes(code[0], code[1], "cICP")
    if profile := info.get("icc_profile"):
        profile = bytes(profile)
        if (transfer := profiles.coded_transfer(profile)) in _HDR:
            raise _refused_transfer(transfer, "ICC profile")
        said.append(Colour(f"{profiles.description(profile)} (ICC profile)", profile))
    if coded is not None:
        said += _from_codes(*coded, "nclx")
    if png:
        said += _from_png(info) if info else ()
    if bmp:
        said += _from_bmp(bmp)
    return (*said, *_from_exif(exif, transfer_tables))


def _from_codes(primaries: int, transfer: int, where: str) -> Iterator[Colour]:
    if primaries == transfer == _UNSPECIFIED:
        return
    if transfer in _HDR:
        raise _refused_transfer(transfer, where)
    if primaries not in (*_PRIMARIES, _UNSPECIFIED):
        raise InputError(f"its {where} names colour primaries {primaries}, which are not known")
    if transfer not in (*_TRANSFERS, _UNSPECIFIED):
        raise InputError(f"its {where} names transfer function {transfer}, which is not known")
    name, chromaticities = _PRIMARIES.get(primaries, _PRIMARIES[1])
    curve_name, curve = _TRANSFERS.get(transfer, _TRANSFERS[13])
    if curve_name != "sRGB":
        name += f" {curve_name}"
    yield Colour(f"{name} ({where})", profiles.made(chromaticities, curve))


def _refused_transfer(transfer: int, where: str) -> InputError:
    return InputError(
        f"its {where} names the transfer function {_HDR[transfer]}, made for other displays; "
        "save it as an ordinary photo (SDR)"
    )


def _from_png(info: Mapping[Any, Any]) -> Iterator[Colour]:
    """PNG's sRGB chunk, or gAMA and cHRM, as Pillow gives them."""
    if "srgb" in info:
        yield Colour("sRGB")
        return
    gamma, chrm = info.get("gamma"), info.get("chromaticity")
    if not (gamma or chrm):
        return
    chromaticities = SRGB
    if chrm and len(chrm) == 8:
        white, red, green, blue = (tuple(chrm[n : n + 2]) for n in (0, 2, 4, 6))
        chromaticities = Chromaticities(red, green, blue, white)
    # Writers of sRGB say gAMA 45455 for readers without curves (PNG, 11.3.2.5).
    usual = abs((gamma or 0.45455) - 0.45455) < 0.0005
    if usual and (not gamma or chromaticities.near(SRGB)):
        curve, curve_name = profiles.SRGB_CURVE, "sRGB"
    else:
        curve, curve_name = Curve(1 / (gamma or 0.45455)), _power(1 / (gamma or 0.45455))
    chunks = " and ".join(name for name, there in (("gAMA", gamma), ("cHRM", chrm)) if there)
    yield from _calibrated(chromaticities, curve, curve_name, chunks)


def _from_bmp(data: bytes) -> Iterator[Colour]:
    """The colour space of a BMP's header of version 4 or 5."""
    (size,) = struct.unpack_from("<I", data, 14)
    if size < 108 or len(data) < 14 + size:
        return
    kind = data[70:74][::-1]
    if kind == b"MBED" and size >= 124:
        at, length = struct.unpack_from("<II", data, 126)
        profile = data[14 + at : 14 + at + length]
        yield Colour(f"{profiles.description(profile)} (ICC profile)", profile)
    elif kind == b"LINK":
        raise InputError("its colour profile is in another file; save it with the profile inside")
    elif kind == bytes(4):
        values = struct.unpack_from("<9I", data, 74)
        gammas = struct.unpack_from("<3I", data, 110)
        points = [[value / 2**30 for value in values[n : n + 3]] for n in (0, 3, 6)]
        if not all(gammas) or not all(map(any, points)):
            return  # most writers leave the header empty
        red, green, blue = ((p[0] / sum(p), p[1] / sum(p)) for p in points)
        total = [sum(axis) for axis in zip(*points, strict=True)]
        white = (total[0] / sum(total), total[1] / sum(total))
        exponent = sum(gammas) / 3 / 2**16
        chromaticities = Chromaticities(red, green, blue, white)
        yield from _calibrated(chromaticities, Curve(exponent), _power(exponent), "BMP header")


def _from_exif(exif: Image.Exif, transfer_tables: bool) -> Iterator[Colour]:
    """EXIF's colour space, and the chromaticities of TIFF."""
    if not len(exif):
        return
    try:
        shot = exif.get_ifd(_EXIF_IFD)
        space, gamma = shot.get(_COLOUR_SPACE), shot.get(_GAMMA)
        if space == _EXIF_SRGB:
            return
        if space == _EXIF_ADOBE or (space == _UNCALIBRATED and _interoperability(exif) == "R03"):
            yield Colour("Adobe RGB (EXIF)", profiles.made(ADOBE, Curve(563 / 256)))
            return
        white, points = exif.get(_WHITE_POINT), exif.get(_PRIMARY_CHROMATICITIES)
        tables = exif.get(_TRANSFER_FUNCTION) if transfer_tables else None
        chromaticities = SRGB
        if white is not None and points is not None:
            x, y = map(float, white)
            values = [float(value) for value in points]
            red, green, blue = ((values[n], values[n + 1]) for n in (0, 2, 4))
            chromaticities = Chromaticities(red, green, blue, (x, y))
        if tables is not None:
            curve_name = "its own curve"
            curve: Curve | tuple[int, ...] = tuple(map(int, tables))
        elif gamma is not None and 0.1 < float(gamma) < 10:
            curve, curve_name = Curve(float(gamma)), _power(float(gamma))
        elif chromaticities is not SRGB:
            curve, curve_name = profiles.SRGB_CURVE, "sRGB"
        else:
            return
    except Exception:  # damaged EXIF says nothing
        return
    yield from _calibrated(chromaticities, curve, curve_name, "EXIF")


def _interoperability(exif: Image.Exif) -> str:
    """EXIF's interoperability rule: R03 is that of Adobe RGB."""
    try:
        found = exif.get_ifd(_INTEROPERABILITY_IFD)
    except KeyError:  # there is none (Pillow before 13)
        return ""
    return str(found.get(_INTEROPERABILITY, "")).strip("\0 ")


def _calibrated(
    chromaticities: Chromaticities, curve: Curve | tuple[int, ...], curve_name: str, where: str
) -> Iterator[Colour]:
    """Chromaticities and a curve by their names, unless they are nonsense."""
    name = next((name for name, known in _known() if chromaticities.near(known)), "other primaries")
    if curve_name != "sRGB":
        name = curve_name if name == "sRGB" else f"{name}, {curve_name}"
    try:
        profile = profiles.made(chromaticities, curve)
    except ValueError:
        return
    yield Colour(f"{name} ({where})", profile)


def _known() -> Iterator[tuple[str, Chromaticities]]:
    yield "Adobe RGB", ADOBE
    yield from _PRIMARIES.values()


def _power(exponent: float) -> str:
    return "linear light" if abs(exponent - 1) < 1e-3 else f"gamma {exponent:.4g}"


def _chunk(data: bytes, wanted: bytes) -> bytes | None:
    """The content of a PNG's first chunk of a kind before its pixels."""
    if data.find(wanted, 0, data.find(b"IDAT")) < 0:
        return None
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == wanted:
            return data[at + 8 : at + 8 + size]
        if kind == b"IDAT":
            return None
        at += 12 + size
    return None
