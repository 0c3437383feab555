"""The decoder, the quantiser, the encoder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from tests.oracles.photo_colours import swapped_profile
from wespe_bench.decoders import pillow
from wespe_bench.errors import InputError
from wespe_bench.images import encode_png, luma, quantize, read_rgb, write_png

rng = np.random.default_rng(3)
PHOTO = rng.integers(0, 256, (5, 7, 3), np.uint8)


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_png_round_trip(image: np.ndarray) -> None:
    for level in (0, 1, 6, 9):
        np.testing.assert_array_equal(read_rgb(encode_png(image, level)), image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    # What each value means, spelled out from the EXIF standard: how stored rows and columns
    # have to be turned for viewing.
    upright = {
        1: PHOTO,
        2: PHOTO[:, ::-1],
        3: PHOTO[::-1, ::-1],
        4: PHOTO[::-1],
        5: PHOTO.transpose(1, 0, 2),
        6: np.rot90(PHOTO, -1),
        7: PHOTO[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PHOTO),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(PHOTO), exif=exif)
    np.testing.assert_array_equal(read_rgb(data), upright)


def test_orientation_of_16_bit(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = np.repeat(PHOTO[..., :1].astype(np.uint16) * 257, 1, axis=2)[..., 0]
    Image.fromarray(deep).save(tmp_path / "deep.png", exif=exif)
    expected = np.repeat(np.rot90(PHOTO[..., :1], -1), 3, axis=2)
    np.testing.assert_array_equal(read_rgb(tmp_path / "deep.png"), expected)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "RGBA", "PA"])
def test_modes(mode: str) -> None:
    source = Image.fromarray(PHOTO)
    if mode == "RGBA":
        # Colour under full transparency is kept, not composited.
        source.putalpha(0)
        np.testing.assert_array_equal(read_rgb(saved(source)), PHOTO)
        return
    if mode == "PA":
        source = source.quantize(8)
        source.info["transparency"] = 0
        expected = np.asarray(source.convert("RGB"))
        np.testing.assert_array_equal(read_rgb(saved(source, transparency=0)), expected)
        return
    source = source.convert(mode)
    expected = np.asarray(source.convert("RGB"))
    np.testing.assert_array_equal(read_rgb(saved(source)), expected)


def test_cmyk() -> None:
    source = Image.fromarray(PHOTO).convert("CMYK")
    data = saved(source, "TIFF")
    np.testing.assert_array_equal(read_rgb(data), np.asarray(source.convert("RGB")))


def deep_samples(channels: int) -> np.ndarray:
    return rng.integers(0, 65536, (6, 5, channels), np.uint16)


def scaled(samples: np.ndarray) -> np.ndarray:
    # round(v / 257) with integers, so that no float is involved
    return ((samples.astype(np.int64) * 2 + 257) // 514).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png(channels: int) -> None:
    samples = deep_samples(channels)
    buffer = io.BytesIO()
    writer = png.Writer(
        width=5, height=6, bitdepth=16, greyscale=channels < 3, alpha=channels in (2, 4)
    )
    writer.write(buffer, samples.reshape(6, -1).tolist())
    colour = samples[..., :1].repeat(3, axis=2) if channels < 3 else samples[..., :3]
    np.testing.assert_array_equal(read_rgb(buffer.getvalue()), scaled(colour))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_16_bit_tiff(planar: str) -> None:
    samples = deep_samples(3)
    buffer = io.BytesIO()
    stored = samples if planar == "contig" else samples.transpose(2, 0, 1)
    tifffile.imwrite(buffer, stored, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(read_rgb(buffer.getvalue()), scaled(samples))


def test_16_bit_grey_tiff() -> None:
    samples = deep_samples(1)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples[..., 0])
    np.testing.assert_array_equal(read_rgb(buffer.getvalue()), scaled(samples.repeat(3, axis=2)))


def test_icc_profile_is_converted() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0] = 200  # red as stored, green as meant
    converted = read_rgb(saved(Image.fromarray(pixels), icc_profile=swapped_profile()))
    assert converted[0, 0, 1] > 150
    assert converted[0, 0, 0] < 50


def test_srgb_profile_moves_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(Image.fromarray(PHOTO), icc_profile=profile)
    np.testing.assert_array_equal(read_rgb(data), PHOTO)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200])
def test_broken_profile_is_taken_as_srgb(profile: bytes) -> None:
    data = saved(Image.fromarray(PHOTO), icc_profile=profile)
    np.testing.assert_array_equal(read_rgb(data), PHOTO)


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.fromarray(np.full((4, 4, 3), level, np.uint8)) for level in (10, 200)]
    data = saved(frames[0], save_all=True, append_images=frames[1:])
    assert read_rgb(data).mean() == 10


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"not an image at all", "not a photo in a known format"),
        (encode_png(PHOTO)[:60], "damaged"),
        (
            saved(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)), "JPEG")[:-900],
            "damaged",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo in a known format"),
    ],
)
def test_bad_files(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        read_rgb(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_rgb(tmp_path / "none.png")
    with pytest.raises(InputError, match="cannot be read"):
        read_rgb(tmp_path)


def test_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pillow, "MAX_PIXELS", 34)
    with pytest.raises(InputError, match="7x5 is more than the limit of 34 pixels"):
        read_rgb(encode_png(PHOTO), name="bomb.png")


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        (3, 4, 3),
        elements=st.floats(-2, 3, width=32),
    )
)
def test_quantize(image: np.ndarray) -> None:
    # Python's own round is half to even.
    expected = [round(min(max(float(v), 0.0), 1.0) * 255.0) for v in image.ravel()]
    assert quantize(image).ravel().tolist() == expected


def test_quantize_halves_go_to_even() -> None:
    halves = np.array([0.5, 1.5, 2.5, 254.5]) / 255
    image = np.repeat(halves, 3).reshape(1, 4, 3)
    assert quantize(image)[0, :, 0].tolist() == [0, 2, 2, 254]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.float32),
        np.zeros((4, 4, 3), np.int64),
        np.zeros((4, 4, 3), np.uint16),
        np.full((4, 4, 3), np.nan),
        np.zeros((0, 4, 3), np.uint8),
        "photo",
    ],
)
def test_quantize_refuses(image: object) -> None:
    with pytest.raises(ValueError):
        quantize(image)


def test_infinities_are_clamped() -> None:
    image = np.full((1, 2, 3), np.inf)
    image[0, 0] = -np.inf
    assert quantize(image)[0, :, 0].tolist() == [0, 255]


@given(hnp.arrays(np.uint8, (4, 4, 3)))
def test_luma_is_the_rounded_weighted_sum(image: np.ndarray) -> None:
    from fractions import Fraction

    weights = [Fraction(w) for w in ("0.298936021293775", "0.587043074451121", "0.114020904255103")]
    for pixel, grey in zip(
        image.reshape(-1, 3).tolist(), luma(image).ravel().tolist(), strict=True
    ):
        exact = sum(w * v for w, v in zip(weights, pixel, strict=True))
        assert abs(exact - grey) <= Fraction(1, 2) + Fraction(1, 10**9)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["01", "05", "23"])
def test_luma_equals_matlab(shared: Path, name: str) -> None:
    golden = np.load(shared / "cornia" / "golden_public.npz")
    photo = read_rgb(shared / "hq" / "kodak24" / f"{name}.png")
    assert int(luma(photo).sum(dtype=np.int64)) == int(golden[f"{name}.gray_sum"])


def test_write_png_leaves_no_trace_of_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.png"
    before = write_png(path, PHOTO)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_png(path, 255 - PHOTO)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["photo.png"]


def test_16_bit_tiff_white_is_zero() -> None:
    samples = deep_samples(1)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples[..., 0], photometric="miniswhite")
    expected = scaled(65535 - samples).repeat(3, axis=2)
    np.testing.assert_array_equal(read_rgb(buffer.getvalue()), expected)


@pytest.mark.parametrize(
    ("channels", "options", "words"),
    [
        (4, {"photometric": "separated"}, "16-bit CMYK"),
        (4, {"photometric": "rgb", "extrasamples": ["assocalpha"]}, "premultiplied"),
    ],
)
def test_16_bit_tiffs_that_are_refused(
    channels: int, options: dict[str, object], words: str
) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, deep_samples(channels), **options)
    with pytest.raises(InputError, match=words):
        read_rgb(buffer.getvalue(), name="deep.tif")
