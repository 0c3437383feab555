"""What of the plan is missing, by where it comes from, and the shortest way to each table."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

from wespe_bench.datasets.source import sources
from wespe_bench.reproduce.narrowing import TABLES, narrowed
from wespe_bench.reproduce.states import DONE, MISSING, State
from wespe_bench.reproduce.steps import Step

#: Kinds of steps that train no network.
_QUICK = ("run", "rate", "fit", "import", "make", "study", "votes")

Estimate = Callable[[Step], float | None]


def lines(steps: Sequence[Step], states: Mapping[str, State]) -> Iterator[str]:
    """A table of what is missing, a line a source, and how to get each."""
    from tabulate import tabulate

    lacking: dict[str, list[Step]] = {}
    for step in steps:
        if states[step.name].kind == MISSING:
            for source in states[step.name].lacks:
                lacking.setdefault(source, []).append(step)
    if not lacking:
        return
    rows = []
    for source, of in lacking.items():
        named = list(dict.fromkeys(step.camera for step in of if step.camera))
        cameras = ", ".join(named) if len(named) < 4 else f"{len(named)} cameras"
        terms = textwrap.fill(_terms(source), 44)
        tables = ", ".join(map(str, sorted({n for step in of for n in step.tables})))
        rows.append((source, cameras or "all", len(of), tables, size(source), terms))
    heads = ("missing", "cameras", "steps", "tables", "size", "terms")
    yield tabulate(rows, heads, "simple", disable_numparse=True)
    yield ""
    yield "how to get it:"
    for source, of in lacking.items():
        yield f"  {states[of[0].name].lacks[source]}"


def size(source: str) -> str:
    """The download's size in GB, where it is known."""
    known = sources().get(source)
    if known and known.licence == "yours":
        return "your own"
    total = sum(archive.size for archive in known.archives) / 1e9 if known else 0.0
    total = total or (known.gigabytes if known else 0.0)
    return f"{total:.1f} GB" if total else "size unknown"


def _terms(source: str) -> str:
    known = sources().get(source)
    return known.licence if known else ""


def shortest(
    steps: Sequence[Step], states: Mapping[str, State], estimate: Estimate
) -> Iterator[str]:
    """For each table the camera that takes the least, and what it takes. Empty when all is done."""
    begun = False
    for number in TABLES:
        ways = [
            (camera, part)
            for camera in dict.fromkeys(s.camera for s in steps if number in s.tables and s.camera)
            if (part := [s for s in narrowed(steps, (number,), (camera,)) if _open(s, states)])
        ]
        if not ways:
            continue
        camera, part = min(ways, key=lambda way: _cost(way[1], states))
        if not begun:
            yield "the shortest way to some cells of each table (hours on an H100: unmeasured):"
            begun = True
        yield f"  --tables {number} --cameras {camera}: {_words(part, states, estimate)}"


def _open(step: Step, states: Mapping[str, State]) -> bool:
    return states[step.name].kind != DONE


def _cost(part: Sequence[Step], states: Mapping[str, State]) -> tuple[int, int]:
    """How many sources are missing, and how many networks are to be trained."""
    return len(_sources(part, states)), sum(step.kind not in _QUICK for step in part)


def _sources(part: Sequence[Step], states: Mapping[str, State]) -> list[str]:
    return list(dict.fromkeys(source for step in part for source in states[step.name].lacks))


def _words(part: Sequence[Step], states: Mapping[str, State], estimate: Estimate) -> str:
    missing = _sources(part, states)
    needs = ", ".join(f"{n} ({size(n)})" if n in sources() else n for n in missing)
    trained = [step for step in part if step.kind not in _QUICK]
    names = {step.name for step in trained}
    free = [s.out.name for s in part if s.kind == "run" and not set(s.needs) & names]
    times = [estimate(step) for step in trained]
    known = [time for time in times if time is not None]
    hours = f"{sum(known) / 3600:.1f} h here" if len(known) == len(times) else "unmeasured here"
    said = [f"needs {needs}"] if needs else ["all photos are here"]
    if trained:
        noun = "training" if len(trained) == 1 else "trainings"
        said.append(f"{len(trained)} {noun} ({hours})")
    if free and trained:
        said.append(f"no training for {', '.join(free)}")
    return "; ".join(said)
