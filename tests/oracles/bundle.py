"""A TensorFlow bundle writer, for tests: LevelDB table, protocol buffers, slow CRC-32C.

``python -m tests.oracles.bundle`` rewrites the importer's committed fixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAGIC = bytes.fromhex("57fb808b247547db")
FIXTURE = Path(__file__).parents[1] / "reference_models" / "fixtures" / "tiny_iphone"


def write(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write ``prefix``.index and its one data file."""
    data = b""
    entries = [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name in sorted(tensors):
        content = tensors[name].tobytes()
        entries.append((name.encode(), entry(tensors[name], len(data), content)))
        data += content
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)
    Path(f"{prefix}.index").write_bytes(table(entries))


def entry(tensor: np.ndarray, offset: int, content: bytes) -> bytes:
    kind = {"float32": 1, "int64": 9}[tensor.dtype.name]
    shape = b"".join(field(2, field(1, length)) for length in tensor.shape)
    message = field(1, kind) + field(2, shape)
    if offset:  # a zero is left out, as protocol buffers do
        message += field(4, offset)
    return message + field(5, len(content)) + fixed32(6, masked(crc32c(content)))


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A LevelDB table with data blocks of at most 20 entries."""
    out, handles = b"", []
    for start in range(0, len(entries), 20):
        some = entries[start : start + 20]
        block = sealed(some)
        handles.append((some[-1][0], varint(len(out)) + varint(len(block) - 5)))
        out += block
    meta = sealed([])
    meta_handle = varint(len(out)) + varint(len(meta) - 5)
    out += meta
    index = sealed(handles, interval=1)
    index_handle = varint(len(out)) + varint(len(index) - 5)
    out += index
    return out + (meta_handle + index_handle).ljust(40, b"\0") + MAGIC


def sealed(entries: list[tuple[bytes, bytes]], interval: int = 16) -> bytes:
    """A block with its type byte and checksum; keys share prefixes between restarts."""
    block, restarts, last = b"", [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % interval == 0:
            restarts.append(len(block))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        block += varint(shared) + varint(len(key) - shared) + varint(len(value))
        block += key[shared:] + value
        last = key
    for restart in restarts or [0]:
        block += restart.to_bytes(4, "little")
    block += len(restarts or [0]).to_bytes(4, "little")
    return block + b"\0" + masked(crc32c(block + b"\0")).to_bytes(4, "little")


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed32(number: int, value: int) -> bytes:
    return varint(number << 3 | 5) + value.to_bytes(4, "little")


def crc32c(data: bytes) -> int:
    """Bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def tiny() -> dict[str, np.ndarray]:
    """What the fixture holds: a generator of width 3 with 4 blocks, and a step counter."""
    from tests.oracles.generator import random_state

    state = random_state(np.random.default_rng(0), width=3, blocks=4)
    tensors = {f"generator/{name}": tensor for name, tensor in state.items()}
    return {**tensors, "global_step": np.array(20000, np.int64)}


if __name__ == "__main__":
    FIXTURE.parent.mkdir(exist_ok=True)
    write(FIXTURE, tiny())
