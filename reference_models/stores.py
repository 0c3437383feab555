"""Stores for a map of the photo's size between two layers: on the device, in memory, in a file."""

from __future__ import annotations

import math
import shutil
import tempfile
from typing import TYPE_CHECKING, Literal

from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

Place = Literal["device", "memory", "file"]


class MemoryStore:
    """A map (H, W, C) on a device or in main memory."""

    def __init__(self, shape: tuple[int, int, int], kind: torch.dtype, device: str) -> None:
        import torch

        self.data = torch.empty(shape, dtype=kind, device=device)

    def read(self, top: int, bottom: int, like: Tensor) -> Tensor:
        """The rows in the format and on the device of ``like``; to be left unchanged."""
        return self.data[top:bottom].to(like.device, like.dtype)

    def write(self, rows: Tensor, top: int) -> None:
        self.data[top : top + rows.shape[0]].copy_(rows)

    def close(self) -> None:
        del self.data


class FileStore:
    """A map (H, W, C) in a temporary file without a name.

    Read and written, not mapped, because mapped pages count as the process's memory.
    """

    def __init__(self, shape: tuple[int, int, int], kind: torch.dtype) -> None:
        self.file = tempfile.TemporaryFile(  # noqa: SIM115 - `close` below
            buffering=0, prefix="wespe-bench-"
        )
        self.kind = kind
        self.row_bytes = shape[1] * shape[2] * kind.itemsize

    def read(self, top: int, bottom: int, like: Tensor) -> Tensor:
        """The rows in the format, shape and device of ``like``."""
        import torch

        rows = torch.empty((bottom - top, *like.shape[1:]), dtype=self.kind)
        left = _bytes_of(rows)
        self.file.seek(top * self.row_bytes)
        while left:
            count = self.file.readinto(left)
            if not count:
                raise InputError("the temporary file of a store was truncated while in use")
            left = left[count:]
        return rows.to(like.device, like.dtype)

    def write(self, rows: Tensor, top: int) -> None:
        """Overwrite from row ``top`` on; raises InputError when the folder is full."""
        left = _bytes_of(rows.to(device="cpu", dtype=self.kind).contiguous())
        self.file.seek(top * self.row_bytes)
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:
            raise InputError(
                f"cannot write to the temporary folder {tempfile.gettempdir()} "
                f"({error.strerror}); set TMPDIR to one with more room"
            ) from None

    def close(self) -> None:
        self.file.close()


def _bytes_of(rows: Tensor) -> memoryview:
    import torch

    flat: np.ndarray = rows.reshape(-1).view(torch.uint8).numpy()
    return flat.data


Store = MemoryStore | FileStore


def open_store(shape: tuple[int, int, int], kind: torch.dtype, device: str, place: Place) -> Store:
    """A store for a map (H, W, C); raises InputError when the temporary folder lacks the room."""
    if place != "file":
        return MemoryStore(shape, kind, device if place == "device" else "cpu")
    folder = tempfile.gettempdir()
    needed = math.prod(shape) * kind.itemsize
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the temporary folder {folder} has {free / 1e9:.1f} GB free, a store needs "
            f"{needed / 1e9:.1f} GB; set TMPDIR to another folder, or use precision=fp16"
        )
    return FileStore(shape, kind)
