"""Inconsistencies in the paper: claims that its tables contradict, and doubtful numbers.

Contradictions are computed from `printed`; only remarks are written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reports.paper.printed import CAMERAS, METHODS, ROWS, SCORES, WILD

_LOWER_IS_BETTER = ("cornia",)
_SHOWN = {"psnr": "PSNR", "ssim": "SSIM", "entropy": "entropy", "bpp": "bpp", "cornia": "CORNIA"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper's text: ``better`` beats ``worse`` in all of these cells of a table."""

    table: int
    says: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    rows: tuple[str, ...]
    quantities: tuple[str, ...]

    def exceptions(self) -> Iterator[tuple[str, str, str, str]]:
        """The cells that contradict it: (row, quantity, which should be better, than which)."""
        values = SCORES[self.table].values
        for row in self.rows:
            for quantity in self.quantities:
                for winner in self.better:
                    for loser in self.worse:
                        sign = -1 if quantity in _LOWER_IS_BETTER else 1
                        high, low = values[row, winner, quantity], values[row, loser, quantity]
                        if sign * (high - low) < 0:
                            yield row, quantity, winner, loser

    def sentence(self) -> str:
        """The claim and its exceptions; empty where it holds in all cells."""
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
    """The claims of the text about a table that the table contradicts."""
    return [text for claim in CLAIMS if claim.table == table and (text := claim.sentence())]
