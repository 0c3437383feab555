"""The verb ``study build``: runs -> a folder that people can be asked with.

FOLDER/study.json     pictures, questions and the revision by which an edit shows
FOLDER/secret.json    the salt of the ids and the study token; for the owner's eyes
FOLDER/tiles/         every picture as lossless tiles
FOLDER/votes.sqlite   the votes, from the first rater on
FOLDER/static/        with --static: the part that may be copied to a web host
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import __version__
from wespe_bench.arguments import JobOptions
from wespe_bench.engines import FATAL, Outcome
from wespe_bench.errors import InputError, one_line
from wespe_bench.option_checks import check_jobs, check_out
from wespe_bench.study import database, links, manifest, secret, tiles
from wespe_bench.study.manifest import TILE, Picture, Question, Study
from wespe_bench.study.sampling import DAMAGED, ORIGINAL, Pair, Source, choose

if TYPE_CHECKING:
    import numpy as np

#: Most questions of one study: more than anybody answers.
MOST = 2000


@dataclass(frozen=True)
class Build(JobOptions):
    """Make a study of human raters: photos drawn by seed, pairs of methods, zoomable tiles.

    Every rival meets the method once on each photo. Killed, the same command goes on; a study
    with votes is never changed.

    Examples:
      wespe-bench study build --runs runs/demo --method clahe --rivals original equalize --images 5
      wespe-bench study serve study
    """

    runs: tuple[str, ...] = ()
    """Run folders, or folders of runs: the method's and the rivals', on every data set to ask."""
    method: str = ""
    """Label of the method under test."""
    rivals: tuple[str, ...] = (ORIGINAL,)
    """Labels it is compared with; original means the photos as they are."""
    images: int = 7
    """Photos of each data set; the paper's 7."""
    checks: int = 0
    """Attention checks: a photo beside a badly damaged copy of itself."""
    seed: int = 0
    """Of the photos drawn, and of every rater's order and sides."""
    title: str = "Which picture do you prefer?"
    """What raters read first."""
    static: bool = False
    """Also write FOLDER/static: the page for a plain web host or a disk, without a server."""
    out: str = "study"
    """The study's folder."""


def main(config: Build) -> int:
    """The verb ``study build``."""
    from wespe_bench.run import open_runs, print_left_out

    check_jobs(config.jobs)
    if not config.runs or not config.method or not config.rivals:
        raise InputError("give --runs, --method and --rivals; see wespe-bench study build --help")
    if not 1 <= config.images <= MOST or not 0 <= config.checks <= MOST:
        raise InputError(f"--images takes 1 to {MOST}, --checks 0 to {MOST}")
    if not config.title.strip() or len(config.title) > 200:
        raise InputError("--title: 1 to 200 characters")
    _check_text("--title", config.title, "it")
    opened = [open_runs(Path(place)) for place in config.runs]
    pairs = choose(
        [run for runs in opened for run in runs.found],
        config.method,
        config.rivals,
        images=config.images,
        checks=config.checks,
        seed=config.seed,
    )
    if len(pairs) > MOST:
        raise InputError(f"{len(pairs)} questions are more than {MOST}; take fewer --images")
    out = Path(config.out)
    study = build(pairs, out, seed=config.seed, title=config.title, jobs=config.jobs)
    print(
        f"{len(study.questions)} questions, {len(study.pictures)} pictures -> {out}; "
        f"ask people with: wespe-bench study serve {out}"
    )
    if config.static:
        from wespe_bench.study.static import write_static

        print(f"the page without a server -> {write_static(out, study)}")
    return print_left_out([line for runs in opened for line in runs.left_out])


def build(
    pairs: Sequence[Pair], out: Path, *, seed: int = 0, title: str = "", jobs: int = 0
) -> Study:
    """Write the study of ``pairs`` into ``out``; keeps the tiles that are there.

    Raises InputError when ``out`` holds something else, is being served or has votes of another
    study, when a picture is missing or changed, and when the two of a pair differ in size.
    """
    check_out(out, secret.FILE)
    links.check(out)
    for source in (source for pair in pairs for source in (pair.first, pair.second)):
        for what in ("dataset", "sample", "method"):
            _check_text(str(source.path), getattr(source, what), f"its {what}")
    hidden = secret.of(out)
    with database.alone(out, "is being served or built; stop that first"):
        names = {s: _name(hidden, s) for pair in pairs for s in (pair.first, pair.second)}
        questions = [_question(hidden, pair, names) for pair in pairs]
        # By their ids, so that a question's place tells nothing.
        questions.sort(key=lambda question: question.id)
        voted = database.count(out) > 0
        before = _before(out) if voted else None
        if before is not None and (before.title, before.seed, before.questions) != (
            title,
            seed,
            tuple(questions),
        ):
            raise InputError(
                f"{out} has votes of another study; they would lose their meaning: "
                "choose another --out"
            )
        sizes = _make(names, out / "tiles", jobs)
        for pair in pairs:
            first, second = sizes[names[pair.first]], sizes[names[pair.second]]
            if first != second:
                raise InputError(
                    f"{pair.first.path} is {first[0]}x{first[1]}, {pair.second.path} "
                    f"{second[0]}x{second[1]}; a pair has one size"
                )
        pictures = {
            name: Picture(
                source.dataset,
                source.sample,
                source.method,
                source.sha256,
                *sizes[name],
                levels=tiles.levels(*sizes[name], TILE),
            )
            for source, name in sorted(names.items(), key=lambda item: item[1])
        }
        if before is not None:  # another version of this program changes no study
            return before
        study = Study(title, seed, pictures, tuple(questions), version=__version__)
        if voted:  # and study.json was lost: it comes back if it is the one that was voted on
            database.connect(out, study).close()
        manifest.write(out, study)
        for folder in (out / "tiles").iterdir():
            if folder.name not in pictures and manifest.OPAQUE.fullmatch(folder.name):
                shutil.rmtree(folder)
    return study


def _before(out: Path) -> Study | None:
    try:
        return manifest.read(out)
    except InputError:
        return None


def _check_text(where: str, text: str, what: str) -> None:
    try:
        manifest.check_text(text, what)
    except ValueError as error:
        raise InputError(f"{where}: {error}; choose another") from None


def _name(hidden: secret.Secret, source: Source) -> str:
    return hidden.opaque("picture", source.dataset, source.sample, source.method, source.sha256)


def _question(hidden: secret.Secret, pair: Pair, names: Mapping[Source, str]) -> Question:
    first, second = names[pair.first], names[pair.second]
    return Question(
        id=hidden.opaque("question", first, second),
        dataset=pair.second.dataset,
        sample=pair.second.sample,
        first=first,
        second=second,
        check=pair.check,
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One picture to cut into ``folder``."""

    name: str
    source: Source
    folder: Path


def _make(names: Mapping[Source, str], folder: Path, jobs: int) -> dict[str, tuple[int, int]]:
    """Tiles of every picture below ``folder``; width and height by picture."""
    from wespe_bench import progress
    from wespe_bench.registry import ENGINES, resolve

    tiles.remove_leftovers(folder)
    todo, sizes = [], {}
    for source, name in names.items():
        if (folder / name).is_dir():
            sizes[name] = tiles.size(folder / name, TILE)
        else:
            todo.append(Item(name, source, folder / name))
    failures = []
    with progress.bar(len(todo), "tiles", "picture") as bar:
        outcome: Outcome
        for outcome in resolve(ENGINES["local"])(
            open_worker, None, todo, jobs=min(jobs, len(todo)), chunk=1
        ):
            if outcome.fatal:
                raise InputError(f"{outcome.error}; what is done is kept, the same command resumes")
            if outcome.error:
                failures.append(outcome.error)
            else:
                sizes[outcome.item.name] = outcome.rows[0]["size"]
            bar.update()
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise InputError(f"{failures[0]}{more}; what is done is kept, the same command resumes")
    return sizes


def open_worker(_: None) -> Callable[[Sequence[Item]], list[Outcome]]:
    """In each worker: cut pictures."""
    return lambda items: [_cut(item) for item in items]


def _cut(item: Item) -> Outcome:
    from wespe_bench import images, provenance, reading

    path = item.source.path
    try:
        data = reading.read_bytes(path)
        if provenance.sha256_bytes(data) != item.source.sha256:
            return Outcome(item, error=f"{path}: changed since its run; run the same command again")
        image = images.read_rgb(data, name=str(path))
        if item.source.method == DAMAGED:
            image = damaged(image)
        tiles.write(item.folder, image, TILE)
    except InputError as error:
        return Outcome(item, error=str(error))
    except OSError as error:
        fatal = error.errno in FATAL
        return Outcome(item, error=f"{path}: {error.strerror or one_line(error)}", fatal=fatal)
    rows: dict[str, Any] = {"size": (image.shape[1], image.shape[0])}
    return Outcome(item, rows=(rows,))


def damaged(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) that nobody takes for the better: blurred by 2% of the long side and
    with a third of its contrast."""
    import numpy as np
    from PIL import Image, ImageFilter

    radius = max(2.0, 0.02 * max(image.shape[:2]))
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    return (96 + (blurred.astype(np.float32) - 96) / 3).clip(0, 255).astype(np.uint8)
