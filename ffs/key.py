"""The Flickr key: read from the environment, and never shown again."""

from __future__ import annotations

import os
import re

from wespe_bench.errors import InputError

#: The only place the key is read from.
VARIABLE = "FLICKR_API_KEY"
_SHOWN = "[key]"


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
            "(flickr.com/services/apps/create gives them); it is never stored"
        )
    if not re.fullmatch("[0-9A-Za-z]{16,128}", text):
        raise InputError(
            f"{VARIABLE} holds no Flickr key: expected 16 to 128 letters and digits, nothing else"
        )
    return Key(text)
