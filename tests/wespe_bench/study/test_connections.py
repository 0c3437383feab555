"""More connections than open files, and a disk that is full: votes go on or are refused."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.wespe_bench.study.loops import in_a_loop
from tests.wespe_bench.study.studies import Person, make_study, served
from wespe_bench.study import guard, serve
from wespe_bench.study.votes import load_votes


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_body_that_is_no_http_leaves_nothing_on_the_terminal(tmp_path: Path) -> None:
    folder, _ = make_study(tmp_path)
    with served(folder) as server:
        where = httpx.URL(server.root)
        for line in (b"GET /", b"POST /api/session", b"GET /page/none"):
            head = line + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            with socket.create_connection((where.host, where.port or 0), timeout=60) as one:
                one.sendall(head + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n")
                assert one.recv(100).startswith(b"HTTP/1.1 400 ")
        server.process.terminate()
        _, output = server.process.communicate(timeout=60)
    assert output == ""


def test_ctrl_c_does_not_wait_for_a_client_that_does_not_read(tmp_path: Path) -> None:
    folder, _ = make_study(tmp_path)
    with served(folder) as server:
        where = httpx.URL(server.root)
        with socket.create_connection((where.host, where.port or 0), timeout=0.5) as one:
            with pytest.raises(TimeoutError):
                while True:  # until the server no longer reads, as its answers are not read
                    one.sendall(100 * b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            server.process.send_signal(signal.SIGINT)
            _, output = server.process.communicate(timeout=60)
    assert server.process.returncode == 0 and output == ""


def test_answers_leave_at_once() -> None:
    """asyncio sets TCP_NODELAY where a socket says that it is TCP; else clients wait for 40 ms."""
    with (
        serve._listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.proto == socket.IPPROTO_TCP


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An app that says who asks."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})


Talk = Callable[[tuple[str, int]], Coroutine[Any, Any, None]]


def talking(talk: Talk, most: int = 8, app: Any = answer, **options: Any) -> None:
    """Run ``talk`` with the address of a server of ``app``, in a loop of its own."""
    import uvicorn

    async def run() -> None:
        config = uvicorn.Config(
            app, http=guard.protocol(most), lifespan="off", log_level="error", **options
        )
        server = uvicorn.Server(config)
        listening = socket.create_server(("0.0.0.0", 0))
        running = asyncio.create_task(server.serve([listening]))
        await talk(("127.0.0.1", listening.getsockname()[1]))
        server.should_exit = True
        await running

    in_a_loop(run())


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_request_that_stalls_is_closed(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.3)

    async def stall(where: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*where)
        for _ in range(before):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"127.0.0.1" in await asyncio.wait_for(reader.readuntil(b"127.0.0.1"), 30)
        writer.write(b"GET / HT")
        with contextlib.suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 30)  # ends with the connection
        writer.close()

    talking(stall)
    assert 8 <= guard.room() <= guard.MOST


#: More bytes than the system keeps for a client.
LARGE = 20_000_000


async def large_answer(scope: Any, receive: Any, send: Any) -> None:
    """An app that says `LARGE` bytes."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(LARGE)})


def test_an_answer_that_nobody_reads_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes some of it each time, however slowly, gets all."""
    monkeypatch.setattr(guard, "PATIENCE", 1.5)

    async def stall(where: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        silent, slow = (socket.create_connection(where) for _ in range(2))
        for one in (silent, slow):
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            one.setblocking(False)
        taken = 0
        while taken < LARGE:
            taken += len(await asyncio.wait_for(loop.sock_recv(slow, 2**20), 30))
            await asyncio.sleep(0.2)
        assert await _taken(silent) < LARGE
        silent.close()
        slow.close()

    talking(stall, app=large_answer)


async def _taken(one: socket.socket) -> int:
    """How many bytes a connection that was closed by its server still gives."""
    loop, taken = asyncio.get_running_loop(), 0
    with contextlib.suppress(ConnectionResetError):
        while part := await asyncio.wait_for(loop.sock_recv(one, 2**20), 30):
            taken += len(part)
    return taken


def test_one_address_leaves_room_for_others() -> None:
    async def crowd(where: tuple[str, int]) -> None:
        held = [await asyncio.open_connection(*where) for _ in range(20)]
        for local in ("127.0.0.2", "127.0.0.3"):
            reader, writer = await asyncio.open_connection(*where, local_addr=(local, 0))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await asyncio.wait_for(reader.readuntil(local.encode()), 30)
            writer.close()
        for _, writer in held:
            writer.close()

    talking(crowd)


@pytest.mark.parametrize(("proxy", "seen"), [("", b"127.0.0.1"), ("127.0.0.1", b"192.0.2.7")])
def test_a_forwarded_address_is_believed_of_a_named_proxy_alone(proxy: str, seen: bytes) -> None:
    async def forge(where: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n")
        assert seen in await asyncio.wait_for(reader.readuntil(seen), 30)
        writer.close()

    talking(forge, **serve.proxied(proxy))
