"""Small simulated stand-ins for the paper's photos and people: their mark, and what they prefer.

A folder of such data sets, or of such a study, holds the file `FILE`. Its first line goes into the
note of every data set and run made of it, and the paper's tables then leave out the paper's
numbers: nothing here can be compared with them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

#: The file that marks a folder.
FILE = "MINIATURE.txt"

#: What a mark begins with.
WORD = "MINIATURE, simulated"

#: How sure a simulated rater is: a difference of one in `liking` is this many logits.
SURENESS = 4.0

#: The model of `liking`, in words for tables and pages.
PREFERENCE = (
    "liking = 4 contrast + 2 colour - 6 |brightness - 0.5|, where contrast is the standard "
    "deviation of the grey values, colour the mean of the largest less the smallest channel, and "
    f"brightness the mean grey value, all on [0, 1]; of two pictures the first is chosen with "
    f"probability 1 / (1 + exp(-{SURENESS:g} d)), d the difference of their likings"
)


def note_of(folder: Path) -> str:
    """The first line of a folder's mark, or of the folder's that it lies in; empty without one."""
    for place in (folder, folder.parent):
        try:
            return (place / FILE).read_text("utf-8").splitlines()[0]
        except (OSError, ValueError, IndexError):
            continue
    return ""


def is_simulated(note: str) -> bool:
    """Whether a data set with this note has the miniature's photos, faves or votes."""
    return note.startswith(WORD)


def liking(image: np.ndarray) -> float:
    """How much a simulated rater likes a picture, uint8 (H, W, 3): `PREFERENCE`."""
    grey = image.mean(axis=2) / 255
    colour = float((image.max(axis=2) - image.min(axis=2)).mean()) / 255
    return 4 * float(grey.std()) + 2 * colour - 6 * abs(float(grey.mean()) - 0.5)


def chance(first: float, second: float) -> float:
    """With what probability the picture of the first `liking` is chosen."""
    return 1 / (1 + math.exp(-SURENESS * (first - second)))
