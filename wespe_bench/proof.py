"""Before results are kept: one kept photo is enhanced again, one kept row is scored again.

A fingerprint cannot cover what code reads when it is called: weights beside it, environment
variables, a server. So the answers themselves are compared.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from wespe_bench import enhance_worker, registry, score_worker
from wespe_bench.engines import Outcome
from wespe_bench.errors import InputError

#: Prefixes of enhancers that run what other people made. Ours read nothing but what is hashed.
OTHERS = frozenset({"cmd", "onnx", "pt2", "torchscript"})

# Two values of a metric further apart than this are two answers; sums in another order are not.
_TOLERANCE = 1e-9

#: Kept photos among which the smallest file is taken.
LOOKED_AT = 16

#: What came out: the kept result, another one, or another one each time.
SAME, DIFFERS, VARIES = "same", "differs", "varies"


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept row of one of other people's metrics, to be scored again."""

    item: score_worker.Item
    value: float


def is_needed(enhancer: Any) -> bool:
    """Whether results of an enhancer (a spec or a function) are kept only with a proof."""
    if not isinstance(enhancer, str):
        return True
    return enhancer.partition(":")[0] in OTHERS or registry.is_foreign(enhancer)


def smallest(files: Iterable[tuple[Any, Path]]) -> Any:
    """The key of the smallest of the first files."""
    return min(islice(files, LOOKED_AT), key=lambda item: item[1].stat().st_size)[0]


def open_enhancer(
    context: enhance_worker.Context,
) -> Callable[[Sequence[enhance_worker.Item]], list[Outcome]]:
    """An engine's setup: enhance kept photos again, into a folder that goes away.

    The row of an outcome says what came out of it as "answer".
    """
    load = enhance_worker.open_loader(context)
    enhance = enhance_worker.open_worker(context, load)

    def work(items: Sequence[enhance_worker.Item]) -> list[Outcome]:
        # Photos of a batch may come out one level apart from a photo alone.
        apart = [int(hasattr(load(item.plan).enhancer, "batch")) for item in items]
        return [_enhanced_again(enhance, *each) for each in zip(items, apart, strict=True)]

    return work


def _enhanced_again(
    enhance: Callable[[Sequence[enhance_worker.Item]], list[Outcome]],
    item: enhance_worker.Item,
    levels_apart: int,
) -> Outcome:
    import numpy as np

    from wespe_bench.images import read_rgb

    kept, found = read_rgb(item.target), []
    for _ in range(2):
        with TemporaryDirectory(prefix="wespe-bench-") as folder:
            trial = replace(item, folder=Path(folder))
            (outcome,) = enhance([trial])
            if outcome.fatal:
                return replace(outcome, item=item)
            if outcome.error:
                break  # done again, it fails with its reason
            found.append(read_rgb(trial.target))
        if np.abs(found[-1].astype(int) - kept).max() <= levels_apart:
            return Outcome(item, rows=({"answer": SAME},))
    varies = len(found) == 2 and not np.array_equal(found[0], found[1])
    return Outcome(item, rows=({"answer": VARIES if varies else DIFFERS},))


def check_scores(
    engine: Callable[..., Iterable[Outcome]],
    context: score_worker.Context,
    folders: Sequence[Path],
    rows: Sequence[Kept],
    jobs: int,
) -> None:
    """Score kept rows of other people's metrics again; InputError where one comes out otherwise.

    Warns of a metric that gives another value each time.
    """
    asked = ask(engine, _open_scorer, context, rows, jobs=jobs, apart=lambda row: row.item.apart)
    for outcome in asked:
        kept: Kept = outcome.item
        metric, where = kept.item.metrics[0], f"{folders[kept.item.run]}: {kept.item.sample}"
        if outcome.error:
            raise InputError(f"{metric} scored {where} before, and fails now: {outcome.error}")
        found = outcome.rows[0]
        if found["answer"] == VARIES:
            warnings.warn(f"{metric} gives another value for {where} each time", stacklevel=3)
        elif found["answer"] == DIFFERS:
            raise InputError(
                f"{metric} gives {found['value']:.6g} for {where}, where {kept.value:.6g} is kept, "
                "from the same code (a file, a setting or a library of it has changed): raise its "
                "version, and everything is scored again"
            )


def _open_scorer(context: score_worker.Context) -> Callable[[Sequence[Kept]], list[Outcome]]:
    """An engine's setup: score kept rows again; "value" of an outcome's row is what came out."""
    score = score_worker.open_worker(context)
    return lambda rows: [_scored_again(score, row) for row in rows]


def _scored_again(
    score: Callable[[Sequence[score_worker.Item]], list[Outcome]], kept: Kept
) -> Outcome:
    values = []
    for _ in range(2):
        (outcome,) = score([kept.item])
        if outcome.error or "error" in outcome.rows[0]:
            reason = outcome.error or outcome.rows[0]["error"]
            return Outcome(kept, error=reason, fatal=outcome.fatal)
        values.append(float(outcome.rows[0]["value"]))
        if is_close(values[-1], kept.value):
            return Outcome(kept, rows=({"answer": SAME, "value": values[-1]},))
    answer = DIFFERS if is_close(*values) else VARIES
    return Outcome(kept, rows=({"answer": answer, "value": values[-1]},))


def is_close(value: float, kept: float) -> bool:
    """Whether two values are one answer."""
    return value == kept or math.isclose(value, kept, rel_tol=_TOLERANCE)


def ask(
    engine: Callable[..., Iterable[Outcome]],
    setup: Callable[[Any], Any],
    context: Any,
    items: Sequence[Any],
    *,
    jobs: int,
    apart: Callable[[Any], Any] | None,
) -> list[Outcome]:
    """The outcomes of items; raises InputError for a fatal one."""
    outcomes = []
    for outcome in engine(setup, context, items, jobs=jobs, apart=apart) if items else ():
        if outcome.fatal:
            raise InputError(outcome.error)
        outcomes.append(outcome)
    return outcomes
