"""The table of hostile files: what is offered, the command it is given to, and the answer.

Each case writes its files into a folder of its own and runs a verb there (`run`).
docs/reference/hostile.md shows the same table. In an answer "..." stands for words that belong to
a library.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: Where every case may write; what else is in its folder stays as it was.
OUT = "out"


@dataclass(frozen=True)
class Case:
    """``make`` writes the files; ``command`` follows "wespe-bench"; ``answer`` is its last line.

    ``code`` is the exit code: 2 refused, 3 done but for what the answer names, 0 done.
    """

    offered: str
    make: Callable[[Path], object]
    command: str
    answer: str
    code: int = 2
    harmless: Callable[[Path], None] = lambda _: None


def fits(answer: str, line: str) -> bool:
    """Whether a line is the answer, whose "..." stand for anything.

    >>> fits("x: damaged (...)", "x: damaged (OSError)"), fits("a", "b")
    (True, False)
    """
    pattern = ".*".join(map(re.escape, answer.split("...")))
    return re.fullmatch(pattern, line) is not None


def cases() -> Iterator[tuple[str, Case]]:
    """Every case with the heading it stands under."""
    from tests.hostile import (
        cases_of_archives,
        cases_of_lists,
        cases_of_models,
        cases_of_names,
        cases_of_networks,
        cases_of_photos,
        cases_of_runs,
        cases_of_studies,
        cases_of_study_names,
        cases_of_votes,
        cases_of_weights,
    )

    for module in (
        cases_of_photos,
        cases_of_archives,
        cases_of_lists,
        cases_of_weights,
        cases_of_networks,
        cases_of_models,
        cases_of_names,
        cases_of_runs,
        cases_of_studies,
        cases_of_votes,
        cases_of_study_names,
    ):
        for case in module.CASES:
            yield module.TITLE, case


def by_name(offered: str) -> Case:
    return next(case for _, case in cases() if case.offered == offered)


def make(offered: str, folder: str) -> None:
    """Write a case's files."""
    by_name(offered).make(Path(folder))


def run(offered: str, folder: str) -> tuple[int, str, str]:
    """Run a case's command in its folder; the exit code, its last line, and all it said.

    The line is the error's without "wespe-bench: error: ", or what standard output ends with.
    """
    from wespe_bench.cli import main

    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        code = main(shlex.split(by_name(offered).command))
    return code, last_line(code, stdout.getvalue(), stderr.getvalue()), stderr.getvalue()


def last_line(code: int, stdout: str, stderr: str) -> str:
    lines = (stderr if code else stdout).strip().splitlines() or [""]
    return lines[-1].strip().removeprefix("wespe-bench: error: ")


def table() -> str:
    """The cases as the page shows them."""
    from tests.hostile import requests

    parts: list[str] = []
    title = ""
    for heading, case in cases():
        if heading != title:
            title = heading
            parts += ["", f"## {title}", "", "| offered | `wespe-bench` ... | exit | answer |"]
            parts.append("|---|---|--:|---|")
        cells = (case.offered, f"`{case.command}`", str(case.code), f"`{case.answer}`")
        parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*parts[1:], *requests.table()]) + "\n"
