"""The plots: safe, deterministic, and showing what the table says."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from reports.cells import Table
from reports.contents import read_contents
from reports.distribution import MOST_POINTS, THEMES, WIDTH, darkened, describe, draw_svg, height
from tests.reports.runs import make_run, one, scores
from tests.reports.test_markdown import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def drawn(values: dict[str, list[float]]) -> tuple[Table, bytes]:
    count = len(next(iter(values.values())))
    frame = scores({label: {"psnr": of} for label, of in values.items()})
    table = one(frame, count)
    arrays = {label: np.array(of, float) for label, of in values.items()}
    return table, draw_svg(table, table.columns[0], arrays)


def points(svg: bytes) -> int:
    """How many photos are drawn: the uses of the marker that comes once per photo."""
    grey = THEMES["light"].point.encode()
    return len(re.findall(rb"<use [^>]*" + grey, svg))


def test_same_scores_give_the_same_bytes() -> None:
    values = {"a": [1.0, 2.0, 4.0, 3.0], "b": [2.0, 2.5, 7.0, 1.0]}
    assert drawn(values)[1] == drawn(values)[1]
    svg = drawn(values)[1]
    dark = darkened(svg)
    assert THEMES["light"].box.encode() in svg and THEMES["dark"].box.encode() in dark
    assert not any(colour.encode() in dark for colour in astuple(THEMES["light"]))


def test_every_photo_is_a_dot_up_to_a_limit() -> None:
    rng = np.random.default_rng(0)
    for n in (3, 40, MOST_POINTS, MOST_POINTS + 100):
        table, svg = drawn({"a": list(rng.normal(0, 1, n)), "b": list(rng.normal(0, 1, n))})
        assert points(svg) == 2 * min(n, MOST_POINTS)
        assert svg.startswith(b"<?xml")
        root = ET.fromstring(svg)
        assert root.get("viewBox") == f"0 0 {WIDTH} {height(table)}"


@pytest.mark.parametrize("values", [[math.inf] * 3, [math.inf, 1.0, 2.0], [1.0, 1.0, 1.0]])
def test_infinite_and_constant_values_can_be_drawn(values: list[float]) -> None:
    _, svg = drawn({"a": values, "b": [3.0, 4.0, 5.0]})
    infinite = sum(map(math.isinf, values))
    assert (f"{infinite} × ∞".encode() in svg) == bool(infinite)


def test_the_axis_says_what_the_table_says() -> None:
    table, _ = drawn({"a": [1.0, 2.0, 4.0], "b": [2.0, 2.5, 7.0]})
    values = {label: np.arange(3.0) for label in table.methods}
    for changed, words in (
        ({}, "PSNR (dB) · more is better"),
        ({"higher_is_better": False}, "PSNR (dB) · less is better"),
        ({"rates_quality": False}, "PSNR (dB) · not a quality score"),
        ({"higher_is_better": None}, ">PSNR (dB)<"),
    ):
        assert words.encode() in draw_svg(table, replace(table.columns[0], **changed), values)


def test_hostile_labels_are_text() -> None:
    labels = [text.encode("utf-8", "replace").decode() for text in HOSTILE]
    _, svg = drawn({label: [1.0, 2.0, 3.0, 5.0] for label in labels})
    root = ET.fromstring(svg)
    kinds = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert kinds <= {"svg", "defs", "style", "g", "path", "use", "text", "clipPath", "rect"} | {
        "{http://creativecommons.org/ns#}Work",
        *("metadata", "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF"),
        "{http://purl.org/dc/elements/1.1/}type",
        "{http://purl.org/dc/elements/1.1/}format",
    }
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name.endswith("href"):
                assert value.startswith("#")
    text = "".join(root.itertext())
    assert "$x^2$" in text  # no formula is made of it


def test_background_is_transparent() -> None:
    svg = drawn({"a": [1.0, 2.0, 3.0]})[1].decode()
    assert not re.search(r"fill: #f{6}", svg)


def test_description_names_every_method_and_the_best(tmp_path: Path) -> None:
    make_run(tmp_path, "identity", {"psnr": [10, 20, 30]})
    make_run(tmp_path, "clahe", {"psnr": [20, 30, 40]})
    make_run(tmp_path, "none", {"ssim": [0.2, 0.3, 0.4]})
    section = read_contents(tmp_path).sections[0]
    assert describe(section.table, section.table.columns[0]) == (
        "Distribution of PSNR over the photos. Means: identity 20.00; clahe 30.00, the best; "
        "none none."
    )
