"""The paper's numbers: against an independent transcript, and against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.paper import doubts, printed


@pytest.fixture
def transcript(shared: Path) -> Any:
    return json.loads((shared.parent / "paper_tables.json").read_text("utf-8"))


@pytest.mark.shared_data
def test_scores_are_those_of_the_transcript(transcript: Any) -> None:
    for number, table in printed.SCORES.items():
        told = transcript[f"table{number}"]
        assert list(table.methods) == told["method_order"]
        assert list(table.rows) == list(told["rows"])
        flat = {
            (row, method, quantity): value
            for row, methods in told["rows"].items()
            for method, cell in methods.items()
            for quantity, value in (cell if isinstance(cell, dict) else {"ffs": cell}).items()
        }
        assert table.values == flat
        assert table.averages == told.get("average", {})


@pytest.mark.shared_data
def test_cameras_are_those_of_the_transcript(transcript: Any) -> None:
    for number, ours in ((1, printed.TABLE1), (4, printed.TABLE4)):
        told = {row["key"]: row for row in transcript[f"table{number}"]["rows"]}
        assert list(ours) == list(told)
        for key, camera in ours.items():
            row, counts = told[key], camera.counts
            assert counts.table == number
            assert (counts.width, counts.height) == (row.get("width"), row.get("height"))
            assert (counts.train, counts.test) == (row["train_images"], row["test_images"])
            assert (camera.quality, camera.sensor) == (row["quality"], row["sensor_mp"])


@pytest.mark.shared_data
def test_the_study_and_the_rest_are_those_of_the_transcript(transcript: Any) -> None:
    told = transcript["table5"]
    for (rival, dataset), (share, spread) in printed.TABLE5.items():
        cell = told["rows"][f"vs_{rival}"][dataset]
        assert (share, spread) == (cell["mean"], cell["pm"])
    design = told["design"]
    assert printed.STUDY.participants == design["participants"]
    assert printed.STUDY.votes_per_participant == design["votes_per_participant"]
    assert printed.STUDY.votes_per_cell == design["votes_per_cell"]
    other = transcript["other_numbers"]
    renamed = {
        **{f"weight_{name.replace('color', 'colour')}": v for name, v in other["weights"].items()},
        "blur_factor": other["blur"]["A"],
        "blur_sigma": other["blur"]["sigma"],
        "blur_mean": other["blur"]["mu"],
    }
    flat = {name: value for name, value in other.items() if isinstance(value, int | float)}
    parts = {"ffs_train": 15_200, "ffs_validation": 400, "ffs_test": 400}  # of Table 4's notes
    assert flat | renamed | parts == printed.OTHER


@pytest.mark.shared_data
def test_every_check_of_the_transcript_is_made(transcript: Any) -> None:
    checks = doubts.checks()
    told = [check for check in transcript["consistency_checks"] if "printed" in check]
    assert len(told) == 8
    for check in told:
        same = [c for c in checks if c.printed == check["printed"]]
        assert any(c.computed == pytest.approx(check["computed"], abs=1e-6) for c in same), check


def test_checks_hold() -> None:
    assert [check.name for check in doubts.checks() if not check.ok] == []


def test_contradictions_are_the_known_ones() -> None:
    found = {
        (claim.table, claim.better[0], *cell[:2])
        for claim in doubts.CLAIMS
        for cell in claim.exceptions()
    }
    assert {
        (2, "wespe_dped", "blackberry", "psnr"),
        (2, "wespe_div2k", "blackberry", "psnr"),
        (2, "wespe_div2k", "sony", "ssim"),
        (6, "wespe_div2k", "kitti", "cornia"),
        (6, "wespe_div2k", "kitti", "entropy"),
    } <= found
    assert {cell for cell in found if cell[0] == 2} == {
        (2, "wespe_dped", "blackberry", "psnr"),
        (2, "wespe_div2k", "blackberry", "psnr"),
        (2, "wespe_div2k", "sony", "ssim"),
    }
    urban = next(claim for claim in doubts.CLAIMS if claim.rows == doubts._URBAN)
    assert set(urban.exceptions()) == {
        ("cityscapes", "bpp", "ape", "original"),
        ("cityscapes", "cornia", "ape", "original"),
    }
    assert "BlackBerry Passport PSNR (WESPE [DPED] 16.78, APE 18.91)" in doubts.contradictions(2)[0]
    assert doubts.contradictions(7) == []
