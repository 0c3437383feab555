"""The workers' half of `wespe_bench.enhancing`: one enhancer on some photos -> PNGs.

A photo is decoded once; a float result is quantised once, here. An error in one photo fails
that photo alone.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import foreign, memory, paths, reading, registry
from wespe_bench.engines import FATAL, UNUSABLE, Outcome, silent
from wespe_bench.errors import InputError, one_line
from wespe_bench.store import result_of

if TYPE_CHECKING:
    import numpy as np

    from wespe_bench.types import Sample


# Floats above this are rejected: the output is probably on 0..255, not 0..1.
_LARGEST = 4.0


@dataclass(frozen=True, slots=True)
class Item:
    """One photo to do: which plan's enhancer, which run's folder, what its row will say.

    ``sha256`` is the photo's hash in the data set; ``failed_before`` says that the store
    holds a failure of it.
    """

    plan: int
    sample: Sample
    folder: Path
    fingerprint: str
    sha256: str
    failed_before: bool

    @property
    def target(self) -> Path:
        """Where the PNG goes. Not a field: a path needs more memory than the other fields."""
        return result_of(self.folder, self.sample.id)


@dataclass(frozen=True, slots=True)
class Context:
    """The same for every worker: each plan's enhancer (a spec or the function), and --stretch.

    ``sources`` are the foreign source files of each plan's enhancer, by path, as they were hashed.
    """

    enhancers: tuple[Any, ...]
    stretch: bool
    sources: tuple[Mapping[str, bytes], ...]


def open_loader(context: Context) -> Callable[[int], Loaded]:
    """In each worker: load a plan's enhancer for its first photo, keep it."""
    return cache(partial(_load, context))


def open_worker(
    context: Context, load: Callable[[int], Loaded] | None = None
) -> Callable[[Sequence[Item]], list[Outcome]]:
    """In each worker: enhance photos with what `open_loader` loads."""
    load = load or open_loader(context)
    here = Path.cwd()

    def work(items: Sequence[Item]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for plan in dict.fromkeys(item.plan for item in items):
            some = [item for item in items if item.plan == plan]
            if _may_leave(context.enhancers[plan]):
                some = [_located(item, here) for item in some]
            with _contained(context.enhancers[plan]):
                loaded = load(plan)
                outcomes.extend(_enhance_items(loaded, some, context.stretch))
            if outcomes[-1].fatal:
                break
            if _is_others(context.enhancers[plan]):
                from wespe_bench import self_check

                self_check.check(context.enhancers[plan])
        return outcomes

    return work


@dataclass(slots=True)
class Loaded:
    """An enhancer, and whether it has enhanced a photo in this process."""

    enhancer: Any
    has_worked: bool = False


def _is_others(enhancer: Any) -> bool:
    """Whether an enhancer is other people's code, in a process of its own."""
    return isinstance(enhancer, str) and registry.is_foreign(enhancer)


def _may_leave(enhancer: Any) -> bool:
    """Whether an enhancer may change the process's folder, between photos too."""
    return not isinstance(enhancer, str) or registry.is_foreign(enhancer)


def _located(item: Item, here: Path) -> Item:
    """The item with paths that hold whatever the process's folder becomes."""
    sample = item.sample
    if not sample.path.is_absolute() and not paths.is_remote(sample.path):
        sample = replace(sample, path=here / sample.path)
    folder = item.folder if paths.is_remote(item.folder) else here / item.folder
    return replace(item, sample=sample, folder=folder)


def _load(context: Context, plan: int) -> Loaded:
    enhancer = context.enhancers[plan]
    if not isinstance(enhancer, str):
        return Loaded(enhancer)
    if not registry.is_foreign(enhancer):
        return Loaded(registry.load_enhancer(enhancer))
    from wespe_bench import self_check

    foreign.dedicate_process(context.sources[plan])
    self_check.first_answers()
    loaded = Loaded(registry.load_enhancer(enhancer))
    self_check.check(enhancer)
    return loaded


def _contained(enhancer: Any) -> AbstractContextManager[None]:
    """Around calls of a function of the verb's own process: what it sets, it alone meets."""
    return nullcontext() if isinstance(enhancer, str) else restored()


def _enhance_items(loaded: Loaded, items: Sequence[Item], stretch: bool) -> Iterable[Outcome]:
    from wespe_bench import images, provenance

    batch = getattr(loaded.enhancer, "batch", None)
    decoded: list[tuple[Item, np.ndarray, str]] = []
    outcomes: list[Outcome] = []
    last: list[Outcome] = []
    colours: dict[str, str] = {}
    for item in items:
        try:
            data = _read(item.sample.path)
            photo = images.read_photo(data, name=str(item.sample.path))
            image, colours[item.sample.id] = photo.pixels, photo.colours
        except TimeoutError as error:
            last.append(silent(item, error))
            break
        except Exception as error:
            outcomes.append(Outcome(item, error=one_line(error)))
            continue
        sha256 = provenance.sha256_bytes(data)
        if batch is None or len(items) == 1:
            outcomes.append(_one(loaded, item, image, sha256, stretch))
        else:
            decoded.append((item, image, sha256))
    groups: dict[tuple[int, ...], list[tuple[Item, np.ndarray, str]]] = defaultdict(list)
    for entry in decoded:
        groups[entry[1].shape].append(entry)
    for group in groups.values():
        outcomes.extend(_many(loaded, group, stretch))
    return [replace(o, colours=colours.get(o.item.sample.id, "")) for o in outcomes + last]


def _read(path: Path) -> bytes:
    try:
        return reading.read_bytes(path)
    except TimeoutError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _one(loaded: Loaded, item: Item, image: np.ndarray, sha256: str, stretch: bool) -> Outcome:
    enhancer = loaded.enhancer
    for_sample = getattr(enhancer, "for_sample", None)
    watched = memory.mark()
    begun = time.perf_counter()
    try:
        result = enhancer(image) if for_sample is None else for_sample(item.sample, image)
    except BaseException as error:
        # Ctrl-C reaches this process only when there are no workers; anything else that the
        # enhancer raises, sys.exit() included, fails this photo alone.
        if isinstance(error, KeyboardInterrupt) and parent_process() is None:
            raise
        unusable = isinstance(error, UNUSABLE) and for_sample is None and not loaded.has_worked
        if unusable or getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
            reason = f"{item.folder}: the enhancer cannot work here: {one_line(error)}"
            return Outcome(item, error=reason, fatal=True)
        return Outcome(item, error=f"the enhancer failed: {one_line(error)}")
    loaded.has_worked = True
    cost = _cost(enhancer, time.perf_counter() - begun, watched)
    return _keep(enhancer, item, image, result, sha256, stretch, cost)


def _cost(enhancer: Any, seconds: float, watched: memory.Mark) -> dict[str, float]:
    """What a call cost, as columns of its row; NaN for memory that another process took."""
    process, device = memory.taken(watched)
    if getattr(enhancer, "works_elsewhere", False):
        process = device = math.nan
    return {"seconds": seconds, "memory": process, "device_memory": device}


def _many(
    loaded: Loaded, group: Sequence[tuple[Item, np.ndarray, str]], stretch: bool
) -> Iterable[Outcome]:
    import numpy as np

    watched = memory.mark()
    begun = time.perf_counter()
    try:
        results = loaded.enhancer.batch(np.stack([image for _, image, _ in group]))
        if len(results) != len(group):
            raise InputError(f"batch() gave {len(results)} results for {len(group)} photos")
    except (Exception, SystemExit):
        # One photo may fail the whole batch: try each alone.
        return [_one(loaded, *entry, stretch) for entry in group]
    # Each photo gets its share of the time; of the memory, the peak of the whole batch.
    loaded.has_worked = True
    cost = _cost(loaded.enhancer, (time.perf_counter() - begun) / len(group), watched)
    return [
        _keep(loaded.enhancer, item, image, np.asarray(result), sha256, stretch, cost)
        for (item, image, sha256), result in zip(group, results, strict=True)
    ]


def _keep(
    enhancer: Any,
    item: Item,
    image: np.ndarray,
    result: Any,
    sha256: str,
    stretch: bool,
    cost: dict[str, float],
) -> Outcome:
    """Check, quantise and write one result."""
    import numpy as np

    from wespe_bench import images, provenance

    warning = ""
    try:
        # Checked before anything is computed from it: a wrong result may be of any size.
        if isinstance(result, np.ndarray) and result.ndim == 3 and result.shape != image.shape:
            raise ValueError(
                f"returned {result.shape[1]}x{result.shape[0]}x{result.shape[2]} for a photo of "
                f"{image.shape[1]}x{image.shape[0]}x3"
            )
        if stretch and isinstance(result, np.ndarray) and np.issubdtype(result.dtype, np.floating):
            result = stretched(result)
        if isinstance(result, np.ndarray) and np.issubdtype(result.dtype, np.floating):
            largest = float(result.max()) if result.size else 0.0
            if largest > _LARGEST:
                raise ValueError(
                    f"floats up to {largest:.4g}; return floats on [0, 1], or uint8 on 0..255"
                )
        pixels = images.quantize(result)
        inspect = getattr(enhancer, "inspect", None)
        if inspect is not None:
            warning = str(inspect(image, result))
    except (ValueError, MemoryError) as error:
        return Outcome(item, error=f"the enhancer's result is unusable: {error}")
    try:
        data = images.write_png(item.target, pixels)
    except OSError as error:
        reason = f"cannot write {item.target}: {error.strerror or error}"
        return Outcome(item, error=reason, fatal=error.errno in FATAL)
    row = {
        "sample": item.sample.id,
        "input_sha256": sha256,
        "fingerprint": item.fingerprint,
        "image_sha256": provenance.sha256_bytes(data),
        **cost,
    }
    return Outcome(item, rows=(row,), warning=warning)


def stretched(image: np.ndarray) -> np.ndarray:
    """A float result stretched from its own minimum and maximum to [0, 1].

    What the first DPED release did when it saved test pictures (SPEC 1.4); moves a number
    by decibels, so it is off unless asked for and is part of the fingerprint.
    """
    low, high = float(image.min()), float(image.max())
    return (image - low) / ((high - low) or 1.0)


@contextlib.contextmanager
def restored() -> Generator[None]:
    """Put back the folder, NumPy's error state and torch's defaults as they were before."""
    import numpy as np

    folder = Path.cwd()
    kind = threads = device = gradients = None
    torch = sys.modules.get("torch")
    if torch is not None:
        kind, threads = torch.get_default_dtype(), torch.get_num_threads()
        device = torch.get_default_device() if hasattr(torch, "get_default_device") else None
        gradients = torch.is_grad_enabled()
    try:
        with np.errstate():
            yield
    finally:
        if Path.cwd() != folder:
            os.chdir(folder)
        if torch is not None:
            torch.set_default_dtype(kind)
            torch.set_grad_enabled(gradients)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            if device is not None and torch.get_default_device() != device:
                torch.set_default_device(device)
