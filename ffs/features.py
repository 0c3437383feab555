"""What a frozen VGG-19 sees of many patches: computed once, kept, resumable.

    FOLDER/part-HASH.safetensors    keys uint8 (n, 32), features float32 (n, C)

A key is a hash over the photo's bytes, the patch, and everything of the network before its
last layer; a part that is damaged is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ffs import crops
from ffs.network import Rater, Start, penultimate_features
from ffs.patches import Photos, Piece, stream
from wespe_bench import atomic, provenance
from wespe_bench.errors import InputError
from wespe_bench.progress import Flushing, bar

#: Changes when the same network and patch would give other features.
VERSION = 1

# Pieces at a time: on a CPU they go side by side, one to a core.
_CPU_GROUP, _CUDA_GROUP = 8, 64


def extract(
    rater: Rater,
    start: Start,
    photos: Photos,
    pieces: Sequence[Piece],
    folder: Path,
    *,
    device: str = "cpu",
    threads: int = 1,
    quiet: bool = False,
) -> list[np.ndarray]:
    """What the last layer sees of each piece: float32 (n, C) each, in their order.

    Raises InputError when a photo cannot be read, and when the disk is full; what is done by
    then is kept in ``folder``.
    """
    keys = [key(start, rater, photos, piece, device) for piece in pieces]
    if folder.is_dir():
        atomic.remove_leftovers(folder)
    known = _load(folder)
    todo = [piece for piece, name in zip(pieces, keys, strict=True) if name not in known]
    pending = Flushing(lambda rows: _store(folder, rows))
    rater = rater.to(device).eval()
    group = _CPU_GROUP if device == "cpu" else _CUDA_GROUP
    groups = [todo[i : i + group] for i in range(0, len(todo), group)]
    with bar(len(todo), "VGG-19", "patch", quiet=quiet) as progress:
        try:
            for some, pixels in zip(groups, stream(photos, groups, threads), strict=True):
                found = penultimate_features(rater, pixels, device).float().cpu().numpy()
                counts = np.cumsum([crops.CROPS if p.kind == "crops" else 1 for p in some])
                for piece, rows in zip(some, np.split(found, counts[:-1]), strict=True):
                    name = key(start, rater, photos, piece, device)
                    known[name] = rows
                    pending.add([(name, rows)])
                    progress.update()
        finally:
            pending.flush()
    return [known[name] for name in keys]


def key(start: Start, rater: Rater, photos: Photos, piece: Piece, device: str) -> bytes:
    """32 bytes that stand for a piece's features."""
    drawn = [photos.seed, piece.number, photos.flip] if piece.kind == "draw" else []
    parts = [
        *(VERSION, crops.VERSION, start.back_end, start.sha256, rater.head, rater.layers),
        *(rater.width, photos.preparation, piece.photo.sha256, piece.photo.id, piece.kind, drawn),
        "cpu" if device == "cpu" else "cuda",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _load(folder: Path) -> dict[bytes, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    known: dict[bytes, np.ndarray] = {}
    for path in sorted(folder.glob("part-*.safetensors")):
        try:
            tensors = load(path.read_bytes())
            names, rows, counts = tensors["keys"], tensors["features"], tensors["counts"]
            pieces = np.split(rows, np.cumsum(counts)[:-1])
            known |= {bytes(name): part for name, part in zip(names, pieces, strict=True)}
        except (OSError, SafetensorError, ValueError, KeyError):
            continue  # what it held is computed again
    return known


def _store(folder: Path, rows: Sequence[tuple[bytes, np.ndarray]]) -> None:
    from safetensors.numpy import save

    names = np.stack([np.frombuffer(name, np.uint8) for name, _ in rows])
    counts = np.array([len(part) for _, part in rows], np.int64)
    features = np.concatenate([part for _, part in rows])
    data = save({"keys": names, "counts": counts, "features": np.ascontiguousarray(features)})
    path = folder / f"part-{provenance.sha256_bytes(names.tobytes())[:24]}.safetensors"
    try:
        atomic.write_bytes(path, data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); make room, and the same "
            "command resumes from what is kept"
        ) from None
