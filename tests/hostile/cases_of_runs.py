"""Hostile run folders: links out of them, and pictures that are not the scored ones."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.hostile.cases import Case

TITLE = "Run folders"

_OUT = "leads out of the run folder by a link; delete the link"
_LEFT_OUT = "wespe-bench: run1 is left out: theirs/run1/"
_SCORE = "score theirs/run1 --metrics psnr --jobs 0"


def _runs(harm: Callable[[Path, Path], object]) -> Callable[[Path], object]:
    """Two runs in ``theirs``; ``harm`` is given the second, and somebody else's folder."""

    def make(folder: Path) -> None:
        from tests.reports.runs import make_run

        for number, label in enumerate(("identity", "clahe")):
            scores = {"psnr": [20.0, 21.0, 22.0 + number]}
            make_run(folder / "theirs", label, scores, folder=f"run{number}", shade=number)
        (folder / "mine").mkdir()
        harm(folder / "theirs" / "run1", folder / "mine")

    return make


def _moved(name: str) -> Callable[[Path], object]:
    """A file or folder of the second run is a link to the same elsewhere."""

    def harm(run: Path, mine: Path) -> None:
        target = mine / Path(name).name
        shutil.move(run / name, target)
        (run / name).symlink_to(target)

    return _runs(harm)


def _own_metric(folder: Path) -> None:
    """A run scored with a metric of a file that writes where it is imported."""
    from tests.reports.runs import make_run

    (folder / "own.py").write_text("open('pwned', 'w').close()\n")
    for number in range(2):
        scores = {"own.py:METRIC": [20.0, 21.0, 22.0 + number]}
        make_run(folder / "theirs", f"m{number}", scores, folder=f"run{number}", shade=number)


def _part(run: Path, mine: Path) -> None:
    (part,) = (run / "scores").iterdir()
    part.rename(mine / part.name)
    part.symlink_to(mine / part.name)


def _folder_of_images(run: Path, mine: Path) -> None:
    (run / "images" / "more").symlink_to(mine)


def _swapped(run: Path, mine: Path) -> None:
    shutil.copy(run.parent / "run0" / "images" / "s00.png", run / "images" / "s00.png")


def _once(run: Path, mine: Path) -> None:
    (run.parent / "again").symlink_to(run)
    (run.parent / "loop").symlink_to(run.parent)


def _nowhere(run: Path, mine: Path) -> None:
    (run.parent / "run2").symlink_to(mine / "gone")


def _shows(count: int) -> Callable[[Path], None]:
    """The page has this many of the second run's pictures."""

    def check(folder: Path) -> None:
        text = (folder / "out" / "report.html").read_text("utf-8")
        (data,) = re.findall(r'data-photos="([^"]*)"', text)
        photos = json.loads(html.unescape(data))["photos"]
        # Beside the input and the reference.
        assert sum(len(photo["pictures"]) - 2 for photo in photos) == count

    return check


CASES = (
    Case(
        "a run whose `images` are a link to another's folder, to `enhance`",
        _moved("images"),
        "enhance clahe --input theirs/data/photos --name photos --out theirs/run1 --jobs 0",
        f"theirs/run1/images: {_OUT}",
    ),
    Case(
        "a run whose `scores` are a link to another's folder, to `score`",
        _moved("scores"),
        _SCORE,
        f"theirs/run1/scores: {_OUT}",
    ),
    Case(
        "a run whose `failures` are a link to another's folder, to `export`",
        _runs(lambda run, mine: (run / "failures").symlink_to(mine)),
        "export scores theirs --out out/scores.csv",
        f"{_LEFT_OUT}failures: {_OUT}",
        3,
    ),
    Case(
        "a run whose run.json is a link to another's file, to `leaderboard`",
        _moved("run.json"),
        "leaderboard --runs theirs --out out",
        f"{_LEFT_OUT}run.json: {_OUT}",
        3,
    ),
    Case(
        "a run one of whose parts is a link to another's file, to `report`",
        _runs(_part),
        "report theirs --out out",
        f"{_LEFT_OUT}scores/part-...: {_OUT}",
        3,
    ),
    Case(
        "a run with a folder among its images that is a link, to `score`",
        _runs(_folder_of_images),
        _SCORE,
        f"theirs/run1/images/more: {_OUT}",
    ),
    Case(
        "a run with a picture that is a link to another's file, to `score`",
        _moved("images/s00.png"),
        _SCORE,
        f"theirs/run1/images/s00.png: {_OUT}",
    ),
    Case(
        "a run with a picture that is a link to another's file, to `merge`",
        _moved("images/s00.png"),
        "merge theirs --out out",
        f"theirs/run1/images/s00.png: {_OUT}",
    ),
    Case(
        "a run with a picture that is a link to another's file, to `report`",
        _moved("images/s00.png"),
        "report theirs --out out",
        "wespe-bench: s00: the result of clahe is not shown: theirs/run1/images/s00.png: " + _OUT,
        3,
        _shows(2),
    ),
    Case(
        "a run with another method's picture under its name, to `report`",
        _runs(_swapped),
        "report theirs --out out",
        "wespe-bench: s00: the result of clahe is not shown: theirs/run1/images/s00.png is not "
        "the file that was scored",
        3,
        _shows(2),
    ),
    Case(
        "links in a folder of runs to a run, and to the folder itself",
        _runs(_once),
        "export scores theirs --out out/scores.csv",
        "6 rows of 2 runs -> out/scores.csv",
        0,
    ),
    Case(
        "a link to nothing in a folder of runs",
        _runs(_nowhere),
        "export scores theirs --out out/scores.csv",
        "wespe-bench: theirs/run2 is a link to nothing; a run may be missing",
        3,
    ),
    *(
        Case(
            "a run with scores of `own.py:METRIC`, a file that writes when imported, to "
            f"`{verb.split()[0]}`",
            _own_metric,
            f"{verb} --out out",
            "...",
            0,
        )
        for verb in ("report theirs", "leaderboard --runs theirs")
    ),
)
