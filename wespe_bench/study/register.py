"""Who may vote on what: the rules, over the database, for one thread.

A rater answers the questions in the order drawn at the beginning, one after the other, and may
change the last answer. A vote carries a number of its own (a UUID made by the rater's page), so
one that is sent twice counts once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from wespe_bench import reading
from wespe_bench.study import database
from wespe_bench.study.manifest import Study
from wespe_bench.study.orders import Turn, plan
from wespe_bench.study.screen import Screen

#: How often the last answer can be changed.
MOST_CHANGES = 100

#: Raters whose state is kept in memory.
_KEPT = 4096


class Refused(Exception):  # noqa: N818
    """A request that is not granted: an HTTP status, and a line that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Vote:
    """One choice as a page sends it. ``left``: the picture on the left was chosen.

    ``milliseconds`` is how long the pair was on screen until then, ``screen`` what the page
    looked like.
    """

    vote: UUID
    question: str
    left: bool
    milliseconds: int
    screen: Screen | None = None


@dataclass(slots=True)
class Rater:
    """A rater's plan and the answers so far, by place; ``changes`` of the last one."""

    number: int
    turns: tuple[Turn, ...]
    answers: list[bool] = field(default_factory=list)
    changes: int = 0


class Register:
    """The raters of one study. Every method belongs inside a `database.transaction`."""

    def __init__(self, connection: sqlite3.Connection, study: Study) -> None:
        self._connection = connection
        self._study = study
        self._numbers = {question.id: n for n, question in enumerate(study.questions)}
        self._raters: dict[str, Rater] = {}
        self._version = -1
        self.closed = False

    def refresh(self) -> None:
        """Forget what another process (`study close`, `study import`) may have changed."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self.forget()
            self._version = version

    def forget(self) -> None:
        """Reload everything: memory may be ahead of a transaction that failed."""
        self._raters.clear()
        self.closed = database.is_closed(self._connection)

    def begin(self, word: str) -> None:
        """Enter a rater who holds ``word``. Raises Refused (410) when voting is over."""
        if self.closed:
            raise Refused(410, "this study is closed")
        key = database.key_of(word)
        self._connection.execute(
            "INSERT INTO raters (rater, source, plan) VALUES (?, 'server', ?)",
            (key, encode_turns(plan(self._study, key))),
        )

    def rater(self, word: str) -> Rater:
        """The rater who holds ``word``. Raises Refused (404)."""
        key = database.key_of(word)
        rater = self._raters.get(key)
        if rater is None:
            rater = self._load(key)
            while len(self._raters) >= _KEPT:
                del self._raters[next(iter(self._raters))]
            self._raters[key] = rater
        return rater

    def cast(self, word: str, vote: Vote) -> int:
        """Take a vote; returns the place (from 0) of the first question without an answer.

        Raises Refused: 404 unknown rater or question, 409 out of order or a used number,
        410 closed.
        """
        rater = self.rater(word)
        number = self._numbers.get(vote.question, -1)
        place = next((p for p, turn in enumerate(rater.turns) if turn.question == number), -1)
        if place < 0:
            raise Refused(404, "no such question")
        content = (rater.number, place, int(vote.left), vote.milliseconds)
        before = self._connection.execute(
            'SELECT rater, place, "left", milliseconds FROM votes WHERE vote = ?',
            (vote.vote.bytes,),
        ).fetchone()
        answered = len(rater.answers)
        if before == content:
            return answered
        if before is not None:
            raise Refused(409, "this vote's number was used for another vote")
        if self.closed:
            raise Refused(410, "this study is closed")
        if place > answered:
            raise Refused(409, "an earlier question has no answer yet")
        if place < answered - 1:
            raise Refused(409, "only the last answer can be changed")
        changes = 0 if place == answered else rater.changes + 1
        if changes > MOST_CHANGES:
            raise Refused(409, "this answer was changed too often")
        cast = self._connection.execute(
            'INSERT INTO votes (vote, rater, place, "left", milliseconds, revised) '
            "VALUES (?, ?, ?, ?, ?, ?)",
            (vote.vote.bytes, *content, changes),
        )
        database.add_screen(self._connection, cast.lastrowid, vote.screen)
        rater.answers[place:] = [vote.left]
        rater.changes = changes
        return len(rater.answers)

    def _load(self, key: str) -> Rater:
        row = self._connection.execute(
            "SELECT number, plan FROM raters WHERE rater = ? AND source = 'server'", (key,)
        ).fetchone()
        if row is None:
            raise Refused(404, "unknown rater")
        rater = Rater(row[0], turns_of(row[1]))
        votes = self._connection.execute(
            'SELECT place, "left", revised FROM votes WHERE rater = ? ORDER BY number', (row[0],)
        )
        for place, left, revised in votes:
            rater.answers[place:] = [bool(left)]
            rater.changes = revised
        return rater


def encode_turns(turns: Iterable[Turn]) -> str:
    """A plan as the database keeps it: [[question's number, first is left], ...]."""
    return json.dumps([[t.question, int(t.first_left)] for t in turns], separators=(",", ":"))


def turns_of(text: str) -> tuple[Turn, ...]:
    """The plan that `encode_turns` wrote. Raises ValueError for what is none."""
    plan = reading.parse_json(text) if isinstance(text, str) else None
    if not isinstance(plan, list) or not all(
        isinstance(turn, list) and len(turn) == 2 and all(type(n) is int and n >= 0 for n in turn)
        for turn in plan
    ):
        raise ValueError("a damaged plan")
    return tuple(Turn(question, bool(left)) for question, left in plan)
