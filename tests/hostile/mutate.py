"""Damage with intent: seeded changes to the bytes of a file, and to the values of a JSON text."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

#: Numbers at the edges of what fields hold.
_EDGES = (0, 1, 2, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63)

#: Values that JSON can say and few expect.
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    "../../escape",
    "/etc/passwd",
    "a\nb\x1b[31m",
    "\u202egnp.exe",
    "caf\udce9",
    "<script>alert(1)</script>",
    "=1+1",
    [],
    {},
    [[[[[[]]]]]],
    {"a": {"b": [1]}},
    [0] * 300,
)


def damaged(data: bytes, dice: random.Random, tokens: Sequence[bytes], other: bytes) -> bytes:
    """``data`` after one to eight changes; ``other`` is spliced in now and then."""
    content = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        _change(content, dice, tokens, other)
    return bytes(content)


def _change(content: bytearray, dice: random.Random, tokens: Sequence[bytes], other: bytes) -> None:
    at = dice.randrange(len(content) + 1)
    # Headers decide more than what follows them.
    if dice.random() < 0.4:
        at = min(at, dice.randrange(256))
    match dice.randrange(9):
        case 0 if at < len(content):
            content[at] ^= 1 << dice.randrange(8)
        case 1 if at < len(content):
            content[at] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        case 2:
            del content[at:]
        case 3:
            del content[at : at + dice.randrange(1, 64)]
        case 4:
            content[at:at] = dice.randbytes(dice.randrange(1, 32))
        case 5:  # a length, an offset or a count
            size = dice.choice((2, 4, 8))
            number = dice.choice((*_EDGES, len(content), dice.getrandbits(8 * size)))
            order = dice.choice(("little", "big"))
            content[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, order)
        case 6 if tokens:
            token = dice.choice(tokens)
            content[at : at + dice.choice((0, len(token)))] = token
        case 7:
            start = dice.randrange(len(other) + 1)
            content[at : at + dice.choice((0, 40))] = other[start : start + dice.randrange(200)]
        case _:
            content[at:at] = content[at : at + dice.randrange(1, 200)] * dice.choice((1, 2, 30))


def revalued(text: str, dice: random.Random) -> Any:
    """What a JSON text says with one to three of its values, keys or items changed."""
    root = [json.loads(text)]
    for _ in range(dice.choice((1, 1, 2, 3))):
        holders = [holder for holder in _holders(root) if holder]
        holder = dice.choice(holders)
        key: Any = (
            dice.choice(list(holder)) if isinstance(holder, dict) else dice.randrange(len(holder))
        )
        match dice.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice(("x", "", key + "\n", "../x", key * 40))] = holder.pop(key)
            case 2 if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case _:
                holder[key] = copy.deepcopy(dice.choice(VALUES))
        root = root or [None]
    return root[0]


def _holders(value: Any) -> list[Any]:
    """Every list and object within a value, itself included."""
    if not isinstance(value, list | dict):
        return []
    inside = value.values() if isinstance(value, dict) else value
    return [value, *(found for part in inside for found in _holders(part))]
