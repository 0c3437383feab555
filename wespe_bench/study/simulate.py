"""The verb ``study simulate``: votes drawn from a stated preference model instead of people.

Every simulated rater answers every question, in the order and with the sides that a person would
get. A vote follows from the seed, the rater, the photo and the two methods, so the votes do not
depend on the study's ids. The folder is marked, and tables say that nobody was asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench.errors import InputError

if TYPE_CHECKING:
    from wespe_bench.study.manifest import Study

NOTE = "votes drawn from a model, no people were asked; "

#: How long a simulated rater takes for a vote (milliseconds).
_MILLISECONDS = 2000


@dataclass(frozen=True)
class Simulate:
    """Fill a study with simulated votes, to try what comes after: never a result.

    Raters prefer contrast, colour and a middle brightness, by a stated model with chance in it;
    study report and tables 5 call the votes simulated. A study that people voted on is refused.

    Example:
      wespe-bench study simulate study --raters 38
    """

    folder: str
    """What study build wrote."""
    raters: int = 38
    """How many; the paper's 38."""
    seed: int = 0
    """Of the votes."""


def main(config: Simulate) -> int:
    """The verb ``study simulate``."""
    from wespe_bench import atomic
    from wespe_bench.datasets import miniature
    from wespe_bench.study import database, importing, manifest

    if not 1 <= config.raters <= 1000:
        raise InputError(f"--raters {config.raters}: expected 1 to 1000")
    folder = Path(config.folder)
    study = manifest.read(folder)
    if database.count(folder) and not miniature.note_of(folder):
        raise InputError(f"{folder} has votes of people; build another study to simulate")
    atomic.write_text(folder / miniature.FILE, f"{miniature.WORD}: {NOTE}{miniature.PREFERENCE}\n")
    likings = {name: _liking(folder, study, name) for name in study.pictures}
    files = []
    for number in range(config.raters):
        file = folder / "simulated" / f"{number:04d}.json"
        votes = _votes(study, likings, f"simulated-rater-{config.seed:04d}-{number:04d}")
        atomic.write_text(file, json.dumps(votes) + "\n")
        files.append(str(file))
    return importing.main(importing.Import(str(folder), tuple(files)))


def _liking(folder: Path, study: Study, name: str) -> float:
    """The liking of a picture at full size, from its tiles; of a large one, their mean."""
    from wespe_bench.datasets.miniature import liking
    from wespe_bench.images import read_rgb

    tiles = sorted((folder / "tiles" / name / "0").glob("*.png"))
    if not tiles:
        raise InputError(f"{folder}: picture {name} has no tiles; build the study again")
    return sum(liking(read_rgb(tile)) for tile in tiles) / len(tiles)


def _votes(study: Study, likings: dict[str, float], rater: str) -> dict[str, Any]:
    """A simulated rater's file, as `wespe_bench.study.importing` reads it."""
    from wespe_bench.datasets.miniature import chance
    from wespe_bench.datasets.splits import rank
    from wespe_bench.study.importing import FORMAT
    from wespe_bench.study.orders import plan

    votes = []
    for place, turn in enumerate(plan(study, rater), 1):
        question = study.questions[turn.question]
        pair = (question.first, question.second)
        words = (rater, question.dataset, question.sample)
        methods = (study.pictures[name].method for name in pair)
        drawn = int.from_bytes(rank(0, "\x1f".join((*words, *methods)))[:8], "big") / 2**64
        takes_first = drawn < chance(*(likings[name] for name in pair))
        votes.append(
            {
                "question": question.id,
                "left": pair[not turn.first_left],
                "right": pair[turn.first_left],
                "choice": "left" if takes_first == turn.first_left else "right",
                "milliseconds": _MILLISECONDS,
                "position": place,
                "revised": 0,
            }
        )
    return {"format": FORMAT, "study": study.revision, "rater": rater, "votes": votes}
