from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from wespe_bench.study.manifest import Level, Picture, Question, Study
from wespe_bench.study.orders import plan
from wespe_bench.study.register import encode_turns, turns_of


def study(cells: list[int], checks: int, seed: int) -> Study:
    """``cells[i]`` questions of data set i // 2 against rival i % 2, and checks."""
    pictures, questions = {}, []
    wanted = [(f"d{i // 2}", f"r{i % 2}") for i, n in enumerate(cells) for _ in range(n)]
    for number, (dataset, rival) in enumerate(wanted + [("d0", "damaged")] * checks):
        pair = f"{2 * number:016x}", f"{2 * number + 1:016x}"
        for name, method in zip(pair, (rival, "m"), strict=True):
            pictures[name] = Picture(dataset, "s", method, "", 1, 1, (Level(1, 1, 1, 1),))
        check = "second" if number >= len(wanted) else None
        questions.append(Question(f"{number:016x}", dataset, "s", *pair, check))
    return Study("t", seed, pictures, tuple(questions))


cells = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any)


@settings(max_examples=40)
@given(cells, st.integers(0, 4), st.integers(0, 2**40), st.text())
def test_every_question_once_and_sides_balanced(
    cells: list[int], checks: int, seed: int, rater: str
) -> None:
    made = study(cells, checks, seed)
    turns = plan(made, rater)
    assert sorted(turn.question for turn in turns) == list(range(len(made.questions)))
    assert turns == plan(made, rater)
    assert turns_of(encode_turns(turns)) == turns
    sides: dict[object, Counter[bool]] = {}
    for turn in turns:
        question = made.questions[turn.question]
        group = question.check or (question.dataset, made.pictures[question.first].method)
        for key in ("all", group):
            sides.setdefault(key, Counter())[turn.first_left] += 1
    for counted in sides.values():
        assert abs(counted[True] - counted[False]) <= 1


def test_orders_and_sides_differ_between_raters_evenly() -> None:
    made = study([7, 7, 7], 0, seed=5)
    raters = 2000
    first, left = Counter[int](), Counter[int]()
    for rater in range(raters):
        turns = plan(made, f"rater {rater}")
        first[turns[0].question] += 1
        left.update(turn.question for turn in turns if turn.first_left)
    # Six standard deviations of a fair draw; the draw is by hashes, so it never changes.
    share = raters / 21
    assert len(first) == 21
    assert all(abs(n - share) < 6 * (share * (20 / 21)) ** 0.5 for n in first.values())
    assert all(abs(n - raters / 2) < 6 * (raters / 4) ** 0.5 for n in left.values())


def test_another_seed_is_another_order() -> None:
    assert plan(study([7], 0, 1), "r") != plan(study([7], 0, 2), "r")
