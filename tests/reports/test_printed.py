"""The paper's numbers: against an independent transcript, and against each other."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reports.paper import doubts, printed
from reports.paper.printed import CAMERAS, OTHER, SCORES, STUDY, TABLE1, TABLE4, TABLE5, WILD


@pytest.fixture
def transcript(shared: Path) -> Any:
    return json.loads((shared.parent / "paper_tables.json").read_text("utf-8"))


@pytest.mark.shared_data
def test_scores_are_those_of_the_transcript(transcript: Any) -> None:
    for number, table in printed.SCORES.items():
        expected = transcript[f"table{number}"]
        assert list(table.methods) == expected["method_order"]
        assert list(table.rows) == list(expected["rows"])
        flat = {
            (row, method, quantity): value
            for row, methods in expected["rows"].items()
            for method, cell in methods.items()
            for quantity, value in (cell if isinstance(cell, dict) else {"ffs": cell}).items()
        }
        assert table.values == flat
        assert table.averages == expected.get("average", {})


@pytest.mark.shared_data
def test_cameras_are_those_of_the_transcript(transcript: Any) -> None:
    for number, ours in ((1, printed.TABLE1), (4, printed.TABLE4)):
        expected = {row["key"]: row for row in transcript[f"table{number}"]["rows"]}
        assert list(ours) == list(expected)
        for key, camera in ours.items():
            row, counts = expected[key], camera.counts
            assert counts.table == number
            assert (counts.width, counts.height) == (row.get("width"), row.get("height"))
            assert (counts.train, counts.test) == (row["train_images"], row["test_images"])
            assert (camera.quality, camera.sensor) == (row["quality"], row["sensor_mp"])


@pytest.mark.shared_data
def test_the_study_and_the_rest_are_those_of_the_transcript(transcript: Any) -> None:
    expected = transcript["table5"]
    for (rival, dataset), (share, spread) in printed.TABLE5.items():
        cell = expected["rows"][f"vs_{rival}"][dataset]
        assert (share, spread) == (cell["mean"], cell["pm"])
    design = expected["design"]
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


@dataclass(frozen=True, slots=True)
class Check:
    """A number that follows from others: computed from them, and as printed."""

    name: str
    computed: float
    printed: float
    tolerance: float = 0.0


def checks_made() -> list[Check]:
    """Every check of the printed numbers against each other."""
    found = []
    for number, rows in ((7, CAMERAS), (8, WILD)):
        table = SCORES[number]
        for method, average in table.averages.items():
            computed = math.fsum(table.values[row, method, "ffs"] for row in rows) / len(rows)
            found.append(Check(f"Table {number}, average of {method}", computed, average, 5.1e-5))
    accuracy, photos = OTHER["ffs_test_accuracy"], OTHER["ffs_test"]
    share = round(accuracy * photos) / photos
    found.append(Check("FFS's accuracy is a share of its test photos", share, accuracy))
    parts = OTHER["ffs_train"] + OTHER["ffs_validation"] + OTHER["ffs_test"]
    found.append(Check("FFS's parts are its photos", parts, OTHER["ffs_images"]))
    found.append(Check("cells of Tables 7 and 8 that count hard labels", _hard_labels(), 0))
    found.append(Check("votes of a participant", STUDY.votes_per_participant, 70))
    found.append(Check("votes of a cell of Table 5", STUDY.votes_per_cell, 266))
    found.append(Check("cells of Table 5", len(TABLE5), 2 * STUDY.datasets))
    return found


def _hard_labels() -> int:
    """How many scores of Tables 7 and 8 could be shares of 0/1 labels of photos or of crops."""
    crops = int(OTHER["ffs_crops_at_scoring"])
    count = 0
    for number, cameras in ((7, TABLE1), (8, TABLE4)):
        for (row, _, _), value in SCORES[number].values.items():
            labels = crops * cameras[row].counts.test  # every share of photos is one of these too
            count += abs(round(value * labels) / labels - value) < 5e-5
    return count


@pytest.mark.shared_data
def test_every_check_of_the_transcript_is_made(transcript: Any) -> None:
    checks = checks_made()
    expected = [check for check in transcript["consistency_checks"] if "printed" in check]
    assert len(expected) == 8
    for check in expected:
        same = [c for c in checks if c.printed == check["printed"]]
        assert any(c.computed == pytest.approx(check["computed"], abs=1e-6) for c in same), check


def test_checks_hold() -> None:
    wrong = [c.name for c in checks_made() if abs(c.computed - c.printed) > c.tolerance]
    assert wrong == []


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
