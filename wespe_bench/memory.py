"""How much memory a call took: the peak beyond what was held when it began.

Two numbers, in bytes. That of the process is its largest resident set during the call less the
one at its beginning; the kernel counts it, to about a megabyte, and only Linux can be asked.
That of the device is the most that torch had allocated on CUDA devices, less what it had at the
beginning. What was loaded before (libraries, weights, the photo itself) is in neither, and
processes that the call starts are not seen.
"""

from __future__ import annotations

import ctypes
import functools
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

# A peak that lies farther above what is held was not forgotten: this kernel cannot.
_SLACK = 8_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """What was held when a call began; None where it cannot be measured."""

    process: int | None
    device: int


def mark() -> Mark:
    """Begin to watch. Other threads of the process are watched with it."""
    cuda = _cuda()
    held = 0
    if cuda is not None:
        for number in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(number)
            held += cuda.memory_allocated(number)
    try:
        # What earlier calls freed and the allocator kept would hide what this one needs.
        trim()
        _CLEAR.write_text("5")  # the peak so far is forgotten
        now, peak = _status("VmRSS"), _status("VmHWM")
        forgotten = now is not None and peak is not None and peak < now + _SLACK
        return Mark(now if forgotten else None, held)
    except OSError:
        return Mark(None, held)


def taken(since: Mark) -> tuple[float, float]:
    """(process, device) bytes at the peak since ``since``; NaN where it cannot be measured.

    The device's are NaN too where none was used.
    """
    cuda = _cuda()
    process = device = math.nan
    if cuda is not None:
        peak = sum(cuda.max_memory_allocated(number) for number in range(cuda.device_count()))
        device = float(peak - since.device) if peak > since.device else math.nan
    if since.process is not None and (now := _status("VmHWM")) is not None:
        process = float(max(0, now - since.process))
    return process, device


def _status(name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text("ascii", "replace"), re.M)
    return int(found[1]) * 1024 if found else None


def _cuda() -> Any:
    """torch.cuda, if somebody has begun to use it."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def trim() -> None:
    """Give back to the system what the C library's allocator keeps, where it can."""
    if (give_back := _malloc_trim()) is not None:
        give_back(0)


@functools.cache  # `mark` asks for it at each photo
def _malloc_trim() -> Callable[[int], object] | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
