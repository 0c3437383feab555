"""Figures as files: the right crops and numbers, captions with n, names that are only names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports import crops, figures, plots
from reports.contents import read_contents
from reports.text import plain
from tests.conftest import Command
from tests.reports.runs import make_run
from tests.reports.test_markdown import HOSTILE
from tests.wespe_bench.test_cli import one_line
from wespe_bench.cli import call
from wespe_bench.errors import InputError

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    for number, label in enumerate(("identity", "clahe", HOSTILE[0])):
        psnr = rng.normal(20 + number, 2, 6)
        make_run(
            tmp_path, label, {"psnr": psnr, "ssim": psnr / 30, "entropy": -psnr},
            folder=f"r{number}", size=(30, 40), shade=30 * number, note="simulated camera",
        )  # fmt: skip
    return tmp_path


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few dots an inch: the same drawing, encoded five times sooner."""
    monkeypatch.setattr(figures, "DPI", 40)


def test_writes_png_and_svg_with_captions(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DPI", 200)
    assert call("figures", [str(runs), "--photos", "s01", "--box", "3", "4", "10", "8"]) == 0
    captions = (runs / "figures" / "figures.md").read_text("utf-8")
    for kind in ("strip", "correlation", "distributions", "time"):
        with Image.open(runs / "figures" / f"{kind}-photos.png") as image:
            assert image.width == 1800
        svg = (runs / "figures" / f"{kind}-photos.svg").read_bytes()
        tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
        assert not tags & {"script", "a", "foreignObject", "b"}
        assert f"![]({kind}-photos.png)" in captions
    assert "s01, 40x30, box 3 4 10 8" in captions
    assert captions.count("6 photos, revision") == 4 and "over 18 results" in captions
    assert captions.count("simulated camera") == 4 and "6 photos a method" in captions


@pytest.mark.slow
def test_same_runs_give_the_same_bytes(runs: Path) -> None:
    for out in ("one", "two"):
        call("figures", [str(runs), "--photos", "s01", "--out", str(runs / out)])
    for path in sorted((runs / "one").iterdir()):
        assert path.read_bytes() == (runs / "two" / path.name).read_bytes(), path.name


def test_crops_are_the_same_box_of_every_picture(runs: Path) -> None:
    (section,) = read_contents(runs).sections
    row = crops.read_row(section, "s02", ["clahe"], (5, 6, 7, 8), [])
    assert row is not None
    assert [name for name, *_ in row.panels] == ["Input", "clahe", "Reference"]
    for order in (["clahe", HOSTILE[0]], [HOSTILE[0], "clahe"]):
        shown = crops.read_row(section, "s02", order, (5, 6, 7, 8), [])
        names = ["Input", *map(plain, order), "Reference"]
        assert shown and [name for name, *_ in shown.panels] == names
    for _, whole, crop, _ in row.panels:
        assert (crop == whole[6:14, 5:12]).all()
    assert [value for *_, value in row.panels][1].endswith(" dB")
    for box in ((-1, 0, 5, 5), (36, 0, 5, 5), (0, 0, 0, 5), (0, 28, 3, 3)):
        with pytest.raises(InputError, match="not inside s02, which has 40x30 pixels"):
            crops.read_row(section, "s02", ["clahe"], box, [])


def test_box_goes_where_detail_and_difference_are() -> None:
    rng = np.random.default_rng(0)
    one = np.full((100, 150, 3), 120, np.uint8)
    one[60:80, 100:120] = rng.integers(0, 255, (20, 20, 1))
    other = one.copy()
    other[60:80, 100:120] //= 2
    left, top, wide, tall = crops.busiest([Image.fromarray(one), Image.fromarray(other)])
    assert (wide, tall) == (20, 20)
    assert abs(left - 100) <= 4 and abs(top - 60) <= 4
    for size in ((1, 1, 3), (3, 200, 3), (40, 7, 3)):
        flat = Image.fromarray(np.zeros(size, np.uint8))
        left, top, wide, tall = crops.busiest([flat, flat])
        assert 0 <= left <= size[1] - wide and 0 <= top <= size[0] - tall


def test_correlation_is_that_of_ranks(runs: Path) -> None:
    (section,) = read_contents(runs).sections
    found, n = plots.correlation(section)
    assert n == 18
    assert [c.metric for c in section.table.columns] == ["psnr", "ssim", "entropy"]
    assert found == pytest.approx(np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]]))


def test_time_is_the_median_of_what_was_noted(runs: Path) -> None:
    (section,) = read_contents(runs).sections
    assert plots.costs(section, "seconds")["clahe"] == (0.1, 6)
    # What an older version noted is drawn as it is: no memory.
    assert plots.costs(section, "memory") == {}
    assert call("figures", [str(runs)]) == 0
    assert not (runs / "figures" / "memory-photos.png").exists()


@pytest.mark.slow
def test_memory_is_drawn_where_it_was_noted(runs: Path) -> None:
    make_run(runs, "thrifty", {"psnr": [20] * 6, "ssim": [0.5] * 6, "entropy": [7] * 6},
             folder="r8", size=(30, 40), memory=0.0)  # fmt: skip
    make_run(runs, "copied", {"psnr": [20] * 6, "ssim": [0.5] * 6, "entropy": [7] * 6},
             folder="r9", size=(30, 40), memory=3e6, enhancer="results:theirs")  # fmt: skip
    (section,) = read_contents(runs).sections
    assert plots.costs(section, "memory") == {"thrifty": (0.0, 6)}
    assert "copied" not in plots.costs(section, "seconds")
    assert call("figures", [str(runs)]) == 0
    captions = (runs / "figures" / "figures.md").read_text("utf-8")
    (caption,) = (line for line in captions.splitlines() if "peak memory" in line)
    assert "resident set" in caption and "6 photos a method; not recorded for identity, " in caption
    assert "copied" in caption and "![](memory-photos.png)" in captions
    assert ET.parse(runs / "figures" / "memory-photos.svg") is not None


def test_long_labels_have_room_beside_every_panel(tmp_path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for label in ("WESPE demo", "M" * 30):
        make_run(tmp_path, label, {name: [0.5, 0.7] for name in ("psnr", "ssim", "entropy")})
    (section,) = read_contents(tmp_path).sections
    figure = Figure(figsize=(figures.WIDTH, 2))
    FigureCanvasAgg(figure)
    plots.draw_distributions(section, figure, 0.2, 3)
    figure.canvas.draw()
    edge = 0.0
    for axes in figure.axes:
        begin = min(text.get_window_extent().x0 for text in axes.get_yticklabels())
        assert begin >= edge
        edge = axes.get_window_extent().x1
    assert edge <= figure.bbox.width


@pytest.mark.slow
def test_strip_shows_a_handful_and_names_the_rest(tmp_path: Path) -> None:
    for number in range(10):
        make_run(tmp_path, f"m{number}", {"psnr": [20.0, 21.0]}, shade=number)
    make_run(tmp_path, "identity", {"psnr": [20.0, 21.0]})
    assert call("figures", [str(tmp_path)]) == 0
    captions = (tmp_path / "figures" / "figures.md").read_text("utf-8")
    assert "Not shown: m8, m9 (--methods)." in captions
    assert (
        call("figures", [str(tmp_path), "--methods", *(f"m{number}" for number in range(10))]) == 0
    )
    assert "Not shown" not in (tmp_path / "figures" / "figures.md").read_text("utf-8")


def test_mistakes_get_one_line(runs: Path, command: Command, tmp_path: Path) -> None:
    one_line(command("figures", runs, "--methods", "clae"), "did you mean 'clahe'?")
    for arguments, words in (
        (["--photos", "zz"], "no photo 'zz' in 'photos'"),
        (["--box", "1", "2", "3"], "--box"),
        (["--out", str(runs / "r0" / "run.json")], "is a file"),
    ):
        with pytest.raises(InputError, match=words):
            call("figures", [str(runs), *arguments])


@pytest.mark.slow
def test_pictures_that_are_gone_are_said_and_the_rest_is_drawn(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "r1/images/s01.png").unlink()  # clahe's
    arguments = [str(runs), "--photos", "s01", "s02", "--box", "3", "4", "10", "8"]
    assert call("figures", arguments) == 3
    said = "s01 is drawn without clahe: cannot be read any more"
    assert capsys.readouterr().err == f"wespe-bench: {said}\n"
    assert said in (runs / "figures/figures.md").read_text("utf-8")
    (section,) = read_contents(runs).sections
    rows = [
        crops.read_row(section, photo, ["clahe"], (3, 4, 10, 8), []) for photo in ("s01", "s02")
    ]
    found = [row for row in rows if row is not None]
    assert [key[0] for key in crops.columns_of(found)] == ["Input", "clahe", "Reference"]
    for path in (*runs.rglob("images/*.png"), *runs.rglob("*.png")):
        if "figures" not in path.parts:
            path.unlink(missing_ok=True)
    assert call("figures", [str(runs), "--out", str(runs / "bare")]) == 3
    _, *lines = capsys.readouterr().err.splitlines()
    assert all("is not drawn: its pictures" in line for line in lines) and len(lines) == 2
    assert not (runs / "bare/strip-photos.png").exists()
    assert (runs / "bare/correlation-photos.png").exists()
    assert "![](strip" not in (runs / "bare/figures.md").read_text("utf-8")


def test_one_photo_with_one_metric_and_one_method(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"entropy": [5.0]}, paired=False)
    assert call("figures", [str(tmp_path)]) == 0
    assert not (tmp_path / "figures" / "correlation-photos.png").exists()
