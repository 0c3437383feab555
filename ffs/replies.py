"""Flickr's answers as they came, gzip'd: what everything else of a crawl can be rebuilt from.

``replies/00000001.json.gz`` and on, each written before anything is made of it. They hold no key.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ffs.flickr import Reply
from ffs.windows import Window
from wespe_bench import atomic, reading
from wespe_bench.errors import InputError

#: Most bytes of an answer; 500 photos with all that is asked of them take 1 MB.
_MOST = 2**26

#: What an answer was asked for -> what its ``about`` has to say besides.
_ABOUT: dict[str, dict[str, type]] = {
    "search": {"window": dict},
    "refresh": {"round": int, "number": int, "page": int},
    "faves": {"id": str},
    "sizes": {"id": str},
    "info": {"id": str, "round": int},
    "licences": {},
}


class Replies:
    """The answers in ``folder``, which need not exist yet. The next one's number is above theirs
    and above ``seen``, the last that a state has applied: it ignores numbers it has seen."""

    def __init__(self, folder: Path, seen: int = 0) -> None:
        self.folder = folder
        self._last = max([seen, *self.numbers()])

    def numbers(self) -> list[int]:
        """Their numbers, in the order in which they came."""
        names = (path.name for path in self.folder.glob("*.json.gz"))
        return sorted(int(n[:8]) for n in names if re.fullmatch(r"\d{8}\.json\.gz", n))

    def add(self, reply: Reply) -> int:
        """Write one down; returns its number. Raises OSError."""
        self._write(self._last + 1, reply)
        self._last += 1
        return self._last

    def read(self, number: int) -> Reply:
        """One answer. Raises InputError when its file is damaged."""
        path = self._path(number)
        try:
            content = reading.parse_json(_inflated(reading.read_bytes(path)))
            return _checked(Reply(**content))
        except (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error):
            raise InputError(
                f"{path}: damaged; delete it and run ffs crawl --rebuild: its page is asked again"
            ) from None

    def scrub(self, number: int, edit: Callable[[dict[str, Any]], bool]) -> bool:
        """Change one answer: ``edit`` changes the body and says whether it did."""
        reply = self.read(number)
        body = reply.body()
        if not edit(body):
            return False
        text = json.dumps(body, ensure_ascii=True)
        self._write(number, Reply(reply.method, reply.params, reply.at, text, reply.about))
        return True

    def _write(self, number: int, reply: Reply) -> None:
        text = json.dumps(asdict(reply), ensure_ascii=True)
        atomic.write_bytes(self._path(number), gzip.compress(text.encode(), 6, mtime=0))

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.json.gz"


def _inflated(data: bytes) -> bytes:
    """A whole answer. Raises ValueError for one that Flickr would never send."""
    with gzip.open(io.BytesIO(data)) as file:
        found = file.read(_MOST + 1)
    if len(found) > _MOST:
        raise ValueError("too long")
    return found


def _checked(reply: Reply) -> Reply:
    """The reply, when its parts are what they should be; ValueError, TypeError, KeyError if not."""
    if not isinstance(reply.text, str) or not isinstance(reply.at, float | int):
        raise ValueError("text or time")
    about = reply.about
    for name, kind in _ABOUT[about["kind"]].items():
        if not isinstance(about[name], kind):
            raise TypeError(name)
    if about["kind"] == "search":
        window = asdict(Window(**about["window"]))
        if not all(isinstance(value, int) for value in window.values()):
            raise TypeError("window")
    return reply
