"""What a reader is to the fuzzer, and the damage that fits most files."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.mutate import damaged, revalued


@dataclass(frozen=True)
class Reader:
    """One reader: `spoil` makes a file's bytes of a seed's, `read` takes them in a folder."""

    name: str
    seeds: Callable[[], list[bytes]]
    spoil: Callable[[bytes, random.Random, bytes], bytes]
    read: Callable[[Path, bytes], Any]


def plainly(*tokens: bytes) -> Callable[[bytes, random.Random, bytes], bytes]:
    """Damage to bytes that no checksum guards."""
    return lambda data, dice, other: damaged(data, dice, tokens, other)


def json_file(
    seal: Callable[[Any], None] = lambda _: None,
) -> Callable[[bytes, random.Random, bytes], bytes]:
    """Damage to JSON: its bytes, or its values, after which ``seal`` mends the checksum."""

    def spoil(data: bytes, dice: random.Random, other: bytes) -> bytes:
        if dice.random() < 0.3:
            return damaged(data, dice, (b"[" * 2000, b"NaN", b'"\\ud800"', b"1e999"), other)
        content = revalued(data.decode(), dice)
        if dice.random() < 0.8:
            with contextlib.suppress(Exception):  # what cannot be sealed stays as it is
                seal(content)
        return json.dumps(content).encode()

    return spoil
