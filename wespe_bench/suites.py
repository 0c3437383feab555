"""Suites: which data sets, enhancers and metrics belong together; and the verbs over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench.arguments import check_jobs, cores
from wespe_bench.errors import InputError
from wespe_bench.runs import folder_name, tell

if TYPE_CHECKING:
    from wespe_bench.types import Dataset


@dataclass(frozen=True, slots=True)
class Suite:
    """A named choice of data sets (by name), enhancers (specs) and metrics."""

    name: str
    title: str
    datasets: tuple[str, ...]
    enhancers: tuple[str, ...]
    metrics: tuple[str, ...]


_CLASSICAL = ("identity", "auto_levels", "equalize", "clahe", "grey_world", "unsharp")
_METRICS = ("psnr", "ssim", "ms_ssim", "entropy", "bpp")

DEMO = Suite(
    "demo",
    "Classical enhancers on real photos taken by a simulated camera",
    ("samples",),
    _CLASSICAL,
    _METRICS,
)
CLASSICAL = Suite(
    "classical",
    "Classical enhancers on any photos (give --input)",
    (),
    _CLASSICAL,
    _METRICS,
)


@dataclass(frozen=True)
class RunSuite:
    """Enhance, score and report: a suite, or your own choice of enhancers and photos.

    Examples:
      wespe-bench run --suite demo --enhancers Mine=my_model.py:enhance
      wespe-bench run --suite classical --input photos/
      wespe-bench run --enhancers identity results:their_outputs/ --input photos/ --reference truth/
    """

    suite: str = ""
    """A suite's name (wespe-bench list suites)."""
    enhancers: tuple[str, ...] = ()
    """What to run, besides the suite's: NAME, LABEL=NAME, file.py:function, results:FOLDER."""
    dataset: str = ""
    """A data set's name, instead of the suite's (wespe-bench list datasets)."""
    input: str = ""
    """A folder of photos, instead of a named data set."""
    reference: str = ""
    """A folder of references for --input, paired by file name."""
    input_suffix: str = ""
    """What the photos' names end in, before the extension, beyond the pair's name."""
    reference_suffix: str = ""
    """What the references' names end in."""
    name: str = ""
    """What to call the photos of --input in tables (default: the folder's name)."""
    data: str = ""
    """Where data sets live (default: $WESPE_DATA, else data/)."""
    metrics: tuple[str, ...] = ()
    """Which metrics, instead of the suite's (wespe-bench list metrics)."""
    out: str = ""
    """Where the runs and the page go (default: runs/SUITE)."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""
    shard: str = "1/1"
    """i/n: only every n-th photo, from the i-th on; no page is written unless n is 1."""
    force: bool = False
    """Do everything anew."""
    verify: bool = False
    """Hash every file anew instead of trusting size and time."""
    stretch: bool = False
    """Stretch float results to their own range, as the first DPED release did."""


@dataclass(frozen=True)
class Demo:
    """Classical enhancers on real photos: a table and a page, with nothing to download.

    Example:
      wespe-bench demo
    """

    out: str = "runs/demo"
    """Where the runs and the page go."""
    data: str = ""
    """Where the sample photos are written (default: $WESPE_DATA, else data/)."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""


@dataclass(frozen=True)
class Report:
    """Write report.md and report.html for the runs below a folder.

    Example:
      wespe-bench report runs/demo
    """

    runs: str
    """A run folder, or a folder of runs."""
    out: str = ""
    """Where the two files go (default: the same folder)."""
    title: str = ""
    """The page's title."""
    common: bool = False
    """Where photos are missing, compare on those that every method has."""


def main(argv: list[str]) -> int:
    """The verb ``run``."""
    from wespe_bench.arguments import parse

    return run_suite(parse(RunSuite, argv, "run"))


def demo(argv: list[str]) -> int:
    """The verb ``demo``: the suite of that name."""
    from wespe_bench.arguments import parse

    config = parse(Demo, argv, "demo")
    return run_suite(RunSuite(suite="demo", out=config.out, data=config.data, jobs=config.jobs))


def report(argv: list[str]) -> int:
    """The verb ``report``."""
    from wespe_bench.arguments import parse

    config = parse(Report, argv, "report")
    _write_report(Path(config.runs), config.out, config.title, config.common)
    return 0


def run_suite(config: RunSuite) -> int:
    """Enhance, score, report; returns the exit code."""
    from wespe_bench.engines import parse_shard
    from wespe_bench.enhancing import Plan, enhance_runs
    from wespe_bench.registry import SUITES, load_metric, parse_named, resolve, unknown
    from wespe_bench.scoring import DEFAULT_METRICS, score_runs

    if config.suite and config.suite not in SUITES:
        raise unknown("suite", config.suite, SUITES)
    suite: Suite | None = resolve(SUITES[config.suite]) if config.suite else None
    specs = (*(suite.enhancers if suite else ()), *config.enhancers)
    if not specs:
        raise InputError("nothing to run: name a --suite or --enhancers; see wespe-bench list")
    metrics = config.metrics or (suite.metrics if suite else DEFAULT_METRICS)
    for metric in metrics:
        load_metric(metric)
    shard = parse_shard(config.shard)
    check_jobs(config.jobs)
    named = [parse_named(spec) for spec in specs]
    _refuse_twins(
        [item.label for item in named], "enhancers", "give one another label: LABEL=ENHANCER"
    )
    out = Path(config.out or f"runs/{config.suite or 'run'}")
    plans = [
        Plan(out / folder_name(dataset.name) / item.label, item.label, item.spec, dataset, options)
        for dataset, options in _datasets(config, suite)
        for item in named
    ]
    made = enhance_runs(
        plans,
        jobs=config.jobs,
        shard=shard,
        force=config.force,
        stretch=config.stretch,
        verify=config.verify,
    )
    scored = score_runs(
        [plan.folder for plan in plans],
        metrics,
        jobs=config.jobs,
        shard=shard,
        force=config.force,
        verify=config.verify,
    )
    failures = [failure for run in (*made, *scored) for failure in run.failures]
    kept = sum(run.kept for run in made)
    photos = sum(len(plan.dataset) for plan in plans) // len(named)
    print(
        f"{photos} photos x {len(named)} enhancers: {sum(run.done for run in made)} results new"
        + (f", {kept} there already" if kept else "")
        + f"; {sum(run.done for run in scored)} scored -> {out}"
    )
    if shard == (1, 1):
        scored_any = any(run.done + run.kept for run in scored)
        if scored_any:
            _write_report(out, "", suite.title if suite else "", bool(failures))
    return tell(failures)


def _datasets(config: RunSuite, suite: Suite | None) -> list[tuple[Dataset, dict[str, Any]]]:
    from wespe_bench.datasets.choice import choose

    own = bool(config.dataset or config.input)
    names = (config.dataset,) if own or suite is None else suite.datasets
    if not names:
        raise InputError(
            f"suite {config.suite!r} takes any photos: give --input FOLDER or --dataset NAME"
        )
    chosen = [
        choose(
            name,
            input=config.input,
            reference=config.reference,
            input_suffix=config.input_suffix,
            reference_suffix=config.reference_suffix,
            name=config.name,
            data=config.data,
            verify=config.verify,
        )
        for name in names
    ]
    _refuse_twins([folder_name(d.name) for d, _ in chosen], "data sets", "give one another --name")
    return chosen


def _refuse_twins(names: list[str], what: str, remedy: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            raise InputError(f"two {what} are called {name!r}; {remedy}")
        seen[name.casefold()] = name


def _write_report(runs: Path, out: str, title: str, common: bool) -> None:
    from wespe_bench import registry

    write = registry.resolve(registry.REPORT)
    paths = write(runs, out=Path(out) if out else None, title=title, common=common)
    for path in paths:
        if path.suffix == ".md":
            table = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
            print("\n".join(["", *table, ""]))
    for path in paths:
        print(path)
