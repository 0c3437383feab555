"""More connections than open files, and a disk that is full: votes go on or are refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import httpx
import pytest

from tests.wespe_bench.study.loops import in_a_loop
from tests.wespe_bench.study.studies import Person, make_study, served
from wespe_bench.study import guard
from wespe_bench.study.votes import load_votes


def test_silent_connections_neither_stop_votes_nor_fill_the_terminal(
    tmp_path: Path,
) -> None:
    folder, _ = make_study(tmp_path)
    kept = httpx.Limits(keepalive_expiry=None)
    with (
        served(folder, limit="-n 200") as server,
        httpx.Client(base_url=server.root, limits=kept, timeout=120, trust_env=False) as client,
    ):
        person = Person(client).join()
        where = httpx.URL(server.root)
        with contextlib.ExitStack() as crowd:
            for _ in range(120):
                one = socket.create_connection((where.host, where.port or 0), timeout=60)
                crowd.enter_context(one)
            assert person.vote(0).status_code == 200
        assert person.vote(1).status_code == 200
        server.process.terminate()
        _, output = server.process.communicate(timeout=60)
    assert output == ""


def test_a_vote_that_the_disk_does_not_take_is_not_acknowledged(tmp_path: Path) -> None:
    folder, _ = make_study(tmp_path)
    acknowledged, refused = 0, 0
    # In blocks of 512 bytes: the log of what is committed reaches 100 kB after a few raters.
    with served(folder, limit="-f 200") as server, server.client() as client:
        while not refused:
            answer = client.post("/api/session", json={"token": ""})
            if answer.status_code == 503:
                break
            person = Person(client, answer.json()["rater"]).look()
            for place in range(4):
                answer = person.vote(place)
                acknowledged += answer.status_code == 200
                refused += answer.status_code == 503
                assert answer.status_code in (200, 503, 409), answer.text
    assert acknowledged > 0 and len(load_votes(folder)) == acknowledged


def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    monkeypatch.setattr(guard, "PATIENCE", 0.2)

    async def silent() -> bytes:
        config = uvicorn.Config(lambda *_: None, http=guard.protocol(8), lifespan="off")
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        running = asyncio.create_task(server.serve([listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname()[:2])
        writer.write(b"GET / HT")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        server.should_exit = True
        await running
        return b"closed"

    assert in_a_loop(silent()) == b"closed"
    assert 8 <= guard.room() <= guard.MOST
