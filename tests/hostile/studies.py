"""Small user studies, whole and forged: what `study build` and raters leave, and changes to it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench.images import encode_png
from wespe_bench.study import database, manifest, tiles
from wespe_bench.study.manifest import Picture, Question, Study
from wespe_bench.study.register import Register, Vote
from wespe_bench.study.votes import to_csv

#: Ids of the pictures and questions, and a rater's word.
FIRST, SECOND, QUESTION = "a" * 16, "b" * 16, "c" * 16
WORD = "A" * 22

Change = Callable[[Any], object]


def study(questions: int = 2, **names: str) -> Study:
    """Some questions on two photos; ``names`` of method, rival, dataset, sample and title."""
    named = {"method": "wespe", "rival": "original", "dataset": "one", "sample": "s"} | names
    pictures, asked = {}, []
    for number in range(questions):
        first, second = FIRST[:-1] + str(number), SECOND[:-1] + str(number)
        sample = f"{named['sample']}{number}"
        for name, method in ((first, named["rival"]), (second, named["method"])):
            levels = tiles.levels(24, 16, manifest.TILE)
            at = (named["dataset"], sample, method, "0" * 64)
            pictures[name] = Picture(*at, width=24, height=16, levels=levels)
        id_ = QUESTION[:-1] + str(number)
        asked.append(Question(id_, named["dataset"], sample, first, second))
    return Study(named.get("title", "Which?"), 0, pictures, tuple(asked))


def write(folder: Path, made: Study) -> None:
    """The study's folder, with its tiles."""
    folder.mkdir(parents=True)
    manifest.write(folder, made)
    for number, name in enumerate(made.pictures):
        tiles.write(folder / "tiles" / name, np.full((16, 24, 3), number, np.uint8), made.tile)


def content(made: Study) -> dict[str, Any]:
    """What study.json says, as it is read."""
    found: dict[str, Any] = json.loads(json.dumps({"revision": made.revision, **made.content()}))
    return found


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the revision that fits it, as a forger would write it."""
    rest = {key: value for key, value in content.items() if key != "revision"}
    return {"revision": manifest.revision_of(rest), **rest}


def forge(folder: Path, change: Change, seal: bool = True) -> None:
    """A study whose study.json was changed."""
    write(folder, study())
    fields = content(study())
    change(fields)
    text = json.dumps(sealed(fields) if seal else fields)
    (folder / manifest.FILE).write_text(text)


def vote(folder: Path, made: Study, raters: int = 3) -> None:
    """The votes of some raters, who prefer what stands left."""
    with (
        contextlib.closing(database.connect(folder, made)) as connection,
        database.transaction(connection),
    ):
        register = Register(connection, made)
        for number in range(raters):
            word = WORD[:-1] + str(number)
            register.begin(word)
            for turn in register.rater(word).turns:
                id_ = uuid.UUID(int=len(made.questions) * number + turn.question)
                question = made.questions[turn.question].id
                register.cast(word, Vote(id_, question, True, 1000))


def alter(folder: Path, *statements: str) -> None:
    """Run SQL on the votes, as their forger would."""
    with contextlib.closing(sqlite3.connect(folder / database.FILE)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")


def voted(folder: Path, **names: str) -> Study:
    """A study with votes."""
    made = study(**names)
    write(folder, made)
    vote(folder, made)
    return made


def csv_of(folder: Path, **names: str) -> str:
    """A whole votes.csv, as the report reads it."""
    voted(folder, **names)
    return to_csv(folder)


def file_of_votes(made: Study) -> dict[str, Any]:
    """What the static page lets a rater download."""
    votes = [
        {
            "question": question.id,
            "left": question.first,
            "right": question.second,
            "choice": "left",
            "milliseconds": 900,
            "position": place,
            "revised": 0,
        }
        for place, question in enumerate(made.questions, 1)
    ]
    return {"format": 1, "study": made.revision, "rater": WORD, "seed": 0, "votes": votes}


def png() -> bytes:
    """A picture of 24 x 16, as a tile."""
    return encode_png(np.zeros((16, 24, 3), np.uint8))
