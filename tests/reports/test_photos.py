"""Every photo on the page: its scores, its pictures within their share, nothing injected."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from reports import page, photos
from reports.contents import read_contents
from reports.exact import Exact
from tests.reports.runs import ids, make_run
from tests.reports.test_markdown import HOSTILE
from tests.reports.test_page import Elements
from wespe_bench.images import read_rgb


def inside() -> Exact:
    return Exact(None, 10**6)


def test_all_scores_of_every_photo_are_there(tmp_path: Path) -> None:
    values = {
        "identity": {"psnr": [15.125, math.inf, 3.0], "entropy": [5.0, 6.0, 7.0]},
        "clahe": {"psnr": [1.0, 2.0, 1 / 3], "entropy": [7.0, 8.0, 9.0]},
    }
    for label, of in values.items():
        make_run(tmp_path, label, of)
    (section,) = read_contents(tmp_path).sections
    found = photos.photos(section, 10**6, [], inside())
    data = json.loads(found.data)
    assert (found.count, found.pictured) == (3, 3)
    assert data["methods"] == ["identity", "clahe"]
    assert [metric["title"] for metric in data["metrics"]] == ["PSNR", "Entropy"]
    assert [photo["name"] for photo in data["photos"]] == ids(3)
    assert data["photos"][1]["values"] == [["inf", 6.0], [2.0, 8.0]]
    assert data["photos"][2]["values"][1][0] == pytest.approx(1 / 3, rel=1e-8)
    assert data["pictures"] == ["Input", "clahe", "Reference"]
    for photo in data["photos"]:
        assert sorted(photo["pictures"]) == ["0", "1", "2"]
        assert all(uri.startswith("data:image/") for uri in photo["pictures"].values())


def test_pictures_fit_their_share_or_are_left_out(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": range(5)}, size=(300, 500))
    (section,) = read_contents(tmp_path).sections

    def total(found: photos.Photos) -> int:
        return sum(len(u) for p in json.loads(found.data)["photos"] for u in p["pictures"].values())

    wide = photos.photos(section, 10**9, [], inside())
    tight = photos.photos(section, total(wide) // 2, [], inside())
    assert 0 < total(tight) <= total(wide) // 2
    assert tight.pictured == wide.pictured == 5
    none = photos.photos(section, 10, [], inside())
    assert (none.count, none.pictured, total(none)) == (5, 0, 0)


def test_many_photos_are_evenly_spaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MOST", 5)
    monkeypatch.setattr(photos, "MOST_PICTURED", 2)
    make_run(tmp_path, "a", {"psnr": range(9)})
    contents = read_contents(tmp_path)
    found = photos.photos(contents.sections[0], 10**6, [], inside())
    data = json.loads(found.data)
    assert [photo["name"] for photo in data["photos"]] == ["s00", "s02", "s04", "s06", "s08"]
    assert [bool(photo["pictures"]) for photo in data["photos"]] == [True, *3 * [False], True]
    text = Elements(page.html_report(contents)[0]).text
    assert "5 photos of 9, evenly spaced" in text and "(2 have pictures)" in text


def test_page_holds_the_data_as_data(tmp_path: Path) -> None:
    names = [name.replace("/", "∕") for name in HOSTILE[:4]]
    for label in ("identity", HOSTILE[0]):
        make_run(tmp_path, label, {"psnr": [1, 2, 3, 4]}, folder=label[:2], samples=names)
    contents = read_contents(tmp_path)
    elements = Elements(page.html_report(contents)[0])
    (attributes,) = [a for tag, a in elements.found if "data-photos" in a]
    data = json.loads(attributes["data-photos"])
    assert sorted(photo["name"] for photo in data["photos"]) == sorted(names)
    assert len(elements.all("script")) == 1 and len(elements.all("dialog")) == 1


def test_full_pictures_lie_beside_the_page_and_old_ones_go(tmp_path: Path) -> None:
    for number, label in enumerate("ab"):
        make_run(tmp_path, label, {"psnr": [1, 2]}, size=(20, 30), noise=number)
    (files, own) = (tmp_path / "report_files", tmp_path / "report_files" / "notes.txt")
    page.write_report(tmp_path)
    data = json.loads(_photos(tmp_path))
    one = data["photos"][1]
    assert one["size"] == [30, 20] and one["whole"] and one["boxes"][0][2:] == [4, 4]
    for place, label in ((1, "a"), (2, "b")):
        shown = read_rgb(tmp_path / one["exact"][str(place)])
        scored = read_rgb(tmp_path / "photos" / label / "images" / "s01.png")
        assert np.array_equal(shown, scored)
    assert len(list(files.iterdir())) == 8
    own.write_text("mine")
    (tmp_path / "photos" / "b" / "images" / "s01.png").write_bytes(b"another")
    lines = page.write_report(tmp_path)[1]
    assert any("is not the file that was scored" in line for line in lines)
    assert "2" not in json.loads(_photos(tmp_path))["photos"][1]["exact"]
    assert len(list(files.iterdir())) == 7 + 1
    page.write_report(tmp_path, single_file=True)
    assert list(files.iterdir()) == [own]


def test_pictures_beyond_the_budget_stay_small_copies(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": range(4)}, size=(20, 30), noise=0)
    (section,) = read_contents(tmp_path).sections
    assert photos.photos(section, 10**6, [], Exact(None, 1)).exact == 1
    assert photos.photos(section, 10**6, [], Exact(tmp_path, 10**6)).exact == 4


def test_small_copies_that_have_no_room_leave_the_files_beside_the_page(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": range(4)}, size=(20, 30), noise=0)
    (section,) = read_contents(tmp_path).sections
    whole = photos.photos(section, 10**6, [], Exact(tmp_path, 10**6))
    assert whole.pictured == 4
    one = max(sum(map(len, of["pictures"].values())) for of in json.loads(whole.data)["photos"])
    some = photos.photos(section, 3 * one, [], Exact(tmp_path, 10**6))
    assert (some.pictured, some.exact) == (4, 4)
    addresses = [next(iter(of["pictures"].values())) for of in json.loads(some.data)["photos"]]
    assert {address.partition(":")[0][:6] for address in addresses} == {"data", "report"}
    # Without a folder the photos that fit are shown, not none.
    single = photos.photos(section, 3 * one, [], Exact(None, 10**6))
    assert 0 < single.pictured < 4


def _photos(folder: Path) -> str:
    elements = Elements((folder / "report.html").read_text("utf-8"))
    (attributes,) = [a for _, a in elements.found if "data-photos" in a]
    return str(attributes["data-photos"])


@pytest.mark.slow
def test_a_hundred_photos_stay_below_ten_megabytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(2):
        # Noise is the worst case: nothing compresses.
        make_run(tmp_path, f"m{number}", {"psnr": rng.normal(20, 2, 100)}, size=(180, 240))
    text = page.html_report(read_contents(tmp_path), quiet=True)[0]
    assert 2_000_000 < len(text.encode()) < 10_000_000


def test_tables_can_be_sorted_by_number(tmp_path: Path) -> None:
    for label, value in {"a": 1.0, "b": -2.5}.items():
        make_run(tmp_path, label, {"psnr": [value] * 3})
    elements = Elements(page.html_report(read_contents(tmp_path))[0])
    sortable = [a for a in elements.all("table") if "data-sortable" in a]
    assert [a["class"] for a in sortable] == ["results", "runs"]
    assert [a["data-sort"] for a in elements.all("td") if "data-sort" in a] == ["1.0", "-2.5"]
