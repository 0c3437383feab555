"""Every hostile request to a real server: its status and one-line answer, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.hostile import cases, requests
from tests.hostile.requests import Request
from tests.wespe_bench.study.studies import Person, Served, served
from wespe_bench.study.votes import load_votes

Place = tuple[Path, Served]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("served") / "study"
    requests.make(folder)
    with served(folder, "--token", requests.TOKEN) as running:
        requests.link(folder)
        yield folder, running


@pytest.fixture(scope="module")
def person(place: Place) -> Iterator[Person]:
    with place[1].client() as client:
        yield Person(client).join(requests.TOKEN)


def _answer(server: Served, data: bytes) -> tuple[int, bytes, str]:
    """Status, head and body of the answer to raw bytes."""
    where = urlsplit(server.root)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body.decode()


@pytest.mark.parametrize("one", requests.REQUESTS, ids=[r.offered for r in requests.REQUESTS])
def test_answer(one: Request, place: Place, person: Person) -> None:
    folder, server = place
    before = len(load_votes(folder))
    status, head, body = _answer(server, one.data(person.word, person.id(0)))
    assert (status, cases.fits(one.answer, body)) == (one.status, True), body
    assert len(body.splitlines()) == 1
    assert requests.SECRET not in head + body.encode() and b"set-cookie" not in head.lower()
    assert len(load_votes(folder)) == before
    assert server.process.poll() is None


def test_votes_are_still_taken(place: Place, person: Person) -> None:
    assert person.look().session["position"] == 0
    assert person.vote(0).status_code == 200
    assert person.vote(0, "right").status_code == 200
    assert len(load_votes(place[0])) == 1


def test_names_are_unique() -> None:
    names = [one.offered for one in requests.REQUESTS]
    assert len(set(names)) == len(names)
