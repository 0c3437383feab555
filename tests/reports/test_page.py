"""The page: complete, alone, harmless, readable, written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from reports import opening, page
from reports.contents import read_contents
from reports.distribution import THEMES
from reports.exact import Exact, is_plain_png
from reports.page import html_report, write_report
from reports.photos import Photos, photos
from tests.reports.runs import ids, make_run
from tests.reports.test_markdown import HOSTILE
from wespe_bench.errors import InputError

_VOID = {"meta", "img", "input", "source", "link", "br"}
_TEMPLATES = Path(page.__file__).parent / "templates"


class Elements(HTMLParser):
    """All start tags with their attributes, the text, and whether tags nest as they should."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    for number, label in enumerate(("identity", "clahe", "auto_levels")):
        make_run(
            tmp_path,
            label,
            {"psnr": rng.normal(20 + number, 2, 6), "entropy": rng.normal(6, 1, 6)},
            note="simulated camera",
            shade=30 * number,
        )
    return tmp_path


def test_writes_both_files_next_to_the_runs_or_elsewhere(runs: Path) -> None:
    assert write_report(runs)[0] == [runs / f"report.{end}" for end in ("md", "html", "tex")]
    elsewhere = runs / "new" / "place"
    assert write_report(runs, out=elsewhere, title="T")[0] == [
        elsewhere / "report.md",
        elsewhere / "report.html",
        elsewhere / "report.tex",
    ]
    for name in ("report.md", "report.html", "report.tex"):
        assert (elsewhere / name).read_bytes()
    assert (elsewhere / "report.md").read_text("utf-8").startswith("# T\n")


def test_a_title_stays_until_a_new_one_is_given(runs: Path) -> None:
    def heading(**options: Any) -> str:
        return write_report(runs, **options)[0][0].read_text("utf-8").splitlines()[0]

    assert heading() == "# Photo enhancers compared"
    assert heading(default_title="Suite") == "# Suite"
    assert heading(title="A & B <i>") == heading(default_title="Suite") == heading()
    assert "A" in heading()
    assert heading(title="New") == "# New"
    elsewhere = runs / "elsewhere"
    assert write_report(runs, out=elsewhere)[0][0].read_text("utf-8").startswith("# New\n")


def test_same_runs_give_the_same_bytes(runs: Path) -> None:
    first = [path.read_bytes() for path in write_report(runs)[0]]
    assert first == [path.read_bytes() for path in write_report(runs)[0]]


def test_page_needs_nothing_from_outside(runs: Path) -> None:
    text = html_report(read_contents(runs))[0]
    elements = Elements(text)
    for tag, attributes in elements.found:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert "style" not in attributes  # the policy forbids it
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    style = "\n".join((_TEMPLATES / name).read_text("utf-8") for name in ("page.css", "plots.css"))
    script = "\n".join(
        (_TEMPLATES / name).read_text("utf-8") for name in ("tables.js", "viewer.js", "page.js")
    )
    assert "@import" not in style
    assert all(url.startswith("data:") for url in re.findall(r"url\([\"']?([^)]*)", style))
    (policy,) = (m["content"] for m in elements.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for kind, source in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
        assert f"<{kind}>{source}</{kind}>" in text


def test_table_shows_n_mean_interval_and_best(runs: Path) -> None:
    contents = read_contents(runs)
    table = contents.sections[0].table
    text = Elements(html_report(contents)[0]).text
    for label in table.methods:
        for column in table.columns:
            cell = table.cell(label, column.metric)
            interval = f"[{column.show(cell.low)}, {column.show(cell.high)}]"
            best = ["", " (best)", " (second)"][cell.place]
            assert f"{column.show(cell.mean)}{best} , interval {interval}" in text
    assert "simulated camera" in text and "3 methods, 6 photos" in text
    assert "significan" not in text.lower()


def test_provenance_is_complete(runs: Path) -> None:
    contents = read_contents(runs)
    text = Elements(html_report(contents)[0]).text
    for run in contents.runs:
        assert run.fingerprint in text and run.command in text
        assert run.platform in text and run.device in text and run.name in text
    assert all(section.table.revision in text for section in contents.sections)
    assert "numpy 2.0.0" in text and "2026-11-22" in text and "(version 1)" in text


def test_every_picture_has_words_and_every_slider_a_name(runs: Path) -> None:
    elements = Elements(html_report(read_contents(runs))[0])
    images = elements.all("img")
    # The strip with input, two results (identity is the input) and reference; two plots. The
    # viewer of single photos has a slider, and gets its pictures from the script.
    assert len(images) == 4 + 2
    assert all(image["alt"] and image["width"] and image["height"] for image in images)
    sliders = [i for i in elements.all("input") if i["type"] == "range"]
    assert len(sliders) == 1 and all(slider["aria-label"] for slider in sliders)
    alts = [image["alt"].partition(": ")[2] for image in images[:4]]
    assert alts[0] == "the input" and alts[3] == "the reference"
    assert set(alts[1:3]) == {"result of auto_levels", "result of clahe"}


def opened(root: Path, folder: Path | None = None) -> tuple[str, list[opening.Panel], Photos]:
    """The caption and panels of the strip of the only data set, and its photos."""
    (section,) = read_contents(root).sections
    sample, caption = opening.telling(section)
    every = photos(section, 10**6, [], Exact(folder, 10**6), telling=sample)
    return caption, opening.strip(section, sample, every), every


def test_ids_are_unique_and_labels_refer_to_them(runs: Path) -> None:
    elements = Elements(html_report(read_contents(runs))[0])
    names = [a["id"] for _, a in elements.found if "id" in a]
    assert len(names) == len(set(names))
    labelled = [a["aria-labelledby"] for _, a in elements.found if "aria-labelledby" in a]
    assert {name for text in labelled for name in text.split()} <= set(names)


@pytest.mark.slow
def test_hostile_names_inject_nothing(tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    wild = tmp_path / "wild"
    names = [name for name in HOSTILE if "\udce9" not in name and "\0" not in name]
    samples = [name.replace("/", "∕") for name in names[:4]]
    for number, name in enumerate(names):
        for root, text in ((calm, f"m{number:02d}"), (wild, name)):
            make_run(
                root,
                text,
                {"psnr": [1, 2, 3, math.inf], "ssim" if root == calm else text: [1, 2, 3, 4]},
                folder=f"run{number:02d}",
                dataset="d" if root == calm else names[0],
                samples=ids(4) if root == calm else samples,
                note="n" if root == calm else names[1],
                failures=[(samples[0] if root == wild else "s00", "score", text)],
                enhancer=text,
                command=text,
                fingerprint=text,
                device=text,
                platform=text,
                created=text,
                versions={text: text},
            )
    text = html_report(read_contents(wild, title=names[0]))[0]
    elements = Elements(text)
    assert len(elements.all("script")) == 1 and len(elements.all("style")) == 1
    assert "<script>alert" not in text and "{{" in text and "49" not in _headings(elements)
    known = {tag for tag, _ in Elements(html_report(read_contents(calm))[0]).found}
    assert {tag for tag, _ in elements.found} <= known
    assert not elements.all("a") or all(a["href"].startswith("#") for a in elements.all("a"))
    for _, attributes in elements.found:
        assert not any(name.startswith("on") for name in attributes)
    assert "<script>alert(1)</script>" in elements.text  # shown as what it is
    assert "\u202e" not in text


def _headings(elements: Elements) -> str:
    return " ".join(elements.texts[:40])


def test_lost_pictures_leave_the_rest(runs: Path) -> None:
    (runs / "photos" / "clahe" / "images" / "s00.png").unlink()
    (runs / "photos" / "auto_levels" / "images" / "s00.png").write_bytes(b"not a picture")
    for path in (runs / "data" / "photos").glob("5-*"):
        path.unlink()
    _, panels, every = opened(runs)
    names = {photo["name"]: len(photo["pictures"]) for photo in json.loads(every.data)["photos"]}
    assert names == {"s00": 2, "s01": 4, "s02": 4, "s03": 4, "s04": 4, "s05": 2}
    assert len(panels) >= 2
    Elements(html_report(read_contents(runs))[0])


def test_small_patches_travel_without_loss(runs: Path) -> None:
    _, panels, _ = opened(runs)
    (panel,) = (panel for panel in panels if panel.name == "clahe")
    with Image.open(io.BytesIO(base64.b64decode(panel.uri.partition(",")[2]))) as image:
        assert image.format == "PNG" and image.getpixel((3, 3)) == (50, 50, 50)


def test_only_plain_pngs_are_copied(tmp_path: Path) -> None:
    """A browser shows another picture for a PNG with a gamma, a profile or fewer bits."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8))

    def encoded(image: Image.Image, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, **({"format": "PNG"} | options))
        return buffer.getvalue()

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = encoded(picture)
    assert is_plain_png(plain)
    for other in (
        encoded(picture, icc_profile=profile),
        encoded(picture, exif=b"Exif\0\0MM\0*"),
        encoded(picture.convert("L")),
        encoded(picture.convert("RGBA")),
        encoded(picture, format="JPEG"),
        plain[:-1],
        plain[:40],
        b"",
    ):
        assert not is_plain_png(other)
    exact = Exact(tmp_path, 10**6)
    assert (tmp_path / exact.file(picture, plain)).read_bytes() == plain
    with Image.open(tmp_path / exact.file(picture, b"another")) as copy:
        assert np.array_equal(np.asarray(copy), np.asarray(picture))


def test_failures_are_listed(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": [1, 2]}, samples=ids(3), failures=[("s02", "enhance", "boom")])
    with pytest.raises(InputError, match=r"lacks 1 of 3 photos \(s02\).*--common"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
    (md, html, _), _ = write_report(tmp_path, common=True)
    text = Elements(html.read_text("utf-8")).text
    assert "Failed (1)" in text and "boom" in text
    assert "3 photos, 2 of them compared" in text
    assert "2 of 3 photos that all methods have" in text and "Left out: s02." in text
    assert "Left out: s02." in md.read_text("utf-8")


def test_runs_without_scores_say_what_to_do(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {})
    with pytest.raises(InputError, match=f"no scores .* wespe-bench score {tmp_path}"):
        write_report(tmp_path)
    make_run(tmp_path, "b", {"psnr": [1, 2, 3]})
    text = Elements(html_report(read_contents(tmp_path))[0]).text
    assert "PSNR: not scored." in text
    with pytest.raises(InputError, match="no run"):
        write_report(tmp_path / "data")


def test_unwritable_places_are_one_clear_line(runs: Path) -> None:
    (runs / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        write_report(runs, out=runs / "file")
    with pytest.raises(InputError, match="cannot write"):
        write_report(runs, out=runs / "file" / "below")


def test_a_failed_write_leaves_the_old_page(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(runs, title="old")
    before = (runs / "report.html").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_report(runs, title="new")
    assert (runs / "report.html").read_bytes() == before
    assert not list(runs.glob(".*.tmp"))


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, two: str) -> float:
    low, high = sorted((_luminance(one), _luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(theme: str) -> None:
    style = (_TEMPLATES / "page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0 if theme == "light" else 1]))
    pairs = [(text, ground) for text in ("text", "muted", "accent") for ground in ("page",)]
    pairs += [("text", "raised"), ("text", "tint"), ("accent", "tint"), ("badge-text", "badge")]
    for text, ground in pairs:
        assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert _contrast(colours["strong-line"], colours["page"]) >= 3
    plot = THEMES[theme]
    assert all(_contrast(c, colours["page"]) >= 4.5 for c in (plot.text, plot.muted, plot.mean))
    assert all(_contrast(c, colours["page"]) >= 3 for c in (plot.point, plot.box, plot.best))
