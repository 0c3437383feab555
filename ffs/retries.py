"""The pace of requests, and which answers of a server are tried again, when, and for how long.

No answer, a broken one, HTTP 429 and 5xx are tried again after 2, 4, 8 ... seconds, or later
where the server's Retry-After says so: eight times, some four minutes in all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from ffs.settings import HERE
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState


class Clock(Protocol):
    """Where the crawler reads the time, and where it waits."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class System:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Pace:
    """At most ``per_second`` turns a second: `turn` waits until the next one is due."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap = 1 / per_second
        self._clock = clock
        self._last: float | None = None

    def turn(self) -> None:
        now = self._clock.now()
        # A clock that was set back must not make us wait for the time it lost.
        if self._last is not None and now >= self._last:
            while (left := self._last + self._gap - self._clock.now()) > 0:
                self._clock.sleep(left)
        self._last = self._clock.now()


#: Tries of one request, the first included.
TRIES = 8
#: Seconds that a server may tell us to wait; we stop if it asks for more.
PATIENCE = 900.0
#: Seconds without a byte after which a connection is given up.
TIMEOUT = 30.0

KEPT = "what is fetched is kept, the same command goes on"

Result = TypeVar("Result")


class RetryLater(Exception):  # noqa: N818
    """A request that may succeed when it is sent again, after the ``wait`` seconds the server asks.

    ``server_wide`` says that any other request would have failed the same way.
    """

    def __init__(self, why: str, wait: float = 0.0, *, server_wide: bool = True) -> None:
        super().__init__(why)
        self.wait = wait
        self.server_wide = server_wide


def with_retries(ask: Callable[[], Result], host: str, clock: Clock) -> Result:
    """What ``ask`` returns, tried again on `RetryLater`; raises the last one.

    Raises InputError when the server wants us to wait longer than `PATIENCE`.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wish = error.wait if isinstance(error, RetryLater) else 0.0
        if wish > PATIENCE:
            raise InputError(
                f"{host} wants no more requests for {wish:.0f} s (the quota is used up); "
                f"{KEPT} after that"
            )
        return max(wish, float(2**state.attempt_number))

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        say(f"{host}: {error}; trying again in {seconds:.0f} s")

    tries = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=pause,
        retry=retry_if_exception_type(RetryLater),
        sleep=clock.sleep,
        before_sleep=tell,
        reraise=True,
    )
    return tries(ask)


def say(line: str) -> None:
    """A line on standard error, above the progress bar."""
    from tqdm import tqdm

    tqdm.write(f"wespe-bench: {line}", file=sys.stderr)


def check_status(response: httpx.Response, clock: Clock) -> None:
    """Raise `RetryLater` for HTTP 429 and 5xx."""
    if response.status_code == 429 or response.status_code >= 500:
        wait = seconds_of(response.headers.get("Retry-After", ""), clock)
        server_wide = response.status_code == 429
        raise RetryLater(f"HTTP {response.status_code}", wait, server_wide=server_wide)


def bounded(response: httpx.Response, most: int) -> bytes:
    """The body of a streamed answer. Raises `RetryLater` where it has more than ``most`` bytes."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > most:
            raise RetryLater(f"more than {most} bytes came", server_wide=False)
    return bytes(body)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what ``url`` gives: https, or this machine.

    >>> is_safe("https://example.org/a.jpg"), is_safe("http://example.org/a.jpg")
    (True, False)
    """
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)


def seconds_of(retry_after: str, clock: Clock) -> float:
    """What a Retry-After header asks for: a number of seconds or a date; 0.0 for anything else.

    >>> from ffs.retries import System
    >>> seconds_of("120", System()), seconds_of("soon", System())
    (120.0, 0.0)
    """
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - clock.now())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def client(transport: httpx.BaseTransport | None, agent: str, **options: Any) -> httpx.Client:
    """An HTTP client. Raises InputError when what the environment says of the way is no good."""
    import httpx

    headers = {"User-Agent": agent}
    try:
        return httpx.Client(transport=transport, timeout=TIMEOUT, headers=headers, **options)
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        # Without its text: an address of a proxy may hold a password.
        remedy = "pip install 'httpx[socks]', or " if isinstance(error, ImportError) else ""
        raise InputError(
            f"the environment's proxy or certificates cannot be used ({type(error).__name__}): "
            f"{remedy}see HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        ) from None


def connection_error(error: httpx.HTTPError) -> RetryLater:
    """The `RetryLater` of a failed exchange. Names its kind only: texts may hold an address."""
    import httpx

    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return RetryLater(f"cannot be reached ({type(error).__name__})")
    if isinstance(error, httpx.TimeoutException):
        return RetryLater(f"no answer for {TIMEOUT:g} s", server_wide=False)
    return RetryLater(f"the answer broke off ({type(error).__name__})", server_wide=False)
