"""Suites: which data sets, enhancers and metrics belong together; and the verbs over them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from wespe_bench import tracking
from wespe_bench.arguments import JobOptions, PhotoOptions, TrackOption, WorkerOptions
from wespe_bench.errors import InputError, unknown
from wespe_bench.option_checks import check_jobs
from wespe_bench.paths import is_file, to_path
from wespe_bench.runs import (
    SHIPPED,
    Named,
    Plan,
    colours_of,
    folder_name,
    parse_named,
    refuse_twins,
    tell,
)

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


# What reports write beside the runs.
_TAKEN = ("report.md", "report.html", "report.tex", "scores.csv", "leaderboard", "figures")
_CLASSICAL = ("identity", "auto_levels", "equalize", "clahe", "grey_world", "unsharp")
_METRICS = ("psnr", "ssim", "ms_ssim", "entropy", "bpp")

DEMO = Suite(
    "demo",
    "Classical enhancers, tone curves and two small networks",
    ("samples",),
    (*_CLASSICAL, *SHIPPED),
    _METRICS,
)
# The options that decide a run's results; the others say where and how fast.
_REPEAT = (
    *("suite", "only", "enhancers", "metrics", "dataset", "input", "reference", "input_suffix"),
    *("reference_suffix", "name", "data", "stretch"),
)
#: The two whose comparison ends the demo.
COMPARED = (SHIPPED["wespe:demo"], SHIPPED["tone:demo"])
CLASSICAL = Suite(
    "classical",
    "Classical enhancers",
    (),
    _CLASSICAL,
    _METRICS,
)


@dataclass(frozen=True)
class RunSuite(PhotoOptions, WorkerOptions, TrackOption):
    """Enhance, score and report: a suite, or your own choice of enhancers and photos.

    Examples:
      wespe-bench run --suite demo --enhancers Mine=my_model.py:enhance
      wespe-bench run --suite demo --only identity clahe
      wespe-bench run --suite classical --input photos/
      wespe-bench run --config exp.toml --out runs/again
      wespe-bench run --enhancers identity results:their_outputs/ --input photos/ --reference truth/
    """

    suite: str | None = None
    """A suite's name (wespe-bench list suites)."""
    enhancers: tuple[str, ...] = ()
    """What to run, besides the suite's: NAME, LABEL=NAME, file.py:function, results:FOLDER
    and more (wespe-bench list enhancers)."""
    only: Annotated[tuple[str, ...], "ENHANCER"] = ()
    """Which of the suite's enhancers (default: all)."""
    metrics: tuple[str, ...] = ()
    """Which metrics, instead of the suite's: NAME or file.py:METRIC (wespe-bench list metrics)."""
    out: str | None = None
    """Where the runs and the page go (default: runs/SUITE, or runs/NAME of the photos)."""
    verify: bool = False
    """Hash every file again instead of trusting its size and time."""
    stretch: bool = False
    """Stretch float results to their own range, as the first DPED release did."""
    config: Annotated[str, "FILE"] = ""
    """These options from a TOML file, one a line: suite = "demo". What the command names besides
    wins. Each run folder has such a file, experiment.toml."""


@dataclass(frozen=True)
class Demo(JobOptions):
    """Classical enhancers, tone curves and two small networks on real photos: a table and a page,
    with nothing to download; then two dozen training steps of each network.

    Examples:
      wespe-bench demo
      wespe-bench demo --train

    The networks (wespe:demo, dped:demo) ship with the package and were trained for minutes; the
    tone curves (tone:demo) are the baseline that WESPE has to beat.
    """

    out: str = "runs/demo"
    """Where the runs and the page go."""
    data: str | None = None
    """Where the sample photos are written (default: $WESPE_DATA, else the cache folder)."""
    live: bool = True
    """Train each network for two dozen steps; needs the vgg extra."""
    train: bool = False
    """Instead of everything else: repeat the trainings that made the networks (resumes)."""


@dataclass(frozen=True)
class Report:
    """Write report.md, report.html and report.tex for the runs below a folder.

    Example:
      wespe-bench report runs/demo
    """

    runs: str
    """A run folder, or a folder of runs."""
    out: str | None = None
    """Where the files go (default: the same folder)."""
    title: str | None = None
    """The page's title (default: the one it has)."""
    common: bool = False
    """Where photos are missing, compare on those that every method has."""
    single_file: bool = False
    """Embed crops of the pictures instead of writing full-size ones to report_files/ beside it."""


def demo(config: Demo) -> int:
    """The verb ``demo``: the suite of that name."""
    from wespe_bench import registry
    from wespe_bench.registry import DEMO_LIVE, DEMO_TRAIN, resolve

    out = config.out or "runs/demo"
    if config.train:
        return int(resolve(DEMO_TRAIN)(Path(out), config.data))
    code = run_suite(RunSuite(suite="demo", out=out, data=config.data, jobs=config.jobs))
    if code == 0:
        sentence = registry.resolve(registry.SENTENCE)(Path(out), *COMPARED)
        print(
            f"\nThe small WESPE against tone curves from the same photos, one by one:\n  {sentence}"
        )
    mine = f"wespe-bench run --suite demo --out {shlex.quote(out)} --enhancers"
    print(
        "\nOpen the page in a browser. Put your own function beside them, or a network, a program, "
        "a folder of results:\n"
        f"  {mine} Mine=my_model.py:enhance\n"
        f"  {mine} onnx:model.onnx 'cmd:tool {{input}} {{output}}' results:outputs/\n"
        "Then see whether it is better, and where it stands:\n"
        f"  wespe-bench compare Mine {shlex.quote(COMPARED[0])} --runs {shlex.quote(out)}\n"
        f"  wespe-bench leaderboard --runs {shlex.quote(out)}"
    )
    if config.live:
        resolve(DEMO_LIVE)(Path(out), config.data)
    return code


def report(config: Report) -> int:
    """The verb ``report``."""
    return _write_report(
        to_path(config.runs),
        config.common,
        out=to_path(config.out) if config.out else None,
        title=config.title or "",
        single_file=config.single_file,
    )


def run_suite(config: RunSuite) -> int:
    """Enhance, score, report; returns the exit code."""
    from wespe_bench import describe, experiment, provenance
    from wespe_bench.engines import load_engine, parse_shard
    from wespe_bench.enhancing import enhance_runs
    from wespe_bench.foreign import check_own_packages
    from wespe_bench.metrics import precompile
    from wespe_bench.registry import SUITES, full_spec, resolve
    from wespe_bench.run import open_runs
    from wespe_bench.scoring import DEFAULT_METRICS, prepare_metrics, score_runs

    check_own_packages()
    if config.suite and config.suite not in SUITES:
        raise unknown("suite", config.suite, SUITES)
    suite: Suite | None = resolve(SUITES[config.suite]) if config.suite else None
    named = _enhancers(config, suite)
    metrics = config.metrics or (suite.metrics if suite else DEFAULT_METRICS)
    metrics = tuple(full_spec("metrics", name) for name in metrics)
    shard = parse_shard(config.shard)
    check_jobs(config.jobs)
    tracking.check(config.track)
    scorers = describe.metrics(metrics, config.jobs)
    load_engine(config.engine)
    prepare_metrics(tuple(dict.fromkeys(metrics)), min(config.jobs, 1))
    if config.verify:
        provenance.forget()
    datasets = _datasets(config, suite)
    out = to_path(config.out or Path("runs", config.suite or folder_name(datasets[0][0].name)))
    plans = [
        Plan(out / folder_name(dataset.name) / item.label, item.label, item.spec, dataset, options)
        for dataset, options in datasets
        for item in named
    ]
    paired = any(dataset.paired for dataset, _ in datasets)
    if not paired and all(scorer.record.full_reference for scorer in scorers.values()):
        raise InputError(
            f"{', '.join(scorers)}: references are needed, and {datasets[0][0].name} has none; "
            "give --reference, or metrics that need none, such as entropy and cornia"
        )
    precompile.start({n for n, s in scorers.items() if paired or not s.record.full_reference})
    made = enhance_runs(
        plans,
        jobs=config.jobs,
        shard=shard,
        engine=config.engine,
        force=config.force,
        stretch=config.stretch,
    )
    for plan in plans:
        if is_file(plan.folder / "run.json"):
            experiment.write(plan.folder, config, _REPEAT)
    scored = score_runs(
        [plan.folder for plan in plans],
        metrics,
        jobs=config.jobs,
        shard=shard,
        engine=config.engine,
        force=config.force,
        scorers=scorers,
    )
    failures = [failure for run in (*made, *scored) for failure in run.failures]
    kept = sum(run.kept for run in made)
    photos = sum(len(plan.dataset) for plan in plans) // len(named)
    print(
        f"{photos} photos x {len(named)} enhancers: {sum(run.done for run in made)} results new"
        + (f", {kept} there already" if kept else "")
        + f"; {sum(run.done for run in scored)} scored -> {out}"
    )
    for dataset, _ in datasets:
        ours = [number for number, plan in enumerate(plans) if plan.dataset is dataset]
        for kind, runs in (("photos", made), ("references", scored)):
            counted = [runs[number].colours for number in ours]
            if colours := colours_of(f"{kind} of {dataset.name}", counted):
                print(colours)
    code = 0
    if config.track:
        asked = {plan.folder for plan in plans}
        tracking.track_scores(config.track, [r for r in open_runs(out).found if r.folder in asked])
    if shard == (1, 1):
        scored_any = any(run.done + run.kept for run in scored)
        if scored_any:
            asked = {plan.folder for plan in plans}
            others = [run.folder for run in open_runs(out).found if run.folder not in asked]
            if others:
                names = ", ".join(str(run) for run in others[:3])
                more = f" and {len(others) - 3} more" if len(others) > 3 else ""
                print(f"the page also shows what was there before: {names}{more}")
            title = suite.title if suite else ""
            code = _write_report(out, bool(failures), default_title=title)
    return tell(failures) or code


def _enhancers(config: RunSuite, suite: Suite | None) -> list[Named]:
    """The suite's enhancers, those of --only where it is given, and those of --enhancers."""
    found = [parse_named(spec) for spec in (suite.enhancers if suite else ())]
    if config.only and not suite:
        raise InputError("--only chooses from a suite: name a --suite, or use --enhancers")
    if config.only:
        by_name = {name: item for item in found for name in (item.label, item.spec)}
        for name in config.only:
            if name not in by_name:
                raise unknown(f"enhancer of --suite {config.suite}", name, by_name)
        found = [item for item in found if {item.label, item.spec} & set(config.only)]
    found += [parse_named(spec) for spec in config.enhancers]
    if not found:
        raise InputError("nothing to run: name a --suite or --enhancers; see wespe-bench list")
    labels = [item.label for item in found]
    refuse_twins(labels, "enhancers", "give one another label: LABEL=ENHANCER", _TAKEN)
    return found


def _datasets(config: RunSuite, suite: Suite | None) -> list[tuple[Dataset, dict[str, Any]]]:
    from wespe_bench.datasets.choice import choose

    own = config.dataset is not None or config.input is not None
    names = (config.dataset,) if own or suite is None else suite.datasets
    if not names:
        raise InputError(
            f"suite {config.suite!r} takes any photos: give --input FOLDER or --dataset NAME"
        )
    chosen = [choose(name, config) for name in names]
    folders = [folder_name(dataset.name) for dataset, _ in chosen]
    refuse_twins(folders, "data sets", "give one another --name", _TAKEN)
    return chosen


def _write_report(runs: Path, common: bool, **options: Any) -> int:
    """Write the report and print its tables; returns the exit code."""
    from wespe_bench import registry
    from wespe_bench.run import print_left_out

    write = registry.resolve(registry.REPORT)
    written, left_out = write(runs, common=common, **options)
    for path in written:
        if path.suffix == ".md":
            print(_tables_of(path.read_text("utf-8")))
    for path in written:
        print(path)
    return print_left_out(left_out)


def _tables_of(markdown: str) -> str:
    """The score tables of a report, each under its data set, with the remarks right below."""
    shown: list[str] = [""]
    below = False
    heading = ""
    for line in markdown.splitlines():
        table = line.startswith("|")
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif table and heading:
            shown += [heading, ""]
            heading = ""
        below = table or (below and (not line or line.startswith(("- ", *"¹²³⁴⁵⁶⁷⁸⁹"))))
        if below and not (line == "" and shown[-1] == ""):
            shown.append(line)
    return "\n".join(shown)
