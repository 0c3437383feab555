"""What a verb has to know of an enhancer or a metric before any work, without meeting its code.

Other people's code is loaded, checked and hashed in a process of its own, and loaded again in the
workers: in the process of the verb it could change modules, folder or settings of everything else.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from wespe_bench import fingerprints, foreign, registry
from wespe_bench.engines import Outcome, local
from wespe_bench.errors import InputError, one_line, short

if TYPE_CHECKING:
    from wespe_bench.runs import Plan
    from wespe_bench.types import Dataset, Metric, Sample


@dataclass(frozen=True, slots=True)
class Enhancer:
    """A plan's enhancer: its fingerprint, its function for a sample's, its ``about``.

    ``versions`` are those of what it imports, ``sources`` its foreign source files by path,
    ``warned`` what it said of the data set.
    """

    fingerprint: str
    about: dict[str, Any]
    fingerprint_for: Callable[[Sample], str] | None = None
    warned: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A metric's record, for other people's without its functions; their source files by path."""

    record: Metric
    sources: Mapping[str, bytes] = field(default_factory=dict)


def enhancers(plans: Sequence[Plan], jobs: int) -> list[Enhancer]:
    """Describe the enhancer of each plan, other people's in ``jobs`` processes at once.

    Raises InputError for the first that cannot be loaded or does not suit its data set.
    """
    apart = [plan for plan in plans if is_apart(plan.enhancer)]
    tasks = [_Task(str(plan.enhancer), plan.dataset) for plan in apart]
    found = iter(_elsewhere(tasks, jobs))
    return [
        _received(next(found)) if is_apart(plan.enhancer) else _here(plan.enhancer, plan.dataset)
        for plan in plans
    ]


def metrics(names: Sequence[str], jobs: int) -> dict[str, Scorer]:
    """Describe metrics, each once, other people's in ``jobs`` processes at once.

    The version of other people's also changes with their code. Raises InputError for an unknown
    one, and for two of one name.
    """
    names = list(dict.fromkeys(names))
    apart = [name for name in names if registry.is_foreign(name)]
    found = dict(zip(apart, _elsewhere([_Task(name) for name in apart], jobs), strict=True))
    scorers = {
        name: Scorer(**found[name]) if name in found else Scorer(registry.load_metric(name))
        for name in names
    }
    for name in apart:
        called = scorers[name].record.name
        others = [n for n, s in scorers.items() if n != name and s.record.name == called]
        if called in registry.METRICS or others:
            raise InputError(
                f"{name!r} is called {called!r}, as is {[*others, 'one of ours'][0]}; "
                "give it another name"
            )
    return scorers


def is_apart(enhancer: Any) -> bool:
    """Whether an enhancer's code runs in processes of its own."""
    return isinstance(enhancer, str) and registry.is_foreign(enhancer)


@dataclass(frozen=True, slots=True)
class _Task:
    """What to describe: an enhancer's spec with its data set, or a metric's spec."""

    spec: str
    dataset: Dataset | None = None


def _elsewhere(tasks: Sequence[_Task], jobs: int) -> list[dict[str, Any]]:
    """The answers of a fresh process for each task."""
    pool = ThreadPoolExecutor(max(jobs, 1))
    try:
        outcomes = list(pool.map(_ask, tasks))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for an import
    for outcome in outcomes:
        if outcome.error:
            raise InputError(outcome.error)
    return [outcome.rows[0] for outcome in outcomes]


def _ask(task: _Task) -> Outcome:
    (outcome,) = local(_open_describer, None, [task], jobs=1)
    return outcome


def _open_describer(context: None) -> Callable[[Sequence[_Task]], list[Outcome]]:
    def work(tasks: Sequence[_Task]) -> list[Outcome]:
        foreign.dedicate_process({})
        return [Outcome(task, rows=(_answer(task),)) for task in tasks]

    return work


def _answer(task: _Task) -> dict[str, Any]:
    if task.dataset is None:
        metric = registry.load_metric(task.spec)
        try:
            if metric.prepare is not None:
                metric.prepare()
        except InputError:
            raise
        except Exception as error:
            reason = one_line(error)
            raise InputError(f"the metric {task.spec} cannot work here: {reason}") from error
        sources = fingerprints.describe(metric).sources
        version = f"{metric.version}+{fingerprints.hash_of(sources)[:8]}"
        record = replace(metric, version=version, compute=_unreachable)
        pooled = metric.aggregate and _unreachable  # that it has one is recorded
        record = replace(record, batch=None, aggregate=pooled, prepare=None)
        return {"record": record, "sources": sources}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = _here(task.spec, task.dataset)
    samples = None
    if found.fingerprint_for is not None:
        samples = {
            s.id: _sample_fingerprint(found.fingerprint_for, s) for s in task.dataset.samples
        }
    texts = [str(warning.message) for warning in caught]
    known = {f.name: getattr(found, f.name) for f in fields(found)}
    return known | {"fingerprint_for": samples, "warnings": texts}


def _received(answer: dict[str, Any]) -> Enhancer:
    for text in answer.pop("warnings"):
        warnings.warn(text, stacklevel=2)
    samples = answer.pop("fingerprint_for")

    def of_sample(sample: Sample) -> Any:
        return samples[sample.id]

    return Enhancer(fingerprint_for=None if samples is None else of_sample, **answer)


def _here(enhancer: Any, dataset: Dataset) -> Enhancer:
    """Load an enhancer in this process, check it, describe it."""
    spec = enhancer if isinstance(enhancer, str) else ""
    if spec:
        enhancer = registry.load_enhancer(spec)
    name = spec or fingerprints.name_of(enhancer)
    try:
        check = getattr(enhancer, "check", None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            if check is not None:
                check(dataset)
        for warning in caught:
            warnings.warn(warning.message, warning.category, stacklevel=2)
        said = [str(warning.message) for warning in caught if warning.category is UserWarning]
        code = None
        if not spec or registry.is_foreign(spec):
            code = fingerprints.describe(enhancer)
        stated = getattr(enhancer, "fingerprint", None)
        fingerprint = (
            code.fingerprint if code and stated is None else fingerprints.fingerprint(enhancer)
        )
        about = getattr(enhancer, "about", None)
        return Enhancer(
            # "|" separates an enhancer's fingerprint from a sample's.
            fingerprint.replace("|", "/"),
            _stated(name, about) if isinstance(about, dict) else {},
            getattr(enhancer, "fingerprint_for", None),
            tuple(" ".join(text.split()) for text in said),
            code.versions if code else {},
            code.sources if code else {},
        )
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name}: the enhancer fails: {one_line(error)}") from error


def _stated(name: str, about: dict[Any, Any]) -> dict[str, Any]:
    """What an enhancer says of itself, as run.json holds it; numpy's numbers are numbers.

    Raises InputError for what JSON does not know, NaN among it.
    """
    found: dict[str, Any] = {}
    for key, value in about.items():
        try:
            text = json.dumps({key: value}, allow_nan=False, default=lambda number: number.item())
        except (AttributeError, TypeError, ValueError):
            raise InputError(
                f"{name}: its about has {short(str(value))} for {short(str(key))}, which run.json "
                "cannot hold; state texts, finite numbers, lists or dicts"
            ) from None
        found |= json.loads(text)
    return found


def _sample_fingerprint(of_sample: Callable[[Sample], Any], sample: Sample) -> str:
    try:
        return str(of_sample(sample))
    except Exception:
        return "none"  # the worker meets the same error and reports it


def _unreachable(*_: Any, **__: Any) -> float:
    raise RuntimeError("the metric's code is in its own processes")
