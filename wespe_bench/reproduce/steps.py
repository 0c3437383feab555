"""The plan: every training, run and scoring behind the paper's tables, as verbs' arguments."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from wespe_bench import provenance
from wespe_bench.arguments import OPTIONS, DataOptions, JobOptions
from wespe_bench.datasets import dped
from wespe_bench.datasets.source import sources
from wespe_bench.errors import InputError
from wespe_bench.prepare.mini import TESTS

PHONES = tuple(dped.PHONES)
WILD = ("cityscapes", "kitti", "htc_m9", "huawei_p9", "iphone6")

#: Generator steps of a training unless its options say otherwise.
ITERATIONS = 20_000

_TRUTH = ("psnr", "ms_ssim", "ssim")
_BLIND = ("entropy", "bpp", "cornia")

#: What runs of the paper's methods are called, so that ``tables`` knows them.
_LABELS = {
    "original": "Original",
    "wespe_dped": "WESPE [DPED]",
    "wespe_div2k": "WESPE [DIV2K]",
    "dped": "DPED",
    "tone_dped": "tone [DPED]",
    "tone_div2k": "tone [DIV2K]",
}


@dataclass(frozen=True)
class Reproduce(DataOptions, JobOptions):
    """The paper as a plan: 11 WESPE and 3 DPED trainings, the FFS rater, their photos and scores;
    and tone curves from each WESPE's photos, the baseline it has to beat.

    --plan (the default) says what is done, what can run with the data at hand and how long it
    takes here, and what is missing and where to get it. --go runs it, step by step; the same
    command resumes after any end, and a step that fails leaves the rest going (exit code 3).

    Examples:
      wespe-bench reproduce --plan
      wespe-bench reproduce --plan --tables 2 --cameras sony --official models_orig/
      wespe-bench reproduce --mini --go
      wespe-bench reproduce --go --official models_orig/ --only "*iphone*"
    """

    plan: bool = False
    """Say what is to be done (the default)."""
    go: bool = False
    """Do it."""
    out: str = "runs/paper"
    """Where trainings and runs go."""
    dry_run: bool = False
    """Print the commands of what is not done, in order, and do nothing."""
    export: Annotated[str, "KIND"] = ""
    """slurm: write the job arrays that do it into OUT/slurm, and the script that submits them."""
    only: tuple[str, ...] = ()
    """Only steps whose name fits one of these patterns: "train wespe iphone*" "*kitti*"."""
    tables: tuple[int, ...] = ()
    """Only what these tables of the paper take: 2 3. Tables 1 and 4 take no step, only photos."""
    cameras: tuple[str, ...] = ()
    """Only these cameras: sony kitti."""
    official: str | None = None
    """A folder with DPED's released models (iphone_orig.index ...), instead of its trainings."""
    ape: str = "ape_like"
    """What stands for APE: ape_like, apple, or results:FOLDER/{place} with Apple's results."""
    kitti: str = "kitti"
    """Which KITTI: kitti (the paper's), kitti:sync or kitti:object, with options after a "?"."""
    wespe: str = field(default="", metadata=OPTIONS)
    """More options of every WESPE training: --wespe="--iterations 500 --width 32"."""
    dped: str = field(default="", metadata=OPTIONS)
    """More options of every DPED training; with an equals sign, as above."""
    ffs: str = field(default="", metadata=OPTIONS)
    """More options of the FFS rater's training."""
    mini: bool = False
    """All of it in minutes: tiny trainings on packaged photos taken by simulated cameras, and a
    simulated user study, in runs/mini. Its tables are marked, and leave out the paper's numbers."""
    measure: bool = False
    """Time a few real iterations of each kind of training that can run, for the plan."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: verbs to run in order, and what has to be there before.

    ``kind`` is "train wespe", "train dped", "fit" (tone curves), "import", "ffs", "run", "rate" or
    "study", in the miniature also "make" (photos) and "votes"; ``out`` its folder, or the file it
    makes. ``needs`` are the names of earlier steps; ``photos`` the specs of data sets. ``size`` is
    the nominal megapixels of a photo, ``metrics`` what a run is scored by, ``tables`` the paper's
    that it fills, ``camera`` whose photos it takes.
    """

    name: str
    kind: str
    commands: tuple[tuple[str, ...], ...]
    out: Path
    needs: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    iterations: int = 0
    size: float = 0.0
    tables: tuple[int, ...] = ()
    camera: str = ""


def plan(config: Reproduce) -> list[Step]:
    """Every step, in an order in which each comes after what it needs. Raises InputError."""
    return [*_trainings(config), *_runs(config), *_ratings(config)]


def iterations_of(options: list[str], default: int = ITERATIONS) -> int:
    """The last ``--iterations`` of some options. Raises InputError when it is no number.

    >>> iterations_of(["--width", "8", "--iterations", "12"])
    12
    """
    found = default
    for place, word in enumerate(options, 1):
        name, equals, value = word.partition("=")
        if name == "--iterations":
            text = value if equals else "".join(options[place : place + 1])
            if not text.isdecimal() or int(text) < 1:
                raise InputError(f"--iterations {text}: expected a number of at least 1")
            found = int(text)
    return found


def _split(option: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"--{option} {text!r}: {error}") from None


def checkpoint(config: Reproduce, method: str, camera: str) -> Path:
    """Where the generator, or the tone file, of a method for a camera is, or will be."""
    kind, _, target = method.partition("_")
    name = f"{kind}-{camera}" + (f"-{target}" if target else "")
    file = "tone" if kind == "tone" else "generator"
    return Path(config.out) / "train" / name / f"{file}.safetensors"


def _trainings(config: Reproduce) -> Iterator[Step]:
    data = ("--data", config.data) if config.data else ()
    options = _split("wespe", config.wespe)
    pairs = [(phone, target) for phone in PHONES for target in ("dped", "div2k")]
    for camera, target in [*pairs, *((name, "div2k") for name in WILD)]:
        source = _spec(config, camera, "train")
        if target == "dped":
            wanted = f"dped:{camera}?split=train&side=canon"
        else:
            wanted = "div2k"
        path = checkpoint(config, f"wespe_{target}", camera)
        command: tuple[str, ...] = ("train", "wespe", "--source", source, "--target", wanted)
        yield Step(
            _training("wespe", camera, target),
            "train wespe",
            ((*command, "--out", str(path.parent), *data, *options),),
            path,
            photos=(source, wanted),
            iterations=iterations_of(options),
        )
        path = checkpoint(config, f"tone_{target}", camera)
        command = ("train", "tone", "--source", source, "--target", wanted)
        yield Step(
            _training("tone", camera, target),
            "fit",
            ((*command, "--out", str(path.parent), *data),),
            path,
            photos=(source, wanted),
        )
    options = _split("dped", config.dped)
    for phone in PHONES:
        path = checkpoint(config, "dped", phone)
        if config.official:
            bundle = str(Path(config.official) / f"{phone}_orig")
            imports = ("import", "dped", bundle, "--out", str(path))
            yield Step(_importing(phone), "import", (imports,), path)
            continue
        command = ("train", "dped", "--camera", phone, "--out", str(path.parent))
        yield Step(
            _training("dped", phone),
            "train dped",
            ((*command, *data, *options),),
            path,
            photos=(f"dped:{phone}?split=train",),
            iterations=iterations_of(options),
        )
    path = Path(config.out) / "train" / "ffs"
    rated = (Path(config.data) if config.data else provenance.data_folder()) / "ffs"
    command = ("ffs", "train", str(rated), "--out", str(path), *_split("ffs", config.ffs))
    yield Step("train ffs", "ffs", (command,), path / "rater.safetensors", photos=("ffs",))


def _training(kind: str, camera: str, target: str = "") -> str:
    return f"train {kind} {camera}" + (f" [{target.upper()}]" if target else "")


def _importing(phone: str) -> str:
    return f"import dped {phone}"


def _spec(config: Reproduce, place: str, split: str = "") -> str:
    """The data set of a camera, or of a place of the tables ("iphone full")."""
    phone, _, protocol = place.partition(" ")
    spec = f"dped:{phone}" if phone in PHONES else config.kitti if phone == "kitti" else phone
    query = [f"protocol={protocol}"] if protocol not in ("", "patches") else []
    query += [f"split={split}"] if split else []
    if config.mini and phone not in PHONES:
        query.append(f"test={TESTS}")  # more than the paper's share of so few photos
    if config.mini and protocol == "full" and phone == "blackberry":
        query.append("halve=no")
    return spec + (("&" if "?" in spec else "?") + "&".join(query) if query else "")


def _runs(config: Reproduce) -> Iterator[Step]:
    """A run of every method on every data set of Tables 2, 3 and 6."""
    unpaired = ("wespe_dped", "wespe_div2k", "tone_dped", "tone_div2k")
    for phone in PHONES:
        yield from _place(config, f"{phone} patches", ("ape", *unpaired, "dped"), _TRUTH)
    for phone in PHONES:
        yield from _place(config, f"{phone} full", ("original", "ape", "dped", *unpaired), _BLIND)
    for name in WILD:
        yield from _place(config, name, ("original", "ape", "wespe_div2k", "tone_div2k"), _BLIND)


def _place(
    config: Reproduce, place: str, methods: tuple[str, ...], metrics: tuple[str, ...]
) -> Iterator[Step]:
    data = ("--data", config.data) if config.data else ()
    jobs = ("--jobs", str(config.jobs))
    camera, _, protocol = place.partition(" ")
    spec = _spec(config, place)
    for method in methods:
        label, enhancer, needs = _enhancer(config, method, camera, place)
        out = Path(config.out) / (protocol or "wild") / camera / label
        enhance = ("enhance", f"{label}={enhancer}", "--dataset", spec, "--out", str(out))
        yield Step(
            f"run {place} {label}",
            "run",
            ((*enhance, *data, *jobs), ("score", str(out), "--metrics", *metrics, *jobs)),
            out,
            needs=needs,
            photos=(spec,),
            metrics=metrics,
            size=0.01 if protocol == "patches" else _megapixels(camera),
            tables={"patches": (2,), "full": (3, 7)}.get(protocol, (5, 6, 8)),
            camera=camera,
        )


def _enhancer(
    config: Reproduce, method: str, camera: str, place: str
) -> tuple[str, str, tuple[str, ...]]:
    """Label, spec, and the step that makes its checkpoint."""
    if method == "original":
        return _LABELS[method], "identity", ()
    if method == "ape":
        spec = config.ape.replace("{place}", place.replace(" ", "_"))
        return (spec if spec in ("ape_like", "apple") else "APE"), spec, ()
    path = checkpoint(config, method, camera)
    kind, _, target = method.partition("_")
    is_imported = method == "dped" and config.official
    maker = _importing(camera) if is_imported else _training(kind, camera, target)
    return _LABELS[method], f"{kind}:{path}", (maker,)


def _megapixels(camera: str) -> float:
    """Of a photo, by the sizes of Tables 1 and 4."""
    counts = dped.COUNTS[camera] if camera in dped.PHONES else sources()[camera].counts[0]
    return (counts.width or 0) * (counts.height or 0) / 1e6


def _ratings(config: Reproduce) -> Iterator[Step]:
    """Tables 7 and 8: the rater over the full-size runs; Table 5: people."""
    out = Path(config.out)
    wild = tuple(str(out / "wild" / name) for name in WILD)
    metric = f"ffs:{out / 'train' / 'ffs' / 'rater.safetensors'}"
    yield Step(
        "score with ffs",
        "rate",
        tuple(
            ("score", folder, "--metrics", metric, "--jobs", str(config.jobs))
            for folder in (*(str(out / "full" / name) for name in PHONES), *wild)
        ),
        out,
        needs=("train ffs",),
        metrics=(metric,),
        tables=(7, 8),
    )
    ape, _, _ = _enhancer(config, "ape", "", "")
    asked = ("--method", _LABELS["wespe_div2k"], "--rivals", "original", ape)
    build = ("study", "build", "--runs", *wild, *asked, "--out", str(out / "study"))
    yield Step("user study", "study", (build,), out / "study" / "table5.json", tables=(5,))
