"""Sizes of memory, and how much of it this process may use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from wespe_bench.errors import InputError


def parse_size(text: str) -> int:
    """Bytes from a size with a unit, such as 2GB or 1.5 GiB. Raises InputError for anything else.

    >>> parse_size("2GB"), parse_size("1.5 GiB"), parse_size("800M")
    (2000000000, 1610612736, 800000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text, re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise InputError(f"size {text!r}: expected a number with a unit, such as 2GB or 800MB")
    power = " kmgt".index(match[2].lower() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def free_memory(max_memory: int | None) -> int:
    """Bytes that this process may still allocate: its share of four fifths of the free memory.

    Args:
        max_memory: Bound of the whole process in bytes; the result keeps within it.
    """
    import psutil

    free = int(min(psutil.virtual_memory().available, _group_limit()) * 0.8) // _workers()
    if max_memory is None:
        return free
    return min(free, max_memory - int(psutil.Process().memory_info().rss))


def check_step(config: Any, device: str, world: int = 1) -> None:
    """Raise InputError when a training step on a CPU cannot fit into memory.

    The least that it can need, in float32: the input of each of the generator's convolutions, kept
    for the gradients, and its kernels with gradients and Adam's two moments.

    Args:
        config: The training's options: ``batch``, ``patch``, ``width``, ``blocks``.
        device: Only "cpu" is checked.
        world: Processes that share the batch.
    """
    if device != "cpu":
        return
    free = free_memory(None)
    maps = 4 * (config.batch // world) * config.patch**2 * config.width * (2 * config.blocks + 3)
    kernels = 4 * 4 * 2 * config.blocks * 9 * config.width**2
    if maps + kernels > free:
        names = ("width", "blocks") if kernels > maps else ("batch", "patch")
        options = " or ".join(f"--{name} (now {getattr(config, name)})" for name in names)
        raise InputError(
            f"a training step needs at least {(maps + kernels) / 1e9:,.1f} GB of memory, "
            f"{free / 1e9:,.1f} GB is free; lower {options}"
        )


def _workers() -> int:
    """Processes in this one's pool, which share the free memory."""
    import multiprocessing

    import psutil

    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return 1
    try:
        return max(len(psutil.Process(parent.pid).children()), 1)
    except psutil.Error:
        return 1


def _group_limit() -> int:
    """Bytes that a container's limit leaves; psutil reports the machine's memory only."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        cache = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text(), re.M)
    except (OSError, ValueError):
        return 1 << 62
    if limit == "max":
        return 1 << 62
    return int(limit) - used + (int(cache[1]) if cache else 0)
