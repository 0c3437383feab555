"""Each rater's order of the questions and the side of each picture, drawn from seed and rater.

By hashes, not by a library's shuffle: the same rater gets the same plan on every platform and
version. Sides are balanced within a rater, for each data set and rival, so that a preference
for a side neither helps nor harms a method.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wespe_bench.study.manifest import Study


@dataclass(frozen=True, slots=True)
class Turn:
    """One place in a rater's order: the question's number in the study, and whether its first
    picture is shown left."""

    question: int
    first_left: bool


def plan(study: Study, rater: str) -> tuple[Turn, ...]:
    """The order and sides of ``rater``: every question once.

    Of n questions floor(n/2) or ceil(n/2) show their first picture left, and the same holds
    within each (data set, rival) and within the attention checks.
    """

    def draw(*words: str) -> bytes:
        text = "\x1f".join((str(study.seed), rater, *words))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def group(number: int) -> str:
        question = study.questions[number]
        if question.check:
            return "check"
        return f"{question.dataset}\x1f{study.pictures[question.first].method}"

    numbers = range(len(study.questions))
    ids = [question.id for question in study.questions]
    # Sides alternate along an order of its own, in which a group is one stretch.
    along = sorted(numbers, key=lambda n: (draw("group", group(n)), group(n), draw("side", ids[n])))
    start = draw("start")[0] & 1
    left = {number: (start + place) % 2 == 0 for place, number in enumerate(along)}
    order = sorted(numbers, key=lambda n: draw("order", ids[n]))
    return tuple(Turn(number, left[number]) for number in order)
