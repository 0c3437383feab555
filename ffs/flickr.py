"""Flickr's API: one call at a time, politely, and every answer understood or refused.

Public photos need a key alone, no signature and no login. The key travels in the body of a POST,
so it is in no address that anything on the way could log. An error comes as HTTP 200 with
``"stat": "fail"`` and a code; numbers come as texts; fields are missing where an owner hides
originals; and past 4,000 results a search repeats itself in silence.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ffs import retries
from ffs.retries import KEPT, Clock, Pace, RetryLater
from wespe_bench import __version__, reading
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import httpx

#: The only place the key is read from.
VARIABLE = "FLICKR_API_KEY"
_SHOWN = "[key]"
#: Of a reply; a page of 500 photos has about 2 MB.
_MOST_BYTES = 50_000_000


class Key:
    """A key that prints as ``[key]``, so that no message, log or traceback holds it.

    >>> key = Key("0123456789abcdef")
    >>> key, key.hidden("no such key: 0123456789abcdef")
    ([key], 'no such key: [key]')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return _SHOWN

    def reveal(self) -> str:
        """The key itself, for the body of a request and nothing else."""
        return self._text

    def hidden(self, text: str) -> str:
        """``text`` without the key, whatever its case."""
        return re.sub(re.escape(self._text), _SHOWN, text, flags=re.IGNORECASE)


def from_environment() -> Key:
    """The key in ``$FLICKR_API_KEY``. Raises InputError when it is unset, empty or no key."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        raise InputError(
            f"no Flickr key: put one in the environment as {VARIABLE} "
            "(flickr.com/services/apps/create gives them; new ones need Pro); it is never stored"
        )
    if not re.fullmatch("[0-9A-Za-z]{16,128}", text):
        raise InputError(
            f"{VARIABLE} holds no Flickr key: expected 16 to 128 letters and digits, nothing else"
        )
    return Key(text)


#: Where requests go.
API = "https://api.flickr.com/services/rest/"
USER_AGENT = f"wespe-bench/{__version__} (image quality research; faves per view)"

#: Results of one page, and the most of one search that Flickr does not repeat.
PER_PAGE, MOST_RESULTS = 500, 4000
#: Letters of the sizes asked for, smallest first: 1024, 1600, 2048 pixels ... and the original.
SIZES = ("l", "h", "k", "3k", "4k", "5k", "6k", "o")
_EXTRAS = ("license", "date_upload", "owner_name", "o_dims", "views", "count_faves", "media")

#: Codes after which the same call may succeed; those that say the key is no good.
_PASSING, _KEY = frozenset({10, 105, 106}), frozenset({96, 97, 98, 99, 100})
#: Of a call about one photo: there is none, or it is not for everybody.
GONE = frozenset({1, 2})


class Refused(InputError):  # noqa: N818
    """An answer of Flickr's with an error code that trying again will not change."""

    def __init__(self, message: str, code: int, reply: Reply) -> None:
        super().__init__(message)
        self.code = code
        self.reply = reply


class BudgetSpent(Exception):  # noqa: N818
    """The calls that the user allowed are used up."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: what was asked (without the key), when (s since 1970), and the text as it came.

    ``about`` says what the crawler asked it for, so that the answer can be read again.
    """

    method: str
    params: Mapping[str, str]
    at: float
    text: str
    about: Mapping[str, Any]

    def body(self) -> dict[str, Any]:
        """The answer as JSON, {} where it is none."""
        try:
            content = reading.parse_json(self.text)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


class Flickr:
    """The API at ``api``. ``calls`` counts the requests sent; ``budget`` ends them (0: never)."""

    def __init__(
        self,
        key: Key,
        clock: Clock,
        *,
        api: str = API,
        per_second: float = 1.0,
        budget: int = 0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.calls = 0
        self.host = urlsplit(api).hostname or api
        self._key, self._clock, self._api, self._budget = key, clock, api, budget
        self._pace = Pace(per_second, clock)
        self._client = retries.client(transport, USER_AGENT)

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, about: Mapping[str, Any], **params: object) -> Reply:
        """Ask ``method``; the answer says "stat": "ok".

        Raises `Refused` for an error code, `BudgetSpent`, and InputError when Flickr cannot be
        reached, is out of order for minutes, or the quota is used up.
        """
        plain = {name: str(value) for name, value in params.items()}
        try:
            return retries.with_retries(
                lambda: self._once(method, about, plain), self.host, self._clock
            )
        except RetryLater as error:
            raise InputError(f"{self.host}: {error}, {retries.TRIES} times; {KEPT}") from None

    def _once(self, method: str, about: Mapping[str, Any], params: dict[str, str]) -> Reply:
        import httpx

        if self._budget and self.calls >= self._budget:
            raise BudgetSpent
        self._pace.turn()
        self.calls += 1
        fixed = {"method": method, "format": "json", "nojsoncallback": "1"}
        form = {**fixed, **params, "api_key": self._key.reveal()}
        try:
            with self._client.stream("POST", self._api, data=form) as response:
                text = retries.bounded(response, _MOST_BYTES).decode("utf-8", "replace")
        except httpx.HTTPError as error:
            raise retries.connection_error(error) from None
        except (httpx.InvalidURL, UnicodeError):
            raise InputError(f"--api {self._api!r}: not an address that can be requested") from None
        retries.check_status(response, self._clock)
        reply = Reply(method, params, self._clock.now(), self._key.hidden(text), about)
        body = reply.body()
        plain = json.dumps(body, ensure_ascii=False)
        if (hidden := self._key.hidden(plain)) != plain:  # the text had it in escapes
            reply = replace(reply, text=hidden)
            body = reply.body()
        if response.status_code != 200 or body.get("stat") not in ("ok", "fail"):
            what = f"HTTP {response.status_code}" if response.status_code != 200 else "no JSON"
            raise RetryLater(f"not an answer of Flickr's ({what})")
        if body["stat"] == "fail":
            self._refuse(reply, body)
        return reply

    def _refuse(self, reply: Reply, body: dict[str, Any]) -> None:
        code = whole(body.get("code")) or 0
        message = f"code {code}: {clean(body.get('message'))[:200]}"
        if code in _PASSING:
            raise RetryLater(message)
        if code in _KEY:
            raise Refused(
                f"Flickr refuses the key in {VARIABLE} ({message}); what is fetched is kept, the "
                "same command goes on with another key",
                code,
                reply,
            )
        raise Refused(f"Flickr refuses {reply.method} ({message}); {KEPT}", code, reply)


def search_params(
    begin: int, end: int, page: int, licences: Iterable[int], safe_search: int
) -> dict[str, object]:
    """What `flickr.photos.search` is asked: photos uploaded in [begin, end), oldest first."""
    return {
        "min_upload_date": begin,
        "max_upload_date": end - 1,
        "page": page,
        "per_page": PER_PAGE,
        "sort": "date-posted-asc",
        "media": "photos",
        "content_type": 1,
        "safe_search": safe_search,
        "license": ",".join(map(str, sorted(licences))),
        "extras": ",".join([*_EXTRAS, *(f"url_{letter}" for letter in SIZES)]),
    }


def whole(value: Any) -> int | None:
    """A count as Flickr writes it: 7, "7" or "1,234"; None where it does not say ("99+", "").

    >>> whole("1,234"), whole("99+"), whole(True), whole({"_content": "7"})
    (1234, None, None, 7)
    """
    if isinstance(value, dict):
        value = value.get("_content")
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{1,15}|[0-9]{1,3}(,[0-9]{3}){1,4}", text):
        return None
    return int(text.replace(",", ""))


def clean(value: Any) -> str:
    """A text that can be stored and printed: no control characters, no lone surrogates.

    >>> clean("a\\ud800\\x00b"), clean({"_content": "c"}), clean(None)
    ('a?b', 'c', '')
    """
    if isinstance(value, dict):
        value = value.get("_content")
    if not isinstance(value, str | int):
        return ""
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in text if c.isprintable()).strip()
