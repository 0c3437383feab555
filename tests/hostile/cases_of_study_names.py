"""Hostile names in user studies, on the way to raters' pages and to the report."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

from tests.hostile import studies
from tests.hostile.cases import Case
from tests.hostile.cases_of_names import (
    FORMULA,
    LINK,
    SCRIPT,
    TURNED,
    cells_are_text,
    markdown_is_text,
    page_is_inert,
    runs_called,
)

TITLE = "Names in user studies"

_PLACE = "out/study"


def _named(name: str) -> Callable[[Path], object]:
    """A study with votes in which all that is a name is this one."""

    def make(folder: Path) -> None:
        names = dict.fromkeys(("dataset", "sample", "title"), name)
        studies.voted(folder / _PLACE, method=name, rival=f"{name} 2", **names)

    return make


def report_is_inert(folder: Path) -> None:
    page_is_inert(folder, scripts=0)
    markdown_is_text(folder)
    cells_are_text(folder)


def _nothing_is_told(name: str) -> Callable[[Path], None]:
    """What raters get knows no method, no data set and no photo's name."""

    def check(folder: Path) -> None:
        page = (folder / "out" / "static" / "index.html").read_text("utf-8")
        data = (folder / "out" / "static" / "study-data.js").read_text("utf-8")
        assert "<" not in data
        for text in (page, data):
            assert name not in text.replace(json.dumps(name)[1:-1].replace("<", "\\u003c"), "", 1)
        files = sorted(p for p in (folder / "out").rglob("*") if p.is_file())
        assert all(p.resolve().is_relative_to((folder / "out").resolve()) for p in files)

    return check


def _built(what: str, name: str) -> Case:
    quoted = shlex.quote(name)
    return Case(
        f"{what} as every name of two runs and as the title, to `study build`",
        runs_called(name),
        f"study build --runs theirs --method {quoted} --rivals identity original --images 2"
        f" --title {quoted} --static --jobs 0 --out out",
        "the page without a server -> out/static",
        0,
        _nothing_is_told(name),
    )


def _reported(what: str, name: str) -> Case:
    return Case(
        f"{what} as every name of a study with votes, to `study report`",
        _named(name),
        f"study report {_PLACE} --out out/report",
        "...",
        0,
        report_is_inert,
    )


def _run_called(label: str = "identity", dataset: str = "photos") -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        from tests.reports.runs import make_run

        run = make_run(folder / "theirs", "identity", {"psnr": [20.0, 21.0]}, revision="0" * 64)
        metadata = json.loads((run / "run.json").read_text())
        metadata["label"], metadata["dataset"]["name"] = label, dataset
        (run / "run.json").write_text(json.dumps(metadata))

    return make


_BUILD = "study build --runs theirs --images 1 --jobs 0 --out out --method "
_HOLDS = "holds control characters or lone surrogates; choose another"

CASES = (
    *(
        _reported(what, name)
        for what, name in (
            ("`<script>`", SCRIPT),
            ("a Markdown link", LINK),
            ("a formula", FORMULA),
            ("a name that runs backwards (U+202E)", TURNED),
        )
    ),
    _built("`<script>`", SCRIPT),
    _built("a formula", FORMULA),
    _built("a name that runs backwards (U+202E)", TURNED),
    _built("`../../escaped`", "../../escaped"),
    Case(
        "a run whose label sets the terminal's colour, to `study build`",
        _run_called(label="\x1b[31mred"),
        _BUILD + "$'\\x1b[31mred'",
        "...",
    ),
    Case(
        "a run whose data set sets the terminal's colour, to `study build`",
        _run_called(dataset="\x1b[31mred"),
        _BUILD + "identity",
        f"...: its dataset {_HOLDS}",
    ),
    Case(
        "a run whose data set is half a character, to `study build`",
        _run_called(dataset="\ud800"),
        _BUILD + "identity",
        f"...: its dataset {_HOLDS}",
    ),
)
