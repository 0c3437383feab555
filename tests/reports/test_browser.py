"""The pages in Chromium: sorted, filtered, looked into; narrow, dark, and silent on the console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from reports.page import write_report
from tests.reports.runs import make_run
from wespe_bench.cli import call

LABELS = ("identity", "clahe", "auto_levels")
COMPARED = f"compare-{'-'.join(LABELS)}.html"
SHIFTS = {"identity": 0.0, "clahe": 3.0, "auto_levels": -3.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three methods on five photos, one better and one worse than nothing on each of them."""
    root = tmp_path_factory.mktemp("runs")
    psnr = np.array([21.0, 19.5, 24.0, 18.0, 22.5])
    for number, label in enumerate(LABELS):
        values = {"psnr": psnr + SHIFTS[label], "entropy": 6 + np.arange(5) / 10 + number}
        make_run(root, label, values, size=(96, 128), shade=40 * number)
    write_report(root)
    assert call("leaderboard", ["--runs", str(root)]) == 0
    assert call("compare", [*LABELS, "--runs", str(root)]) == 0
    return root


def methods(page: Page) -> list[str]:
    heads = page.locator("table.results tbody tr:visible th").all_inner_texts()
    return [text.split()[0] for text in heads]


def check_width(page: Page) -> None:
    """No page is wider than its window; tables scroll in boxes of their own."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def test_the_table_sorts_by_what_is_clicked(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    head = page.locator("table.results th", has_text="PSNR")
    best_first = ["clahe", "identity", "auto_levels"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert methods(page) == best_first
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert methods(page) == best_first[::-1]


def test_a_photo_is_looked_into(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    every = page.locator(".look")
    every.get_by_role("button", name="clahe").click()
    names = every.locator("button.open").all_inner_texts()
    assert names == ["s02", "s04", "s00", "s01", "s03"]  # by clahe's PSNR, best first
    every.get_by_role("button", name="s04").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("s04")
    expect(dialog.locator("[data-place]")).to_have_text("2 of 5")
    row = dialog.locator("tbody tr", has_text="clahe")
    expect(row.locator("td").first).to_have_text("25.50")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text("s00")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_pictures_of_a_comparison_open_in_full_size(runs: Path, page: Page) -> None:
    page.goto((runs / COMPARED).as_uri())
    picture = page.locator(".strip a.panel", has_text="auto_levels").first
    picture.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-status]")).to_contain_text("the pixels that were scored")
    labels = dialog.locator(".tag")
    expect(labels).to_have_text(["auto_levels", "identity"])
    left, right = (label.bounding_box() for label in labels.all())
    assert left and right and right["x"] > left["x"] + left["width"]  # each on its picture
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_strip_opens_the_viewer_and_is_saved(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    strip = page.locator("[data-strip]")
    expect(strip.locator("a")).to_have_text(
        ["Input21.00 dB", "clahe24.00 dB", "auto_levels18.00 dB", "Reference"]
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG of the strip").click()
    assert download.value.suggested_filename == "photos-strip.png"
    with Image.open(download.value.path()) as image:
        assert image.size == (4 * (240 + 12) - 12, 240 * 96 // 128 + 26)
        shown = image.convert("RGB").getpixel((240 + 12 + 120, 60))
        assert shown == (60, 60, 60)  # the shade of clahe's result
    strip.get_by_role("link", name="auto_levels").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-choices] select").nth(1)).to_have_value("1")


def test_the_table_is_saved_as_files(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    for title, start in (
        ("CSV", "dataset,method,"),
        ("Markdown", "| Method"),
        ("LaTeX", "% needs"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=title, exact=True).click()
        assert download.value.path().read_text("utf-8").startswith(start)


def test_photos_sort_by_how_much_the_metrics_disagree(tmp_path: Path, page: Page) -> None:
    # The metrics agree on s00, disagree on one of three pairs on s01 and on all on s02.
    scores = {"a": ([1, 1, 1], [1, 1, 3]), "b": ([2, 2, 2], [2, 3, 2]), "c": ([3, 3, 3], [3, 2, 1])}
    for label, (psnr, ssim) in scores.items():
        make_run(tmp_path, label, {"psnr": psnr, "ssim": ssim, "entropy": [1, 2, 3]})
    write_report(tmp_path)
    page.goto((tmp_path / "report.html").as_uri())
    every = page.locator(".look")
    every.get_by_role("button", name="Disagreement").click()
    assert every.locator("button.open").all_inner_texts() == ["s02", "s01", "s00"]
    assert every.locator("tbody td:last-child").all_inner_texts() == ["100%", "33%", "0%"]


def test_the_board_filters_and_its_cards_are_there(runs: Path, page: Page) -> None:
    folder = runs / "leaderboard"
    page.goto((folder / "leaderboard.html").as_uri())
    assert methods(page)[0] == "clahe"
    page.get_by_label("Method").fill("auto")
    assert methods(page) == ["auto_levels"]
    expect(page.locator("[aria-live]")).to_have_text("1 of 3 methods")
    expect(page.locator("[data-count]")).to_have_text("1 of 3 methods")
    page.get_by_label("Method").fill("")
    assert len(methods(page)) == 3
    expect(page.locator("[data-count]")).to_have_text("3 methods")
    page.get_by_label("Entropy").uncheck()
    expect(page.locator("th", has_text="Entropy")).to_be_hidden()
    expect(page.locator("tbody td:visible")).to_have_count(3 * 5)
    page.get_by_label("Entropy").check()
    expect(page.locator("tbody td:visible")).to_have_count(3 * 6)
    for link in page.locator("table.results a").all():
        address = link.get_attribute("href")
        assert address and (folder / address).is_file()


@pytest.mark.parametrize("file", ["report.html", "leaderboard/leaderboard.html", COMPARED])
def test_narrow_and_dark(runs: Path, page: Page, file: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((runs / file).as_uri())
    check_width(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1400, "height": 900})
    check_width(page)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness: list[Any] = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (dark, light)]
    assert brightness[0] < 150 < 600 < brightness[1]
