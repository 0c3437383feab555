"""The pixels of a pack: written by the workers, each photo to its place, and hashed again there."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wespe_bench.engines import FATAL, Outcome
from wespe_bench.errors import InputError, one_line
from wespe_bench.prepare.pack_layout import Item, Layout

# The pixel files were there when the work began: gone, they are gone for every photo.
_FATAL = FATAL | {errno.ENOENT}


def believed(
    rows: dict[str, dict[str, Any]],
    layout: Layout,
    paths: Sequence[Path],
    hashes: dict[str, tuple[str, str | None]],
) -> dict[str, dict[str, Any]]:
    """The rows whose photos are unchanged and whose pixels are in the files, hash for hash."""
    if not rows:
        return {}
    import numpy as np

    kept = {}
    maps = [np.asarray(np.load(path, mmap_mode="r")).reshape(-1) for path in paths]
    for item in layout.items:
        row = rows.get(item.sample)
        if row is None:
            continue
        place = [row.get("offset"), row.get("height"), row.get("width")]
        sources = (row.get("source_sha256"), row.get("reference_source_sha256"))
        if place != [item.offset, item.height, item.width] or sources != hashes[item.sample]:
            continue
        end = item.offset + item.height * item.width * 3
        digests = [hashlib.sha256(pixels[item.offset : end].data).hexdigest() for pixels in maps]
        if digests == [row.get(p + "pixels_sha256") for p in ("", "reference_")[: len(maps)]]:
            kept[item.sample] = row
    return kept


def open_worker(
    context: tuple[str, tuple[str, ...]],
) -> Callable[[Sequence[Item]], list[Outcome]]:
    """In each worker: the kind of the layout, and the pixel files, open for writing."""
    import numpy as np

    kind, paths = context
    expected = (
        "like the other patches" if kind == "patches" else "as its header says; save it again"
    )
    files, starts = [], []
    for path in paths:
        file = open(path, "r+b", buffering=0)  # noqa: SIM115  open as long as the worker lives
        starts.append(np.load(path, mmap_mode="r").offset)
        files.append(file)

    def one(item: Item) -> Outcome:
        from wespe_bench import images

        row: dict[str, Any] = {
            "sample": item.sample,
            "offset": item.offset,
            "height": item.height,
            "width": item.width,
            "reference_source_sha256": None,
            "reference_pixels_sha256": None,
        }
        for path, file, start, prefix in zip(
            item.paths, files, starts, ("", "reference_"), strict=False
        ):
            try:
                with open(path, "rb") as source:
                    data = source.read()
                pixels = images.read_rgb(data, name=path)
            except OSError as error:
                return Outcome(item, error=f"{path}: cannot be read ({error.strerror})")
            except (InputError, MemoryError) as error:
                return Outcome(item, error=one_line(error))
            if pixels.shape[:2] != (item.height, item.width):
                has, wanted = f"{pixels.shape[1]}x{pixels.shape[0]}", f"{item.width}x{item.height}"
                who = f"like the photo ({item.paths[0]})" if prefix else expected
                return Outcome(item, error=f"{path}: {has}, not {wanted} {who}")
            row[f"{prefix}source_sha256"] = hashlib.sha256(data).hexdigest()
            row[f"{prefix}pixels_sha256"] = hashlib.sha256(pixels.data).hexdigest()
            try:
                file.seek(start + item.offset)
                rest = pixels.data.cast("B")
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError as error:
                reason = f"cannot write {file.name}: {error.strerror or error}"
                return Outcome(item, error=reason, fatal=error.errno in _FATAL)
        return Outcome(item, rows=(row,))

    return lambda items: [one(item) for item in items]
