"""What a report opens with: its result, and a strip of the photo that says most."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from reports import opening
from reports.contents import read_contents
from tests.reports.runs import make_run
from tests.reports.test_page import opened


def test_the_strip_is_of_the_photo_on_which_methods_differ_most(tmp_path: Path) -> None:
    psnr = {"identity": [9, 9, 9.0], "a": [3, 7, 4], "b": [5, 9, 8], "c": [4, 9, math.inf]}
    for label, values in (psnr | {"d": [1, 3, 3], "e": [2, 4, 4]}).items():
        make_run(tmp_path, label, {"psnr": values})
    caption, panels, _ = opened(tmp_path)
    assert caption == "s00, the photo on which the methods differ most in PSNR: 1.000 to 9.000 dB."
    # The three best and the worst; the untouched photo is the input.
    assert [(panel.name, panel.value) for panel in panels] == [
        ("Input", "9.000 dB"),
        ("b", "5.000 dB"),
        ("c", "4.000 dB"),
        ("a", "3.000 dB"),
        ("d", "1.000 dB"),
        ("Reference", ""),
    ]
    assert panels[0].address == "#set=photos&photo=s00&left=Input&right=b"
    assert panels[2].address.endswith("&right=c")


def test_the_result_is_the_verdict_on_the_two_best(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(20, 2, 12)
    for label, shift in {"identity": 0.0, "good": 2.0, "bad": -2.0}.items():
        make_run(tmp_path, label, {"psnr": base + shift + rng.normal(0, 0.1, 12)})
    (section,) = read_contents(tmp_path).sections
    lead, _, verdict = opening.result(section).partition(". ")
    assert lead == "good has the best mean PSNR of 3 methods"
    assert verdict.startswith("good is better than identity in PSNR: 2.0")
    wilder = tmp_path / "wilder"
    for number in range(9):
        make_run(wilder, f"m{number}", {"psnr": rng.normal(20, 2, 6)})
    assert "no difference is shown" in opening.result(read_contents(wilder).sections[0])
    make_run(tmp_path / "one", "alone", {"psnr": base})
    assert opening.result(read_contents(tmp_path / "one").sections[0]) == ""
    make_run(tmp_path / "none", "alone", {"entropy": base})
    assert "no method is called the best" in opening.result(
        read_contents(tmp_path / "none").sections[0]
    )


def test_a_picture_has_its_score_whatever_its_label(tmp_path: Path) -> None:
    for label, enhancer in (("as\u202eis", "identity"), ("b\u202ec", "clahe")):
        make_run(tmp_path, label, {"psnr": [1, 2, 3]}, folder=enhancer, enhancer=enhancer)
    _, panels, _ = opened(tmp_path)
    assert [(panel.name, bool(panel.value)) for panel in panels] == [
        ("Input", True),
        ("bc", True),
        ("Reference", False),
    ]
