"""Data set x enhancer -> a run: a folder of PNGs with run.json.

Results for the same input bytes and the same enhancer are kept; so the same command resumes
a killed run, and does a changed photo, or all photos of a changed enhancer, again.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import describe, enhance_plan, proof, run_metadata
from wespe_bench.arguments import PhotoOptions, WorkerOptions
from wespe_bench.compact import chained, picked
from wespe_bench.enhance_worker import Context, Item, open_worker
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_jobs
from wespe_bench.paths import to_path
from wespe_bench.runs import Failure, Plan, Run, colours_of, folder_name, tell

if TYPE_CHECKING:
    from wespe_bench.engines import Outcome
    from wespe_bench.types import Dataset, Enhancer


def enhance(
    enhancer: str | Enhancer,
    dataset: Dataset,
    out: Path | str,
    *,
    label: str = "",
    jobs: int = 0,
    shard: tuple[int, int] = (1, 1),
    force: bool = False,
    stretch: bool = False,
    quiet: bool = False,
) -> Run:
    """Run one enhancer over a data set into the folder ``out``; resumes a run that is there.

    Args:
        enhancer: A spec (`wespe_bench.load_enhancer`), or a function of a uint8 (H, W, 3) array
            that returns the same shape, as uint8 or as floats on [0, 1].
        dataset: The photos (`wespe_bench.load_dataset`).
        out: The run folder to write.
        label: What tables call the run; by default made from the spec.
        jobs: Processes that work at once; 0 is this one, which a function needs. Other people's
            code (``module:function``) gets processes of its own in any case.
        shard: (i, n): only every n-th photo, from the i-th on.
        force: Enhance every photo again.
        stretch: Resize a result of another size to its photo's.
        quiet: Show no progress.

    Returns:
        The run, with how many photos are new, how many were there, and what failed: failures do
        not stop the rest.

    Raises:
        InputError: The enhancer, the data set or the folder is unusable.
    """
    from wespe_bench.runs import parse_named

    if isinstance(enhancer, str):
        named = parse_named(enhancer)
        label, enhancer = label or named.label, named.spec
    elif jobs:
        raise InputError(
            "a function cannot be sent to other processes; use jobs=0, or name it module:function"
        )
    label = label or getattr(enhancer, "__name__", type(enhancer).__name__)
    plan = Plan(to_path(out), label, enhancer, dataset)
    (run,) = enhance_runs([plan], jobs=jobs, shard=shard, force=force, stretch=stretch, quiet=quiet)
    return run


def enhance_runs(
    plans: Sequence[Plan],
    *,
    jobs: int,
    shard: tuple[int, int] = (1, 1),
    force: bool = False,
    stretch: bool = False,
    quiet: bool = False,
    engine: str = "local",
) -> list[Run]:
    """Run several plans through one engine; one Run per plan, in order.

    Enhancers of ours share their workers; each of other people's has workers of its own.
    """
    from wespe_bench import provenance, store
    from wespe_bench.driver import Row, append_rows, run_items
    from wespe_bench.engines import chunk_of, load_engine

    run_engine = load_engine(engine)
    # All are described before any folder is made: a wrong name leaves nothing behind.
    described = describe.enhancers(plans, jobs)
    context = Context(
        tuple(plan.enhancer for plan in plans), stretch, tuple(one.sources for one in described)
    )
    prepare = partial(enhance_plan.prepare, shard=shard, force=force, stretch=stretch)
    prepared = [prepare(*each) for each in zip(plans, count(), described)]
    for number in _disproved(run_engine, context, plans, prepared, jobs):
        prepared[number] = prepare(plans[number], number, described[number])
    _warn_of_copies(plans, prepared)
    # The first photo of each plan comes first: an enhancer that cannot work ends the run early.
    firsts = [one.waiting[:1] for one in prepared]
    others = [picked(one.waiting, range(1, len(one.waiting))) for one in prepared]
    todo = chained([*firsts, *others])

    done = [0] * len(plans)
    failures: dict[int, list[Failure]] = defaultdict(list)
    warned: dict[int, Counter[str]] = defaultdict(Counter)
    colours: dict[int, Counter[str]] = defaultdict(Counter)

    def take(outcome: Outcome) -> Iterator[Row]:
        item: Item = outcome.item
        sample = item.sample
        if outcome.error:
            failed = Failure(plans[item.plan].folder, sample.id, "enhance", outcome.error)
            failures[item.plan].append(failed)
            yield item.plan, "failures", _failure_row(sample.id, outcome.error)
            return
        done[item.plan] += 1
        if outcome.warning:
            warned[item.plan][outcome.warning] += 1
        if outcome.colours:
            colours[item.plan][outcome.colours] += 1
        if outcome.rows[0]["input_sha256"] != item.sha256:
            # Changed under its old size and time: its cached hash is wrong.
            provenance.forget(sample.path)
        for row in outcome.rows:
            yield item.plan, "enhanced", row
        if item.failed_before:
            yield item.plan, "failures", _failure_row(sample.id, "")

    try:
        run_items(
            run_engine,
            open_worker,
            context,
            todo,
            title="enhance",
            jobs=jobs,
            chunk=chunk_of((item.sample.path for item in todo), len(todo)),
            take=take,
            write=partial(append_rows, [plan.folder for plan in plans]),
            apart=_apart(plans),
            method=lambda item: plans[item.plan].label,
            quiet=quiet,
        )
    finally:
        for number, lines in warned.items():
            run_metadata.add_counts(plans[number].folder, "warnings", lines)
            for line, photos in lines.items():
                warnings.warn(f"{plans[number].label}: {line} ({photos} photos)", stacklevel=2)
        for number, lines in colours.items():
            run_metadata.add_counts(plans[number].folder, "colours", lines)
    noted = [store.read_run(plan.folder).get("colours", {}) for plan in plans]
    return [
        Run(plan.folder, done[i], prepared[i].kept, tuple(failures[i]), noted[i])
        for i, plan in enumerate(plans)
    ]


def _warn_of_copies(plans: Sequence[Plan], prepared: Sequence[enhance_plan.Prepared]) -> None:
    """Warn, once a data set, of references that are their photo byte for byte, or a link to it."""
    paired = [(p.dataset, one.hashed) for p, one in zip(plans, prepared, strict=True)]
    for dataset, hashed in {id(both[0]): both for both in paired if both[0].paired}.values():
        copies = [id_ for id_, photo, reference in hashed if photo == reference]
        if copies:
            warnings.warn(
                f"{dataset.name}: {len(copies)} of {len(hashed)} references are their photo, "
                f"byte for byte ({min(copies)}, ...): whatever changes nothing gets a perfect "
                "score; are the folders right?",
                stacklevel=3,
            )


def _apart(plans: Sequence[Plan]) -> Callable[[Item], int | None] | None:
    """Which items get workers of their own; None where none do."""
    alone = [describe.is_apart(plan.enhancer) for plan in plans]
    return (lambda item: item.plan if alone[item.plan] else None) if any(alone) else None


def _disproved(
    engine: Callable[..., Any],
    context: Context,
    plans: Sequence[Plan],
    prepared: Sequence[enhance_plan.Prepared],
    jobs: int,
) -> list[int]:
    """Enhance one of each plan's kept photos again; the plans of which nothing can be kept.

    Their run.json gets another fingerprint. Warns of them, and of enhancers whose answer varies.
    """
    items = []
    for number, (plan, one) in enumerate(zip(plans, prepared, strict=True)):
        if one.some and proof.is_needed(plan.enhancer):
            sample = proof.smallest((sample, sample.path) for sample in one.some)
            items.append(Item(number, sample, plan.folder, "", "", False))
    disproved = []
    asked = proof.ask(engine, proof.open_enhancer, context, items, jobs=jobs, apart=_apart(plans))
    for outcome in asked:
        item: Item = outcome.item
        plan = plans[item.plan]
        answer = outcome.rows[0]["answer"] if outcome.rows else proof.DIFFERS
        if answer == proof.VARIES:
            warnings.warn(
                f"{plan.label} gives another result for {item.sample.id} each time; what it gave "
                "first is kept, and tables mark it",
                stacklevel=3,
            )
            run_metadata.mark_varying(plan.folder)
        elif answer == proof.DIFFERS:
            warnings.warn(
                f"{plan.label} gives another result for {item.sample.id} than the one kept, from "
                "the same code (a file, a setting or a library of it has changed): its "
                f"{prepared[item.plan].kept} photos are done again",
                stacklevel=3,
            )
            run_metadata.start_again(plan.folder)
            disproved.append(item.plan)
    return disproved


def _failure_row(sample: str, error: str) -> dict[str, Any]:
    return {"sample": sample, "stage": "enhance", "metric": "", "error": error}


@dataclass(frozen=True)
class Enhance(PhotoOptions, WorkerOptions):
    """Run one enhancer over one data set; the results are PNGs in a run folder.

    Examples:
      wespe-bench enhance clahe --input photos/
      wespe-bench enhance Mine=my_model.py:enhance --dataset samples --out runs/mine
    """

    enhancer: str
    """NAME, LABEL=NAME, file.py:function, results:FOLDER and more (wespe-bench list enhancers)."""
    out: str | None = None
    """The run folder (default: runs/DATASET/LABEL)."""
    verify: bool = False
    """Hash every file again instead of trusting size and time."""
    stretch: bool = False
    """Stretch float results to their own range, as the first DPED release did."""


def main(config: Enhance) -> int:
    """The verb ``enhance``."""
    from wespe_bench import provenance
    from wespe_bench.datasets.choice import choose
    from wespe_bench.engines import load_engine, parse_shard
    from wespe_bench.registry import is_foreign, load_enhancer
    from wespe_bench.runs import parse_named

    shard = parse_shard(config.shard)
    check_jobs(config.jobs)
    load_engine(config.engine)
    if config.verify:
        provenance.forget()
    named = parse_named(config.enhancer)
    if not is_foreign(named.spec):
        load_enhancer(named.spec)  # a wrong name is an error before a data set is hashed
    dataset, options = choose(config.dataset, config)
    out = (
        to_path(config.out) if config.out else Path("runs", folder_name(dataset.name), named.label)
    )
    run = enhance_runs(
        [Plan(out, named.label, named.spec, dataset, options)],
        jobs=config.jobs,
        shard=shard,
        force=config.force,
        stretch=config.stretch,
        engine=config.engine,
    )[0]
    kept = f", {run.kept} were there already" if run.kept else ""
    if colours := colours_of("photos", [run.colours]):
        print(colours)
    print(f"{run.done} photos enhanced with {named.label}{kept} -> {out}")
    return tell(run.failures)
