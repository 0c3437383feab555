"""How a user study's files are damaged, and read."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.hostile import studies, whole
from tests.hostile.mutate import damaged
from tests.hostile.reader import Reader, json_file, plainly
from tests.hostile.readers_of_photos import kept

#: As deep as JSON is read, which is deeper than some of Python can walk.
DEEP = b"[" * 960 + b"]" * 960

_SQL = (
    *(b"CREATE TRIGGER", b"CREATE VIEW", b"CREATE TABLE", b"[[0,1],[1,0]]", b"[[9,1]]", DEEP),
    *(b"SQLite format 3\0", b"server", b"\xff" * 9, b"\x0d\0\0\0\x01"),
)


def _sealed(content: Any) -> None:
    content.update(studies.sealed(content))


def _spoil_study(data: bytes, dice: random.Random, other: bytes) -> bytes:
    if dice.random() < 0.1:
        return damaged(data, dice, (DEEP, b'"x": ' + DEEP + b","), other)
    return json_file(_sealed)(data, dice, other)


def _read_study(folder: Path, data: bytes) -> Any:
    from reports.study import votes
    from wespe_bench.errors import InputError
    from wespe_bench.study import manifest
    from wespe_bench.study.orders import plan

    kept(folder, manifest.FILE, data)
    with contextlib.suppress(InputError):
        votes.read_study(folder)
    study = manifest.read(folder)
    json.dumps([study.content(), len(plan(study, "x"))], ensure_ascii=False).encode()
    return study.title


@functools.cache
def _votes() -> tuple[bytes, bytes]:
    """A votes.sqlite and a votes.csv."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "study")
        csv = studies.csv_of(folder)
        studies.alter(folder)
        return (folder / "votes.sqlite").read_bytes(), csv.encode()


def _read_database(folder: Path, data: bytes) -> Any:
    from wespe_bench.study import database, manifest, votes

    for old in folder.glob("votes.sqlite*"):
        old.unlink()
    manifest.write(folder, studies.study())
    kept(folder, database.FILE, data)
    votes.to_csv(folder)
    return len(votes.load_votes(folder))


def _read_table(folder: Path, data: bytes) -> Any:
    from reports.study import votes as reported
    from reports.study.contents import make_report
    from reports.study.page import as_html, as_markdown

    path = kept(folder, "votes.csv", data)
    report = make_report(reported.load_votes(path))
    return len(as_markdown(report) + as_html(report))


def _read_file(folder: Path, data: bytes) -> Any:
    from wespe_bench.study import importing

    return importing.read(kept(folder, "votes.json", data), studies.study())[0]


def _read_secret(folder: Path, data: bytes) -> Any:
    from wespe_bench.study import secret

    kept(folder, secret.FILE, data)
    found = secret.with_token(folder)
    return found.opaque("a") + found.token


def _manifests() -> list[bytes]:
    return [json.dumps(studies.content(studies.study())).encode()]


def _files() -> list[bytes]:
    return [json.dumps(studies.file_of_votes(studies.study())).encode()]


def _secrets() -> list[bytes]:
    return [json.dumps({"salt": "0f" * 32, "token": token}).encode() for token in ("", "a" * 32)]


READERS: Sequence[Reader] = (
    Reader("study.json", _manifests, _spoil_study, _read_study),
    Reader("votes.sqlite", lambda: [_votes()[0]], plainly(*_SQL), _read_database),
    Reader("votes.csv", lambda: [_votes()[1]], plainly(*whole.CELLS), _read_table),
    Reader("file of votes", _files, json_file(), _read_file),
    Reader("secret.json", _secrets, json_file(), _read_secret),
)
