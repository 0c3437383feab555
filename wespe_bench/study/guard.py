"""What stands before every answer: strict headers, and limits on rate and size.

Addresses are held in memory for their limits alone, and are written nowhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from h11 import LocalProtocolError
from uvicorn.protocols.http.auto import AutoHTTPProtocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Most bytes of a request's body; a vote has about a hundred.
MOST_BYTES = 4096

#: Most characters of a path and its query.
MOST_PATH = 512

#: Requests a second of one foreign address, and how many at once: a class behind one router.
RATE, BURST = 600.0, 6000.0

#: New raters of one address, votes of one rater.
SESSIONS_RATE, SESSIONS_BURST = 1.0, 400.0
VOTES_RATE, VOTES_BURST = 5.0, 20.0

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-robots-tag": "noindex",
}
_STRICT = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]


class Limit:
    """A token bucket for each key: ``burst`` at once, ``rate`` a second after that."""

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        most: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._most, self._clock = rate, burst, most, clock
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, key: str) -> bool:
        """Whether ``key`` may go on now; if so, that is counted."""
        now = self._clock()
        left, at = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if len(self._left) >= self._most:  # the oldest has most likely filled up again
            del self._left[next(iter(self._left))]
        self._left[key] = (left - 1 if left >= 1 else left, now)
        return left >= 1


def address(scope: Scope) -> str:
    """Who is counted as one: an IPv4 address, or an IPv6 network of 64 bits."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if found.version == 6:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return host


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """An ASGI app around another: strict headers on every answer, and the first refusals.

    ``local_only``: a study without a token answers only to this machine's own names, so that no
    web page elsewhere can reach it through a name that it points here.
    """

    def __init__(self, app: App, *, local_only: bool) -> None:
        self._app = app
        self._local_only = local_only
        self._limit = Limit(RATE, BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_STRICT]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            try:
                await self._app(scope, receive, strict)
            except LocalProtocolError:  # uvicorn has answered 400 meanwhile: the body is no HTTP
                while (await receive())["type"] != "http.disconnect":
                    pass
            return
        status, reason = refusal
        body = reason.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        if status == 429:
            headers.append((b"retry-after", b"5"))
        await strict({"type": "http.response.start", "status": status, "headers": headers})
        await strict({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > MOST_PATH:
            return 414, "this address is too long"
        headers = dict(scope.get("headers", ()))
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 9 or int(length) > MOST_BYTES:
            return 413, f"at most {MOST_BYTES} bytes"
        if self._local_only and not is_loopback(_name(headers.get(b"host", b"").decode("latin-1"))):
            return 421, "this study is served to its own machine; start it with --token"
        who = address(scope)
        if not is_loopback(who) and not self._limit.allows(who):
            return 429, "too many requests; wait a little"
        return None


def _name(host: str) -> str:
    """A Host header without the port.

    >>> _name("[::1]:8765"), _name("localhost:8765")
    ('::1', 'localhost')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


#: Most connections at once, where the system allows as many files.
MOST = 2000

#: Seconds in which the head of a request must have come, once its first byte has, and in which the
#: client must have taken some of an answer.
PATIENCE = 20

#: Files that are kept for the database, tiles and the interpreter.
_OTHERS = 100


def room() -> int:
    """How many connections there is room for: `MOST`, or fewer open files.

    Raises the process's own limit of open files as far as it may and needs to.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST
    want = 4 * MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < want:
        most = want if hard == resource.RLIM_INFINITY else min(want, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError):
            pass
    if soft == resource.RLIM_INFINITY:
        return MOST
    # A quarter: as many again are accepted, up to three times, before the first are closed.
    return max(8, min(MOST, (soft - _OTHERS) // 4))


def protocol(most: int) -> type[asyncio.Protocol]:
    """Uvicorn's protocol for ``most`` connections at once, at most half of them of one address.

    Connections after those are closed unheard. One whose request's head does not come within
    `PATIENCE` seconds is closed, be it the connection's first request or a later one, and so is
    one whose client takes nothing of its answer for as long.
    """
    held: Counter[str] = Counter()

    class Limited(AutoHTTPProtocol):
        deadline: asyncio.TimerHandle | None
        unread: asyncio.TimerHandle | None
        counted_as: str
        client: Any
        connections: Any
        cycle: Any
        transport: Any

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.deadline = self.unread = None
            transport.set_write_buffer_limits(high=0)  # writing is paused by whatever is unread
            self.counted_as = address({"client": self.client})
            held[self.counted_as] += 1
            if len(self.connections) > most or held[self.counted_as] > max(1, most // 2):
                transport.abort()
                return
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._head_came()
            self._all_read()
            held[self.counted_as] -= 1
            if not held[self.counted_as]:
                del held[self.counted_as]

        def data_received(self, data: bytes) -> None:
            if self.deadline is None and _idle(self.cycle):
                self._await_head()
            super().data_received(data)
            if not _idle(self.cycle):
                self._head_came()

        def shutdown(self) -> None:
            if self.unread is None:
                super().shutdown()  # pyrefly: ignore[missing-attribute]
            else:  # no wait for a client that does not read
                self.transport.abort()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._await_reader()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._all_read()

        def _await_head(self) -> None:
            loop = asyncio.get_running_loop()
            self.deadline = loop.call_later(PATIENCE, self.transport.abort)

        def _head_came(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

        def _await_reader(self) -> None:
            left = self.transport.get_write_buffer_size()

            def look() -> None:
                if self.transport.get_write_buffer_size() < left:
                    self._await_reader()
                else:
                    self.transport.abort()

            self.unread = asyncio.get_running_loop().call_later(PATIENCE, look)

        def _all_read(self) -> None:
            if self.unread is not None:
                self.unread.cancel()
                self.unread = None

    return Limited


def _idle(cycle: Any) -> bool:
    """Whether no request is being answered on a connection."""
    return cycle is None or cycle.response_complete
