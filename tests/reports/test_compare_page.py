"""The page of a comparison, its headline, and the photos that differ most."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from reports.compare import as_csv
from reports.compare_page import as_html
from reports.comparison import compare_methods
from reports.exact import Exact
from reports.strip import EACH, draw_extremes, most_different, read_extremes
from reports.verdict import headline
from tests.reports.runs import make_run
from tests.reports.test_page import Elements
from wespe_bench.images import read_rgb

RNG = np.random.default_rng(1)
BASE = RNG.normal(20, 3, 30)


def test_the_headline_sorts_the_rivals(tmp_path: Path) -> None:
    noisy = BASE + np.resize([3.0, -3.0], 30)
    shifts = {"a": BASE, "low": BASE - 2, "lower": BASE - 3, "high": BASE + 1, "like": noisy}
    for label, values in shifts.items():
        make_run(tmp_path, label, {"psnr": values})
    found = compare_methods(list(shifts), runs=tmp_path)
    assert headline(found) == (
        "In PSNR, over 30 photos, a is better than low and lower, worse than high and not shown "
        "to differ from like."
    )
    none = compare_methods(["like", "a"], runs=tmp_path)
    assert headline(none) == "In PSNR, 30 photos do not show a difference between like and a."


def test_the_headline_takes_no_score_that_does_not_rate_quality(tmp_path: Path) -> None:
    for label, shift in {"a": 1.0, "b": 0.0}.items():
        values = {"bpp": BASE + shift, "entropy": BASE + shift}
        make_run(tmp_path / "without", label, values)
        make_run(tmp_path / "with", label, {**values, "cornia": BASE - shift})
    without = headline(compare_methods(["a", "b"], runs=tmp_path / "without"))
    assert without.startswith("No score here rates quality, so no method is called better. In ")
    rated = headline(compare_methods(["a", "b"], runs=tmp_path / "with"))
    assert rated.startswith("In own CORNIA") and "a is better than b" in rated


def test_strip_shows_the_photos_that_differ_most(tmp_path: Path) -> None:
    for label, shift in {"a": 0.5, "b": 0.0}.items():
        make_run(tmp_path, label, {"psnr": BASE + RNG.normal(shift, 1, 30)}, noise=3)
    found = compare_methods(["a", "b"], runs=tmp_path)
    (one,) = found.differences
    order = sorted(zip(one.values, one.samples, strict=True), reverse=True)
    assert [sample for sample, _ in most_different(one)][:2] == [s for _, s in order[:2]]
    changed: list[str] = []
    photos = read_extremes(found, one, changed, Exact(tmp_path, 10**9))
    assert changed == [] and [photo.sample for photo in photos] == [
        sample for sample, _ in most_different(one)
    ]
    assert [name for name, *_ in photos[0].pictures] == ["Input", "a", "b", "Reference"]
    for label, (_, small, address) in zip("ab", photos[0].pictures[1:3], strict=True):
        run = tmp_path / "photos" / label
        scored = read_rgb(run / "images" / f"{photos[0].sample}.png")
        assert np.array_equal(read_rgb(tmp_path / address), scored)
        assert small.shape == scored.shape
    strip = draw_extremes(one, photos, tmp_path / "strip.png")
    assert strip is not None and strip.read_bytes()[:4] == b"\x89PNG"
    for folder in ("a", "b"):
        shutil.rmtree(tmp_path / "photos" / folder / "images")
    shutil.rmtree(tmp_path / "data")
    assert read_extremes(found, one, changed, Exact(tmp_path, 10**9)) == [] and changed == []
    assert draw_extremes(one, [], tmp_path / "none.png") is None


def test_the_page_draws_every_photo_and_turns_what_shall_be_low(tmp_path: Path) -> None:
    described = {"noise": {"version": "1", "title": "Noise", "higher_is_better": False}}
    for label, shift in {"a": 0.0, "b": 1.0, "c": 2.0}.items():
        scores = {"noise": BASE + shift + RNG.normal(0, 0.1, 30), "psnr": BASE - shift}
        make_run(tmp_path, label, scores, metrics=described)
    found = compare_methods(["a", "b", "c"], runs=tmp_path)
    changed: list[str] = []
    extremes = {
        one.b: read_extremes(found, one, changed, Exact(tmp_path, 10**9))
        for one in found.differences
    }
    elements = Elements(as_html(found, extremes, [("CSV", "x.csv", as_csv(found))]))
    dots = elements.all("circle")
    assert len(dots) == 2 * 2 * (30 + 1)  # rivals, metrics, photos and their mean
    # The first method is better in both metrics, and so is right of the middle.
    middle = float(elements.all("line")[0]["x1"])
    assert all(float(dot["cx"]) > middle for dot in dots)
    spans = [line for line in elements.all("line") if line["class"] == "span"]
    assert [float(line["x1"]) <= float(line["x2"]) for line in spans] == [True] * 4
    pictures = elements.all("img")
    assert len(pictures) == 2 * 4 * EACH  # a wins all: no losses
    assert all(picture["src"].startswith("data:") for picture in pictures)
    assert {picture["alt"].split(":")[1].strip() for picture in pictures} == {
        *("Input", "a", "b", "c", "Reference")
    }


@pytest.mark.slow
def test_the_plot_has_room_for_its_numbers(tmp_path: Path, page: Page) -> None:
    for label, shift in {"a": 0.0, "b": 0.3}.items():
        make_run(tmp_path, label, {"psnr": BASE - 100 * shift, "bpp": BASE / 2 + shift})
    found = compare_methods(["a", "b"], runs=tmp_path)
    (tmp_path / "page.html").write_text(as_html(found, {}, []), "utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    for text in page.locator("svg.forest text").all():
        right = "text => text.getBBox().x + text.getBBox().width"
        assert text.evaluate(right) <= page.locator("svg.forest").evaluate(
            "svg => svg.viewBox.baseVal.width"
        )
