"""How many connections a server holds, and for how long one may keep silent.

A process that runs out of open files can take no vote, so what is over the limit is closed at
once, and so is a connection on which no request has come.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

#: Most connections at once, where the system allows as many files.
MOST = 2000

#: Seconds in which a connection's first request must have come.
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
    """Uvicorn's protocol for ``most`` connections at once: those after them are closed unheard."""

    class Limited(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            held: Any = self
            if len(held.connections) > most:
                transport.abort()
                return

            def hurry() -> None:
                if held.cycle is None:  # no request has come
                    transport.abort()

            asyncio.get_running_loop().call_later(PATIENCE, hurry)

    return Limited
