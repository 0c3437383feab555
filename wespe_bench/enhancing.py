"""Data set x enhancer -> a run: a folder of PNGs with run.json.

What is there already, for the same input bytes and the same enhancer, is kept; so a killed
run is resumed by the same command, and a changed photo or enhancer is done anew.
"""

from __future__ import annotations

import errno
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench.arguments import check_jobs, cores
from wespe_bench.errors import InputError, one_line
from wespe_bench.runs import Failure, Run, folder_name, tell

if TYPE_CHECKING:
    import numpy as np

    from wespe_bench.engines import Outcome
    from wespe_bench.types import Dataset, Enhancer, Sample

# Nobody's enhancer overshoots 1 as far as this; who gets here has forgotten to divide by 255.
_FARTHEST = 4.0

# Errors that no other photo can escape either.
_FATAL = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Plan:
    """One enhancer on one data set into one folder.

    ``enhancer`` is a spec that every worker resolves for itself, or, without workers, the
    function. ``options`` are what `load_dataset` was given, kept for run.json.
    """

    folder: Path
    label: str
    enhancer: str | Enhancer
    dataset: Dataset
    options: dict[str, Any] = field(default_factory=dict)


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
    """Run one enhancer over a data set into the folder ``out``; resumes what is there.

    ``enhancer`` is a spec (`wespe_bench.registry.load_enhancer`) or a function of a uint8
    (H, W, 3) array. ``jobs`` processes work at once; 0 means this one, and is what a
    function needs. Photos that fail are reported in the result and do not stop the rest.

    Raises InputError when the enhancer, the data set or the folder is unusable.
    """
    from wespe_bench.registry import parse_named

    if isinstance(enhancer, str):
        named = parse_named(enhancer)
        label, enhancer = label or named.label, named.spec
    elif jobs:
        raise InputError(
            "a function cannot be sent to other processes; use jobs=0, or name it module:function"
        )
    label = label or getattr(enhancer, "__name__", type(enhancer).__name__)
    plan = Plan(Path(out), label, enhancer, dataset)
    return enhance_runs([plan], jobs=jobs, shard=shard, force=force, stretch=stretch, quiet=quiet)[
        0
    ]


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
    """Run several plans through one pool of workers; one Run per plan, in order."""
    from wespe_bench import progress, provenance, store
    from wespe_bench.engines import chunk_of
    from wespe_bench.registry import ENGINES, resolve

    todo: list[_Item] = []
    kept: list[int] = []
    for number, plan in enumerate(plans):
        waiting, there = _prepare(plan, number, shard, force, stretch)
        todo.extend(waiting)
        kept.append(there)

    done = [0] * len(plans)
    failures: dict[int, list[Failure]] = defaultdict(list)
    fatal = ""

    def write(rows: Sequence[tuple[int, str, dict[str, Any]]]) -> None:
        grouped: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
        for number, kind, row in rows:
            grouped[number, kind].append(row)
        for (number, kind), some in grouped.items():
            store.append(plans[number].folder, kind, some)

    pending = progress.Flushing(write)
    run_engine = resolve(ENGINES[engine])
    context = _Context(tuple(plan.enhancer for plan in plans), stretch)
    with progress.bar(len(todo), "enhance", quiet=quiet) as bar:
        try:
            outcome: Outcome
            for outcome in run_engine(
                _open_worker,
                context,
                todo,
                jobs=jobs,
                chunk=chunk_of([item.sample.path for item in todo]),
            ):
                item: _Item = outcome.item
                if outcome.fatal:
                    fatal = outcome.error
                    break
                if outcome.error:
                    run = plans[item.plan].folder
                    failures[item.plan].append(
                        Failure(run, item.sample.id, "enhance", outcome.error)
                    )
                    pending.add([(item.plan, "failures", _failure_row(item, outcome.error))])
                else:
                    done[item.plan] += 1
                    if outcome.rows[0]["input_sha256"] != item.sha256:
                        # Changed under its old size and time: the next hash is a fresh one.
                        provenance.forget(item.sample.path)
                    pending.add([(item.plan, "enhanced", row) for row in outcome.rows])
                    pending.add([(item.plan, "failures", row) for row in _struck(item)])
                bar.update()
        finally:
            pending.flush()
    if fatal:
        raise InputError(f"{fatal}; what is done is kept, the same command resumes")
    return [Run(plan.folder, done[i], kept[i], tuple(failures[i])) for i, plan in enumerate(plans)]


@dataclass(frozen=True, slots=True)
class _Item:
    plan: int
    sample: Sample
    target: Path
    fingerprint: str
    sha256: str
    failed_before: bool


@dataclass(frozen=True, slots=True)
class _Context:
    enhancers: tuple[Any, ...]
    stretch: bool


def _prepare(
    plan: Plan, number: int, shard: tuple[int, int], force: bool, stretch: bool
) -> tuple[list[_Item], int]:
    """Write run.json and samples.parquet; say what is left to do and how much is there."""
    from wespe_bench import atomic, provenance, store
    from wespe_bench.registry import load_enhancer

    enhancer = load_enhancer(plan.enhancer) if isinstance(plan.enhancer, str) else plan.enhancer
    try:
        check = getattr(enhancer, "check", None)
        if check is not None:
            check(plan.dataset)
        # "|" is what parts an enhancer's fingerprint from a sample's.
        fingerprint = provenance.fingerprint(enhancer).replace("|", "/")
        fingerprint_for = getattr(enhancer, "fingerprint_for", None)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{plan.label}: the enhancer fails: {one_line(error)}") from error
    fingerprint += "+stretch" if stretch else ""
    try:
        _write_head(plan, fingerprint, stretch)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot write the run folder {plan.folder} ({reason}); choose another --out"
        ) from None
    atomic.remove_leftovers(plan.folder)
    enhanced = store.load(plan.folder, "enhanced").set_index("sample")
    failed = set(store.load_failures(plan.folder).query("stage == 'enhance'")["sample"])
    inputs = store.load_samples(plan.folder).set_index("sample")["sha256"]
    known = enhanced.to_dict("index")
    images = plan.folder / "images"
    # By id, as `score` does, so that a shard scores just what it enhanced.
    index, count = shard
    waiting: list[_Item] = []
    there = 0
    for sample in sorted(plan.dataset.samples, key=lambda s: s.id)[index - 1 :: count]:
        target = images / f"{sample.id}.png"
        expected = fingerprint
        if fingerprint_for is not None:
            try:
                expected += "|" + str(fingerprint_for(sample))
            except Exception:
                expected += "|none"  # the worker meets the same fault and reports it
        row = known.get(sample.id)
        if (
            not force
            and sample.id not in failed
            and row is not None
            and row["input_sha256"] == inputs[sample.id]
            and row["fingerprint"] == expected
            and target.is_file()
            and provenance.sha256_file(target) == row["image_sha256"]
        ):
            there += 1
        else:
            waiting.append(
                _Item(number, sample, target, expected, inputs[sample.id], sample.id in failed)
            )
    return waiting, there


def _write_head(plan: Plan, fingerprint: str, stretch: bool) -> None:
    from datetime import UTC, datetime

    from wespe_bench import provenance, store

    rows = provenance.hash_samples(plan.dataset.samples)
    revision = provenance.revision(rows)
    options = {name: _option(name, value) for name, value in plan.options.items()}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    metrics: dict[str, Any] = {}  # what `score` noted of its metrics outlives a resumed enhance
    spec = plan.enhancer if isinstance(plan.enhancer, str) else provenance.name_of(plan.enhancer)
    if (plan.folder / "run.json").exists():
        before = store.read_run(plan.folder)
        same = (before["enhancer"], before["dataset"]["name"]) == (spec, plan.dataset.name)
        if not same:
            raise InputError(
                f"{plan.folder} holds {before['enhancer']!r} on {before['dataset']['name']!r}, "
                f"not {spec!r} on {plan.dataset.name!r}; choose another --out"
            )
        source = before["dataset"].get("options", {}).get("input")
        moved = source is not None and source != options.get("input")
        if moved and before["dataset"]["revision"] != revision:
            raise InputError(
                f"{plan.folder} holds results of other photos, those in {source}; "
                "give these another --name, or choose another --out"
            )
        created = before.get("created", created)
        metrics = before.get("metrics", {})
    elif plan.folder.is_dir() and not _may_become_a_run(plan.folder):
        raise InputError(f"{plan.folder} is not empty and is no run folder; choose another --out")
    # run.json first: it is what tells a second shard that the folder is a run's.
    store.write_run(
        plan.folder,
        {
            "label": plan.label,
            "enhancer": spec,
            "fingerprint": fingerprint,
            "stretch": stretch,
            "seed": 0,
            "dataset": {
                "name": plan.dataset.name,
                "revision": revision,
                "paired": plan.dataset.paired,
                "note": plan.dataset.note,
                "n": len(plan.dataset),
                "options": options,
            },
            "versions": provenance.versions(),
            "device": provenance.device(),
            "platform": provenance.machine(),
            "created": created,
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "metrics": metrics,
        },
    )
    store.write_samples(
        plan.folder,
        [
            {
                "sample": sample.id,
                "path": str(sample.path.absolute()),
                "sha256": content,
                "reference": None if sample.reference is None else str(sample.reference.absolute()),
                "reference_sha256": reference,
            }
            for sample, (_, content, reference) in zip(plan.dataset.samples, rows, strict=True)
        ],
    )


def _option(name: str, value: Any) -> str:
    """A data set's option as run.json keeps it; folders in full, so that they can be compared."""
    return str(Path(value).absolute()) if name in ("input", "reference", "data") else str(value)


def _may_become_a_run(folder: Path) -> bool:
    """Empty but for temporary files, or a run whose run.json was lost."""
    names = {path.name for path in folder.iterdir() if path.suffix != ".tmp"}
    return not names or "samples.parquet" in names


def _failure_row(item: _Item, error: str) -> dict[str, Any]:
    return {"sample": item.sample.id, "stage": "enhance", "metric": "", "error": error}


def _struck(item: _Item) -> list[dict[str, Any]]:
    return [_failure_row(item, "")] if item.failed_before else []


def _open_worker(context: _Context) -> Callable[[Sequence[_Item]], list[Outcome]]:
    """In each worker: resolve an enhancer when its first photo comes, keep it."""
    from wespe_bench.registry import load_enhancer

    loaded: dict[int, Any] = {}

    def work(items: Sequence[_Item]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for plan in dict.fromkeys(item.plan for item in items):
            if plan not in loaded:
                enhancer = context.enhancers[plan]
                loaded[plan] = load_enhancer(enhancer) if isinstance(enhancer, str) else enhancer
            some = [item for item in items if item.plan == plan]
            outcomes.extend(_enhance_items(loaded[plan], some, context.stretch))
        return outcomes

    return work


def _enhance_items(enhancer: Any, items: Sequence[_Item], stretch: bool) -> Iterable[Outcome]:
    from wespe_bench import images, provenance
    from wespe_bench.engines import Outcome

    batch = getattr(enhancer, "batch", None)
    decoded: list[tuple[_Item, np.ndarray, str]] = []
    outcomes: list[Outcome] = []
    for item in items:
        try:
            data = _read(item.sample.path)
            image = images.read_rgb(data, name=str(item.sample.path))
        except (Exception, MemoryError) as error:
            outcomes.append(Outcome(item, error=one_line(error)))
            continue
        sha256 = provenance.sha256_bytes(data)
        if batch is None or len(items) == 1:
            outcomes.append(_one(enhancer, item, image, sha256, stretch))
        else:
            decoded.append((item, image, sha256))
    groups: dict[tuple[int, ...], list[tuple[_Item, np.ndarray, str]]] = defaultdict(list)
    for entry in decoded:
        groups[entry[1].shape].append(entry)
    for group in groups.values():
        outcomes.extend(_many(enhancer, group, stretch))
    return outcomes


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _one(enhancer: Any, item: _Item, image: np.ndarray, sha256: str, stretch: bool) -> Outcome:
    from wespe_bench.engines import Outcome

    begun = time.perf_counter()
    try:
        for_sample = getattr(enhancer, "for_sample", None)
        result = enhancer(image) if for_sample is None else for_sample(item.sample, image)
    except BaseException as error:
        # Ctrl-C reaches this process only when there are no workers; anything else that is
        # raised here, sys.exit() included, is the enhancer's doing and one photo's fate.
        if isinstance(error, KeyboardInterrupt) and parent_process() is None:
            raise
        return Outcome(item, error=f"the enhancer failed: {one_line(error)}")
    return _keep(item, image, result, sha256, stretch, time.perf_counter() - begun)


def _many(
    enhancer: Any, group: Sequence[tuple[_Item, np.ndarray, str]], stretch: bool
) -> Iterable[Outcome]:
    import numpy as np

    begun = time.perf_counter()
    try:
        results = enhancer.batch(np.stack([image for _, image, _ in group]))
        if len(results) != len(group):
            raise InputError(f"batch() gave {len(results)} results for {len(group)} photos")
    except (Exception, SystemExit):
        # One photo may spoil the batch for its neighbours: each gets its own chance.
        return [_one(enhancer, *entry, stretch) for entry in group]
    seconds = (time.perf_counter() - begun) / len(group)
    return [
        _keep(item, image, np.asarray(result), sha256, stretch, seconds)
        for (item, image, sha256), result in zip(group, results, strict=True)
    ]


def _keep(
    item: _Item, image: np.ndarray, result: Any, sha256: str, stretch: bool, seconds: float
) -> Outcome:
    """Check, quantise and write one result."""
    import numpy as np

    from wespe_bench import images, provenance
    from wespe_bench.engines import Outcome

    try:
        # Before anything is computed from it: a wrong result may be of any size.
        if isinstance(result, np.ndarray) and result.ndim == 3 and result.shape != image.shape:
            raise ValueError(
                f"returned {result.shape[1]}x{result.shape[0]}x{result.shape[2]} for a photo of "
                f"{image.shape[1]}x{image.shape[0]}x3"
            )
        if stretch and isinstance(result, np.ndarray) and np.issubdtype(result.dtype, np.floating):
            result = stretched(result)
        if isinstance(result, np.ndarray) and np.issubdtype(result.dtype, np.floating):
            largest = float(result.max()) if result.size else 0.0
            if largest > _FARTHEST:
                raise ValueError(
                    f"floats up to {largest:.4g}; return floats on [0, 1], or uint8 on 0..255"
                )
        pixels = images.quantize(result)
    except (ValueError, MemoryError) as error:
        return Outcome(item, error=f"the enhancer's result is unusable: {error}")
    try:
        data = images.write_png(item.target, pixels)
    except OSError as error:
        reason = f"cannot write {item.target}: {error.strerror or error}"
        return Outcome(item, error=reason, fatal=error.errno in _FATAL)
    row = {
        "sample": item.sample.id,
        "input_sha256": sha256,
        "fingerprint": item.fingerprint,
        "image_sha256": provenance.sha256_bytes(data),
        "seconds": seconds,
    }
    return Outcome(item, rows=(row,))


def stretched(image: np.ndarray) -> np.ndarray:
    """A float result stretched from its own minimum and maximum to [0, 1].

    What the first DPED release did when it saved test pictures (SPEC 1.4); moves a number
    by decibels, so it is off unless asked for and is part of the fingerprint.
    """
    low, high = float(image.min()), float(image.max())
    return (image - low) / ((high - low) or 1.0)


@dataclass(frozen=True)
class Enhance:
    """Run one enhancer over one data set; the results are PNGs in a run folder.

    Examples:
      wespe-bench enhance clahe --input photos/
      wespe-bench enhance Mine=my_model.py:enhance --dataset samples --out runs/mine
    """

    enhancer: str
    """NAME, LABEL=NAME, file.py:function, results:FOLDER and more (wespe-bench list enhancers)."""
    dataset: str | None = None
    """A data set's name (default: samples, or folder when --input is given)."""
    input: str | None = None
    """A folder of photos, instead of a named data set."""
    reference: str | None = None
    """A folder of references for --input, paired by file name."""
    input_suffix: str | None = None
    """The end of the photos' names that is not part of the pair's name, e.g. _phone."""
    reference_suffix: str | None = None
    """The same for the references, e.g. _dslr."""
    name: str | None = None
    """What to call the photos of --input in tables (default: the folder's name)."""
    data: str | None = None
    """Where data sets live (default: $WESPE_DATA, else data/)."""
    out: str | None = None
    """The run folder (default: runs/DATASET/LABEL)."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""
    shard: str = "1/1"
    """i/n: only every n-th photo, from the i-th on."""
    force: bool = False
    """Do everything anew."""
    verify: bool = False
    """Hash every file anew instead of trusting size and time."""
    stretch: bool = False
    """Stretch float results to their own range, as the first DPED release did."""


def main(argv: list[str]) -> int:
    """The verb ``enhance``."""
    from wespe_bench import provenance
    from wespe_bench.arguments import parse
    from wespe_bench.datasets.choice import choose
    from wespe_bench.engines import parse_shard
    from wespe_bench.registry import load_enhancer, parse_named

    config = parse(Enhance, argv, "enhance")
    shard = parse_shard(config.shard)
    check_jobs(config.jobs)
    if config.verify:
        provenance.forget()
    named = parse_named(config.enhancer)
    load_enhancer(named.spec)  # a wrong name is said before a data set is hashed
    dataset, options = choose(config.dataset, config)
    out = Path(config.out) if config.out else Path("runs", folder_name(dataset.name), named.label)
    run = enhance_runs(
        [Plan(out, named.label, named.spec, dataset, options)],
        jobs=config.jobs,
        shard=shard,
        force=config.force,
        stretch=config.stretch,
    )[0]
    kept = f", {run.kept} were there already" if run.kept else ""
    print(f"{run.done} photos enhanced with {named.label}{kept} -> {out}")
    return tell(run.failures)
