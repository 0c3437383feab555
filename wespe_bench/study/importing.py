"""The verb ``study import``: the files that raters of a static study sent in.

A file is checked whole before any of it counts. The same file again changes nothing; a later
one of the same rater adds what is new.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import reading
from wespe_bench.errors import InputError, one_line, print_failures

if TYPE_CHECKING:
    from wespe_bench.study.manifest import Study
    from wespe_bench.study.orders import Turn
    from wespe_bench.study.screen import Screen

#: Layout number of a file of votes.
FORMAT = 1

#: Most bytes of one; 2,000 votes take about 400,000.
MOST_BYTES = 2_000_000

_RATER = re.compile(r"[0-9A-Za-z_-]{22,64}")
_KEYS = {"question", "left", "right", "choice", "milliseconds", "position", "revised"}


@dataclass(frozen=True)
class Import:
    """Merge the files that raters of a static study downloaded into the study's votes.

    Safe to repeat, and while the study is served. A file that is damaged, forged or of another
    study is refused with a line of its own; the others count (exit code 3).

    Example:
      wespe-bench study import study votes-*.json
    """

    folder: str
    """What study build wrote."""
    files: tuple[str, ...]
    """The raters' files."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One vote of a file: where it stands in the rater's order, and what was chosen."""

    turn: Turn
    left: bool
    milliseconds: int
    revised: int
    screen: Screen | None


def main(config: Import) -> int:
    """The verb ``study import``."""
    from wespe_bench.study import database, manifest

    folder = Path(config.folder)
    study = manifest.read(folder)
    new = 0
    refused: list[tuple[str, str]] = []
    connection: sqlite3.Connection | None = None
    with contextlib.ExitStack() as stack:
        for file in config.files:
            try:
                rater, answers = read(Path(file), study)
            except InputError as error:
                refused.append((file, str(error)))
                continue
            if connection is None:  # where no file counts, no votes.sqlite appears
                connection = stack.enter_context(
                    contextlib.closing(database.connect(folder, study))
                )
            try:
                with database.transaction(connection):
                    new += _merge(connection, file, database.key_of(rater), answers)
            except InputError as error:
                refused.append((file, str(error)))
            except database.FAULTS as error:
                raise InputError(
                    f"{folder / database.FILE}: cannot be used ({database.reason(error)})"
                ) from None
    if refused and len(refused) == len(config.files):
        raise InputError(_in_one_line(refused))
    print(f"{new} votes new, from {len(config.files) - len(refused)} files -> {folder}")
    return print_failures("files refused", [" ".join(line.split()) for _, line in refused])


def _in_one_line(refused: Sequence[tuple[str, str]]) -> str:
    """Why no file counts: each reason with how many files it meets and the first of them.

    >>> _in_one_line([("a", "a: no such file"), ("b", "b: altered"), ("c", "c: no such file")])
    '3 files refused: 2 no such file (a ...), 1 altered (b)'
    """
    if len(refused) == 1:
        return refused[0][1]
    by_reason: dict[str, list[str]] = {}
    for file, line in refused:
        by_reason.setdefault(line.removeprefix(f"{Path(file)}: "), []).append(file)
    refusals = ", ".join(
        f"{len(files)} {reason} ({files[0]}{' ...' if len(files) > 1 else ''})"
        for reason, files in by_reason.items()
    )
    return f"{len(refused)} files refused: {refusals}"


def read(path: Path, study: Study) -> tuple[str, list[Answer]]:
    """The rater and the answers of a file, in order of position.

    Raises InputError: no such file, malformed, of another study, or saying what no page would:
    a question twice, pictures that are not the question's, a gap in the order.
    """
    try:
        reading.check_regular(path)
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES} bytes")
        answers = reading.read_json(path)
        if type(answers["format"]) is not int or answers["format"] != FORMAT:
            raise ValueError(f"format {answers['format']!r}, this version reads {FORMAT}")
        if answers["study"] != study.revision:
            raise InputError(f"{path}: votes of another study, or of another revision of this one")
        rater = answers["rater"]
        if not isinstance(rater, str) or not _RATER.fullmatch(rater):
            raise ValueError("rater is not an id")
        votes = sorted(answers["votes"], key=lambda vote: _number(vote["position"], 1))
        if len(votes) > len(study.questions):
            raise ValueError("more votes than questions")
        answers = [_answer(vote, place, study) for place, vote in enumerate(votes, 1)]
        if len({answer.turn.question for answer in answers}) != len(answers):
            raise ValueError("a question twice")
        return rater, answers
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: no file of votes, or altered ({one_line(error)[:120]})"
        ) from None


def _number(value: Any, least: int, most: int = 2**40) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r} is no number from {least} to {most}")
    return value


def _answer(vote: Mapping[str, Any], place: int, study: Study) -> Answer:
    from wespe_bench.study import screen
    from wespe_bench.study.orders import Turn
    from wespe_bench.study.server import MOST_MILLISECONDS

    if vote.keys() - {"screen"} != _KEYS:
        raise ValueError(f"vote {place}: its fields are not those of a vote")
    number = next((n for n, q in enumerate(study.questions) if q.id == vote["question"]), None)
    if number is None:
        raise ValueError(f"vote {place}: no such question")
    pair = (study.questions[number].first, study.questions[number].second)
    shown = (vote["left"], vote["right"])
    if shown not in (pair, pair[::-1]):
        raise ValueError(f"vote {place}: not the pictures of its question")
    if vote["choice"] not in ("left", "right"):
        raise ValueError(f"vote {place}: choice is left or right")
    if _number(vote["position"], 1) != place:
        raise ValueError(f"vote {place}: a place is missing or doubled")
    return Answer(
        Turn(number, shown == pair),
        vote["choice"] == "left",
        _number(vote["milliseconds"], 0, MOST_MILLISECONDS),
        _number(vote["revised"], 0),
        screen.parse(vote.get("screen")),
    )


def _merge(connection: sqlite3.Connection, file: str, key: str, answers: list[Answer]) -> int:
    """Add what is new; returns how many votes. Raises InputError where it contradicts."""
    import hashlib

    from wespe_bench.study.database import FILE, add_screen
    from wespe_bench.study.register import encode_turns, turns_of

    turns = tuple(answer.turn for answer in answers)
    row = connection.execute(
        "SELECT number, source, plan FROM raters WHERE rater = ?", (key,)
    ).fetchone()
    if row is None:
        number, known = None, turns[:0]
    else:
        try:
            number, known = row[0], turns_of(row[2])
        except ValueError:
            raise InputError(f"{file}: the study's own {FILE} is damaged at this rater") from None
        if row[1] != "file" or turns[: len(known)] != known[: len(turns)]:
            raise InputError(f"{file}: contradicts an earlier file of this rater; altered?")
    if number is None:
        number = connection.execute(
            "INSERT INTO raters (rater, source, plan) VALUES (?, 'file', ?)",
            (key, encode_turns(turns)),
        ).lastrowid
    elif len(turns) > len(known):
        connection.execute(
            "UPDATE raters SET plan = ? WHERE number = ?", (encode_turns(turns), number)
        )
    new = 0
    for place, answer in enumerate(answers):
        content = (int(answer.left), answer.milliseconds, answer.revised)
        before = connection.execute(
            'SELECT "left", milliseconds, revised FROM votes WHERE rater = ? AND place = ? '
            "ORDER BY number DESC LIMIT 1",
            (number, place),
        ).fetchone()
        if before == content or (before is not None and before[2] > answer.revised):
            continue
        if before is not None and before[2] == answer.revised:
            raise InputError(f"{file}: contradicts an earlier file of this rater; altered?")
        vote = hashlib.sha256(f"{key} {place} {answer.revised}".encode()).digest()[:16]
        cast = connection.execute(
            'INSERT INTO votes (vote, rater, place, "left", milliseconds, revised) '
            "VALUES (?, ?, ?, ?, ?, ?)",
            (vote, number, place, *content),
        )
        add_screen(connection, cast.lastrowid, answer.screen)
        new += 1
    return new
