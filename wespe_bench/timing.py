"""The verb ``time``: what an enhancer takes for a photo of one size, measured to be published.

One method at a time, in a process of its own that ends with it: a few calls to warm up, then calls
that are timed one by one. A call takes the photo from memory and leaves the result there, whatever
the device; decoding, rounding and PNG are not in it. Multiply-adds are those of PyTorch's own
counter (torch.utils.flop_counter) during one call: convolutions and matrix products, with what
bands compute twice. The seconds of runs are something else: one call a photo, beside others.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from wespe_bench import atomic, memory
from wespe_bench.arguments import cores
from wespe_bench.engines import THREADS, Outcome, local
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_choices, check_ranges
from wespe_bench.run import stated_count
from wespe_bench.runs import escape_csv_formula, parse_named, refuse_twins

#: Calls before the clock: one that loads and compiles, one that is counted, one whose memory is
#: measured.
LEAST_WARMUP = 3

# Processors that others may use without a warning.
_IDLE = 0.2


@dataclass(frozen=True)
class Time:
    """What enhancers take for a photo: seconds, memory, parameters, multiply-adds.

    One at a time, each in a process of its own, on an idle machine: others' work is warned of.

    Examples:
      wespe-bench time identity tone:demo wespe:demo --size 1920x1080
      wespe-bench time DPED=dped:iphone.safetensors --device cpu --threads 1 --repeats 20
    """

    methods: tuple[str, ...]
    """Enhancers, each SPEC or LABEL=SPEC."""
    size: str = "1920x1080"
    """The photo's WIDTHxHEIGHT in pixels."""
    device: str = "auto"
    """cpu, cuda, or auto: CUDA where there is one, for the methods that use it."""
    threads: int = field(default_factory=cores)
    """Threads of the libraries on the processor (default: all processors)."""
    warmup: int = LEAST_WARMUP
    """Calls before those that are timed; at least 3."""
    repeats: int = 10
    """Calls that are timed."""
    out: Annotated[str, "FILE"] = ""
    """A CSV file to write as well."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One method to time, in its process."""

    spec: str
    width: int
    height: int
    warmup: int
    repeats: int


def main(config: Time) -> int:
    """Print the table; 3 when some of the methods fail, 2 when all do."""
    from wespe_bench import provenance

    width, height = _size(config.size)
    check_choices(config, {"device": ("auto", "cpu", "cuda")})
    check_ranges(
        config, {"threads": (1, 1024), "warmup": (LEAST_WARMUP, 1000), "repeats": (1, 100_000)}
    )
    if config.out and not Path(config.out).suffix == ".csv":
        raise InputError(f"--out {config.out}: expected a name that ends in .csv")
    methods = [parse_named(text) for text in config.methods]
    refuse_twins([m.label for m in methods], "methods", "give one another label: LABEL=ENHANCER")
    _check_device(config.device)
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    with _environment(config):
        for method in methods:
            task = _Task(method.spec, width, height, config.warmup, config.repeats)
            (outcome,) = local(_open_timer, None, [task], jobs=1)
            if outcome.error:
                failed.append(f"{method.label}: {outcome.error}")
                continue
            rows.append({"method": method.label, "spec": method.spec, **outcome.rows[0]})
            print(f"{method.label}: {rows[-1]['median']:.4g} s", file=sys.stderr, flush=True)
    if not rows:
        raise InputError("; ".join(failed))
    print(_table(rows))
    print(
        f"\nPhoto: {width}x{height} pixels, made. Calls: {config.warmup} to warm up, then "
        f"{config.repeats} timed, from the photo in memory to the result in memory. "
        f"Threads: {config.threads}. Machine: {provenance.machine()}."
    )
    if config.out:
        settings: dict[str, Any] = {"width": width, "height": height, "threads": config.threads}
        settings |= {"repeats": config.repeats, "machine": provenance.machine()}
        atomic.write_text(Path(config.out), _csv([row | settings for row in rows]))
        print(config.out)
    warning = not_idle(rows)
    for line in [warning] if warning else []:
        print(f"wespe-bench: warning: {line}", file=sys.stderr)
    for line in failed:
        print(f"wespe-bench: not timed: {line}", file=sys.stderr)
    return 3 if failed else 0


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text)
    if found is None:
        raise InputError(
            f"--size {text}: expected WIDTHxHEIGHT in pixels, such as 1920x1080, each side from 1 "
            "to 99999"
        )
    return int(found[1]), int(found[2])


def _check_device(device: str) -> None:
    if device == "cuda":
        from wespe_bench.training import acceleration

        acceleration.choose_device(device)


@contextmanager
def _environment(config: Time) -> Generator[None]:
    """What the methods' processes inherit: the number of threads, and no CUDA for "cpu"."""
    changed = dict.fromkeys(THREADS, str(config.threads))
    if config.device == "cpu":
        changed["CUDA_VISIBLE_DEVICES"] = ""
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def not_idle(rows: Sequence[dict[str, Any]]) -> str:
    """A line that warns of other programs at work while these rows were measured; mostly "".

    >>> not_idle([{"method": "clahe", "others": 0.05}])
    ''
    """
    busy = max(rows, key=lambda row: float(row["others"]))
    if busy["others"] <= _IDLE:
        return ""
    return (
        f"the machine is not idle: other programs used {busy['others']:.1f} of {os.cpu_count()} "
        f"processors beside {busy['method']}; publish no times of it"
    )


# In the method's own process -------------------------------------------------------------


def _open_timer(context: None) -> Callable[[Sequence[_Task]], list[Outcome]]:
    def work(tasks: Sequence[_Task]) -> list[Outcome]:
        from wespe_bench import foreign

        foreign.dedicate_process({})
        return [Outcome(task, rows=(measure(task),)) for task in tasks]

    return work


def measure(task: _Task) -> dict[str, Any]:
    """Time one method in this process.

    Returns:
        Seconds as median and quartiles (None of a single call), bytes of memory, counts of
        parameters and multiply-adds (None where unknown), and ``others``, the processors that
        other programs used.
    """
    import statistics
    import time

    from wespe_bench.registry import load_enhancer

    others = _others()
    enhancer = load_enhancer(task.spec)
    image = made_photo(task.width, task.height)

    def call() -> None:
        result = enhancer(image)
        if getattr(result, "shape", None) != image.shape:
            raise InputError(f"gave no photo of {task.width}x{task.height}")

    call()
    multiply_adds = _multiply_adds(call)
    before = memory.mark()
    call()
    process, device = memory.taken(before)
    for _ in range(task.warmup - LEAST_WARMUP):
        call()
    seconds = []
    for _ in range(task.repeats):
        _synchronise()
        begun = time.perf_counter()
        call()
        _synchronise()
        seconds.append(time.perf_counter() - begun)
    quartiles = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else []
    return {
        "device": str(getattr(enhancer, "device", "cpu")),
        "median": statistics.median(seconds),
        "quartile_1": quartiles[0] if quartiles else None,
        "quartile_3": quartiles[2] if quartiles else None,
        "memory": process,
        "device_memory": device,
        "parameters": stated_count(getattr(enhancer, "about", None), "parameters"),
        "multiply_adds": multiply_adds,
        "others": max(others, _others()),
    }


def made_photo(width: int, height: int) -> Any:
    """A photo to time with: uint8 (H, W, 3), slopes and texture, the same everywhere."""
    import numpy as np

    rows, columns = np.ogrid[:height, :width]
    slope = rows * 120 // height + columns * 100 // width
    channels = [slope + (rows * columns * (7 + channel)) % 23 for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _multiply_adds(call: Callable[[], None]) -> int | None:
    """Multiply-adds of one call; None where PyTorch computes none of it."""
    if "torch" not in sys.modules:
        call()
        return None
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return int(counter.get_total_flops()) // 2 or None


def _synchronise() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _others() -> float:
    """Processors that other programs use just now, while this one waits a second."""
    import psutil

    return float(psutil.cpu_percent(interval=1.0)) / 100 * (os.cpu_count() or 1)


# What is shown ---------------------------------------------------------------------------


def _table(rows: Sequence[dict[str, Any]]) -> str:
    from tabulate import tabulate

    heads = ["Method", "Device", "Median (s)", "Quartiles (s)", "Memory (MB)"]
    heads += ["Device memory (MB)", "Parameters", "Multiply-adds (G)"]
    cells = [
        [
            row["method"],
            row["device"],
            f"{row['median']:.4g}",
            "one repeat: no spread"
            if row["quartile_1"] is None
            else f"{row['quartile_1']:.4g} to {row['quartile_3']:.4g}",
            _number(row["memory"], 1e6, ".0f"),
            _number(row["device_memory"], 1e6, ".0f"),
            _number(row["parameters"], 1, ",.0f"),
            _number(row["multiply_adds"], 1e9, ".4g"),
        ]
        for row in rows
    ]
    right = ["left", "left", *["right"] * 6]
    return tabulate(cells, heads, tablefmt="pipe", colalign=right, disable_numparse=True)


def _number(value: float | None, unit: float, form: str) -> str:
    return "-" if value is None or value != value else format(value / unit, form)


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: escape_csv_formula(v) for k, v in row.items()})
    return text.getvalue()
