"""Tensors in a safetensors file that carries its own card: written whole, read without torch.

The card is one JSON text under the metadata key ``card``. One key, because safetensors
writes several in random order and the same numbers would then hash differently each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import atomic, provenance
from wespe_bench.reading import parse_json


def write(path: Path, tensors: Mapping[str, np.ndarray], card: Any) -> str:
    """Write the tensors and their card, which JSON has to know, atomically; the SHA-256.

    Raises OSError when the file cannot be written.
    """
    from safetensors.numpy import save

    data = save(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        metadata={"card": json.dumps(card, sort_keys=True)},
    )
    atomic.write_bytes(path, data)
    return provenance.sha256_bytes(data)


def card_of(data: bytes) -> Any:
    """The card in a file's bytes: 8 bytes of length, then JSON. ValueError where there is none."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError("the header is cut short")
    try:
        return parse_json(parse_json(data[8 : 8 + length])["__metadata__"]["card"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no card ({error})") from None
