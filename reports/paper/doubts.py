"""What does not fit in the paper: claims its tables contradict, numbers that want a remark.

Contradictions and checks are computed from `printed`; only remarks are written down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from reports.paper.printed import (
    CAMERAS,
    METHODS,
    OTHER,
    ROWS,
    SCORES,
    STUDY,
    TABLE1,
    TABLE4,
    TABLE5,
    WILD,
)

_LOWER_IS_BETTER = ("cornia",)
_SHOWN = {"psnr": "PSNR", "ssim": "SSIM", "entropy": "entropy", "bpp": "bpp", "cornia": "CORNIA"}


@dataclass(frozen=True, slots=True)
class Claim:
    """What the paper's text says of a table: ``better`` beats ``worse`` in all of these cells."""

    table: int
    says: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    rows: tuple[str, ...]
    quantities: tuple[str, ...]

    def exceptions(self) -> Iterator[tuple[str, str, str, str]]:
        """The cells where it is not so: row, quantity, which should be better, than which."""
        values = SCORES[self.table].values
        for row in self.rows:
            for quantity in self.quantities:
                for winner in self.better:
                    for loser in self.worse:
                        sign = -1 if quantity in _LOWER_IS_BETTER else 1
                        high, low = values[row, winner, quantity], values[row, loser, quantity]
                        if sign * (high - low) < 0:
                            yield row, quantity, winner, loser

    def told(self) -> str:
        """The claim and its exceptions in a sentence, empty where it holds throughout."""
        values = SCORES[self.table].values
        found = [
            f"{ROWS[row]} {_SHOWN[quantity]} ({METHODS[winner]} {values[row, winner, quantity]:g}, "
            f"{METHODS[loser]} {values[row, loser, quantity]:g})"
            for row, quantity, winner, loser in self.exceptions()
        ]
        return f"The text says that {self.says}; not so: {', '.join(found)}" if found else ""


_URBAN = ("cityscapes", "kitti")

CLAIMS = (
    Claim(
        2,
        "WESPE [DPED] is above APE",
        ("wespe_dped",),
        ("ape",),
        tuple(CAMERAS),
        ("psnr", "ssim"),
    ),
    Claim(
        2,
        "WESPE [DIV2K] is still above APE",
        ("wespe_div2k",),
        ("ape",),
        tuple(CAMERAS),
        ("psnr", "ssim"),
    ),
    Claim(
        3,
        "WESPE [DIV2K] is the best overall",
        ("wespe_div2k",),
        ("original", "ape", "dped", "wespe_dped"),
        tuple(CAMERAS),
        ("entropy", "bpp", "cornia"),
    ),
    Claim(
        6,
        "WESPE and APE improve every metric on urban photos",
        ("wespe_div2k", "ape"),
        ("original",),
        _URBAN,
        ("entropy", "bpp", "cornia"),
    ),
    Claim(
        6,
        "WESPE is clearly above APE in every metric",
        ("wespe_div2k",),
        ("ape",),
        tuple(WILD),
        ("entropy", "bpp", "cornia"),
    ),
)

#: Remarks on single tables, in our words.
REMARKS: dict[int, tuple[str, ...]] = {
    1: (
        "Training and test photos add up to 5727, 6015, 4503 and 6015; DPED itself has 4549 of "
        "Sony, 46 more",
        "Section 4.4 calls Sony's quality average, the table Good",
        "The sizes are those of the stored photos: 2592x1944 is 5.0 megapixels and 3648x2432 is "
        "8.9, not the sensors' 13 and 20",
    ),
    2: (
        "The printed columns came in a scrambled order; rows of eight values and the text (DPED "
        "best, [DIV2K] below [DPED]) leave one reading",
        "Sony's 0.89 of WESPE [DIV2K] is odd beside its PSNR of 20.05 and the 0.93 of "
        "WESPE [DPED]; it is printed so",
        "DPED's PSNR is higher here than we remember it from its own paper of 2017",
    ),
    3: (),
    4: (
        "FFS has 15200 + 400 + 400 photos in the text; the 15600 of the table count validation as "
        "training",
        "1392x512 are KITTI's frames before rectification; neither its counts nor those of "
        "Cityscapes are an official split",
        "DIV2K's 900 are its 800 training and 100 validation photos",
    ),
    5: (
        "The paper does not say what its ± is. The standard deviation of the shares of the seven "
        "photos fits best: the values are far below what coin tosses alone would give across "
        "raters",
    ),
    6: (),
    7: (
        "The name of the first column is lost in our copy; the text makes it the original photos, "
        "and the order [13], WESPE [DPED], WESPE [DIV2K]",
    ),
    8: (),
}


def contradictions(table: int) -> list[str]:
    """The claims of the text about a table that the table does not bear out."""
    return [text for claim in CLAIMS if claim.table == table and (text := claim.told())]


@dataclass(frozen=True, slots=True)
class Check:
    """A number that follows from others: computed from them, and as printed."""

    name: str
    computed: float
    printed: float
    tolerance: float = 0.0

    @property
    def ok(self) -> bool:
        return abs(self.computed - self.printed) <= self.tolerance


def checks() -> list[Check]:
    """Every check of the printed numbers against each other; all hold."""
    found = []
    for number, rows in ((7, CAMERAS), (8, WILD)):
        table = SCORES[number]
        for method, printed in table.averages.items():
            computed = math.fsum(table.values[row, method, "ffs"] for row in rows) / len(rows)
            found.append(Check(f"Table {number}, average of {method}", computed, printed, 5.1e-5))
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
