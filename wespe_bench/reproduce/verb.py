"""The verb ``reproduce``: the plan as a table, and running it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wespe_bench.errors import InputError, print_failures, require
from wespe_bench.option_checks import check_choices, check_jobs, check_out
from wespe_bench.reproduce import export, missing, rates, running
from wespe_bench.reproduce.mini import finish, plan_mini, settings
from wespe_bench.reproduce.narrowing import chosen, narrowed
from wespe_bench.reproduce.rates import Rate
from wespe_bench.reproduce.states import (
    BEGUN,
    DONE,
    MISSING,
    READY,
    WAITS,
    State,
    Stock,
    look,
    read_journal,
)
from wespe_bench.reproduce.steps import Reproduce, Step, plan


def main(config: Reproduce) -> int:
    """Print the plan, or run it: 0 when nothing that could run is left, 3 when some failed."""
    check_jobs(config.jobs)
    check_choices(config, {"export": ("", "slurm")})
    given = [o for o in ("plan", "go", "dry_run", "export") if getattr(config, o)]
    if len(given) > 1:
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{flags}: say one of them")
    config = settings(config) if config.mini else config
    steps = plan_mini(config) if config.mini else plan(config)
    out = Path(config.out)
    check_out(out)
    if config.go and config.official and not Path(config.official).is_dir():
        raise InputError(f"no such folder: {config.official}; --official takes DPED's models_orig")
    steps = chosen(narrowed(steps, config.tables, config.cameras), config.only)
    stock = Stock(config.data)
    if config.dry_run or config.export:
        states = look(steps, stock, read_journal(out))
        todo = [step for step in steps if states[step.name].kind != DONE]
        if config.dry_run:
            print("\n".join(export.commands(todo, states)))
        else:
            print(export.slurm(todo, states, out))
        return 0
    if config.go:
        _check(steps, stock, out)
    # One thread a step: what is so small gains nothing from more.
    failures = running.go(steps, out, stock, int(config.mini)) if config.go else []
    if config.mini and config.go:
        finish(config)
    states = look(steps, stock, read_journal(out))
    trained = rates.trainings(read_journal(out))
    if config.measure and not config.go:
        trained |= _measured(steps, states, out)
    print("\n".join(_lines(config, steps, states, trained)))
    return print_failures("failed", failures)


def _check(steps: Sequence[Step], stock: Stock, out: Path) -> None:
    """Raise InputError before the first step where a later one lacks an extra."""
    states = look(steps, stock, read_journal(out))
    todo = [step for step in steps if states[step.name].kind in (BEGUN, READY, WAITS)]
    if any(words[0] == "study" for step in todo for words in step.commands):
        require("starlette")
    if not todo:
        print("nothing was run: no step is left that can run here", file=sys.stderr)


def _measured(
    steps: Sequence[Step], states: Mapping[str, State], out: Path
) -> dict[tuple[str, str], Rate]:
    """A rate for each kind of training of which one can run."""
    found: dict[tuple[str, str], Rate] = {}
    for step in steps:
        key = (step.kind, rates.options_of(step)) if step.iterations else None
        if key is None or key in found or states[step.name].kind not in (READY, BEGUN):
            continue
        print(f"timing {step.name} ...", file=sys.stderr)
        log = out / "logs" / "measure.log"
        found[key] = rates.measure(step, log)
    return found


def _lines(
    config: Reproduce,
    steps: Sequence[Step],
    states: Mapping[str, State],
    trained: Mapping[tuple[str, str], Rate],
) -> Iterator[str]:
    from tabulate import tabulate

    paced = rates.runs(steps)

    def seconds(step: Step) -> float | None:
        guess = rates.estimate(step, states[step.name], config.jobs, trained, paced)
        return guess[0] if guess else None

    rows, total, unknown = [], 0.0, 0
    sources: dict[str, None] = {}
    for step in steps:
        state = states[step.name]
        if state.kind == MISSING:
            continue
        # An import takes a second, and a fit no longer than its photos take to read.
        left = state.kind in (READY, BEGUN, WAITS) and step.kind not in ("import", "fit")
        guess = rates.estimate(step, state, config.jobs, trained, paced) if left else None
        if guess:
            total += guess[0]
            sources[f"{step.kind}: {guess[1]}"] = None
        elif left:
            unknown += 1
        time = _duration(guess[0]) if guess else "?" if left else ""
        rows.append((step.name, state.kind, state.detail, time))
    if rows:
        yield tabulate(rows, ("step", "state", "", "time"), "simple", disable_numparse=True)
        yield ""
    counts = {
        kind: sum(states[step.name].kind == kind for step in steps)
        for kind in (DONE, BEGUN, READY, WAITS, MISSING)
    }
    yield ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    if any(counts[kind] for kind in (BEGUN, READY, WAITS)):
        noun = "step" if unknown == 1 else "steps"
        rest = f"; {unknown} {noun} of unknown length" if unknown else ""
        yield f"left to do here: {_duration(total) if sources else 'not measured'}{rest}"
        for source in sources:
            yield f"  measured: {source}"
        if unknown:
            yield (
                "  unknown: --measure times trainings; enhancing and scoring are known once one "
                "such run is there"
            )
    yield ""
    for part in (missing.lines(steps, states), missing.shortest(steps, states, seconds)):
        found = list(part)
        yield from [*found, ""] if found else ()
    yield f"the tables so far: wespe-bench tables all --runs {shlex.quote(config.out)}"


def _duration(seconds: float) -> str:
    """In the unit that a reader thinks in.

    >>> _duration(12), _duration(4000), _duration(2e6)
    ('12 s', '1.1 h', '23 days')
    """
    for size, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= (2 if unit == "days" else 1) * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    return f"{seconds:.0f} s"
