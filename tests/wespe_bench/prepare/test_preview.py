"""The contact sheet: everything is on it, at its place, readable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.conftest import Command
from wespe_bench import load_dataset
from wespe_bench.images import read_rgb, write_png
from wespe_bench.prepare import preview as previewing
from wespe_bench.prepare.preview import preview


def flat(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (30, 40)) -> None:
    write_png(path, np.full((*size, 3), colour, np.uint8))


def test_every_pair_is_there_side_by_side(tmp_path: Path) -> None:
    for number in range(5):
        flat(tmp_path / "in" / f"{number}.png", (50 * number, 0, 200))
        flat(tmp_path / "ref" / f"{number}.png", (50 * number, 255, 0))
    dataset = load_dataset("folder", input=tmp_path / "in", reference=tmp_path / "ref")
    sheet, failures = preview(dataset, columns=2, size=100)
    assert failures == []
    pixels = np.asarray(sheet)
    last = (0, 0)
    for number in range(5):
        ys, xs = np.nonzero((pixels == (50 * number, 0, 200)).all(axis=2))
        assert len(ys) == 75 * 100  # 40x30 enlarged to 100x75
        other = np.nonzero((pixels == (50 * number, 255, 0)).all(axis=2))
        assert len(other[0]) == 75 * 100
        assert other[0].min() == ys.min()
        assert xs.max() < other[1].min() <= xs.max() + 10  # the reference is right beside it
        assert (ys.min(), xs.min()) > last
        last = (ys.min(), xs.min())


def test_evenly_spread_with_the_ends(photos: Path) -> None:
    samples = load_dataset("folder", input=photos).samples
    assert [s.id for s in previewing._spread(samples, 3)] == ["img1", "img3", "img6"]
    assert len(previewing._spread(samples, 100)) == 6
    assert len(previewing._spread(samples, 1)) == 1


def test_labels_fit_and_letters_without_a_glyph_are_spelled_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    class Draw:
        def text(self, place: object, text: str, fill: str, font: object) -> None:
            written.append(text)

    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: ["/no/such/font"])
    labels = previewing._Labels(["Ünï Ω мир", "写真"])
    for text, room in (("Ünï Ω мир", 500), ("写真", 500), ("long " * 50 + "end", 100)):
        labels.write(Draw(), (0, 0), text, "#000000", room)
    assert written[0] == "Ünï Ω мир"
    assert written[1] == "<5199><771F>"
    assert "…" in written[2]
    assert written[2].startswith("long")
    assert written[2].endswith("end")
    font = next(iter(labels.fonts.values()))
    assert ImageDraw.Draw(Image.new("L", (1, 1))).textlength(written[2], font=font) <= 100


def test_through_the_real_entry_point(command: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "img2.png").write_bytes(b"no photo")
    flat(photos / "Ünï cødé.png", (1, 2, 3))
    result = command("data", "preview", "--input", photos)
    assert result.returncode == 3
    assert "7 of 7 shown -> preview-photos.jpg" in result.stdout
    assert "preview photos: img2: " in result.stderr
    assert read_rgb(tmp_path / "preview-photos.jpg").shape[1] >= 480
    result = command("data", "preview", "--dataset", "samples", "--count", "2", "--out", "s.png")
    assert result.returncode == 0, result.stderr
    assert "2 of 5 shown -> s.png" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--count", "0"], "--count 0"),
        (["--size", "9999"], "--size 9999"),
        (["--columns", "-1"], "--columns -1"),
        (["--out", "sheet.gif"], "ends in .png or .jpg"),
        (["--out", "photos/img1.png"], "is one of the photos"),
        (["--input", "nowhere"], "no such folder: nowhere"),
    ],
)
def test_mistakes_get_one_line(
    verb: Command, photos: Path, arguments: list[str], words: str
) -> None:
    result = verb("data", "preview", "--input", "photos", *arguments)
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert words in line
