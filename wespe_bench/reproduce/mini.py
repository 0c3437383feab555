"""The miniature of the plan: the same steps with tiny trainings, on simulated photos and votes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wespe_bench.datasets import miniature
from wespe_bench.errors import InputError
from wespe_bench.prepare.mini import HELD, SIZE, TESTS
from wespe_bench.reproduce.steps import Reproduce, Step, plan

_PREP = f"{SIZE[0]}x{SIZE[1]}"

_NETWORK = (
    "--vgg random --content-layer relu1_2 --init identity --width 16 --blocks 2 --patch 32 "
    "--batch 4 --device cpu --iterations 40 --preview-every 40"
)

#: What every training of the miniature is called with; the user's options come after.
WESPE = f"--preset enhanced --warmup 10 --disc-width 8 {_NETWORK}"
DPED = _NETWORK
FFS = f"--mode frozen --vgg random --width 8 --patches 2 --prep {_PREP} --device cpu"

#: What raters of the simulated study would read.
TITLE = "SIMULATED raters, no people: which picture do they like better?"


def settings(config: Reproduce) -> Reproduce:
    """The options of the miniature: data, trainings and folder of its own.

    Raises InputError for an option that the miniature has no use for.
    """
    for name in ("data", "official", "measure"):
        if getattr(config, name):
            raise InputError(
                f"--{name}: --mini makes its own photos and trains on them; leave it out"
            )
    out = config.out if config.out != Reproduce.out else "runs/mini"
    return replace(
        config,
        out=out,
        data=str(Path(out) / "data"),
        jobs=0,
        wespe=f"{WESPE} {config.wespe}",
        dped=f"{DPED} {config.dped}",
        ffs=f"{FFS} {config.ffs}",
    )


def plan_mini(config: Reproduce) -> list[Step]:
    """The plan's steps, each after the making of its photos; and simulated votes for people's."""
    data = Path(config.data or "")
    mark, rated = data / miniature.FILE, data / "ffs"
    made = Step("make photos", "make", (("data", "mini", "--out", str(data)),), mark)
    build: tuple[str, ...] = (
        "ffs",
        "build",
        str(data / "simulated-faves.csv"),
        "--out",
        str(rated),
    )
    build += ("--size", _PREP, "--jobs", "0", "--validation", str(HELD), "--test", str(HELD))
    faves = Step("make faves", "make", (build,), rated / "ffs.json", needs=(made.name,))
    found = [made, faves]
    for step in plan(config):
        needs = (made.name, *step.needs)
        if step.kind == "ffs":
            needs = (faves.name,)
        if step.kind == "study":
            folder = str(step.out.parent)
            step = replace(step, kind="votes", commands=_votes(step.commands[0], folder))
        found.append(replace(step, needs=needs))
    return found


def _votes(build: tuple[str, ...], folder: str) -> tuple[tuple[str, ...], ...]:
    """A study built, filled with simulated votes, and its report."""
    extra = ("--images", str(TESTS), "--jobs", "0", "--title", TITLE)
    return ((*build, *extra), ("study", "simulate", folder), ("study", "report", folder))


def finish(config: Reproduce) -> None:
    """Write the tables of what there is: a page with pictures, text, and a line a cell."""
    from wespe_bench.registry import resolve

    out = Path(config.out)
    words = ["all", "--runs", config.out, "--data", str(config.data)]
    if (out / "study" / "table5.json").is_file():
        words += ["--study", str(out / "study")]
    for ending in ("html", "md", "csv"):
        file = str(out / f"tables.{ending}")
        argv = [*words, "--format", ending, "--out", file]
        argv += ["--pictures"] if ending == "html" else []
        resolve("wespe_bench.cli:call")("tables", argv)
