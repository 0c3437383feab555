"""Every hostile case: its one-line answer, within memory and time, and nothing else touched."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.hostile import cases, table
from tests.hostile.cases import OUT, Case
from tests.hostile.cell import Cell

_ALL = [case for _, case in cases.cases()]

#: Also run as a user does, in a process begun by the installed ``wespe-bench``.
THROUGH_THE_ENTRY_POINT = (
    "a PNG of 100 bytes that says 4,000,000,000 pixels",
    "a zip with `../escaped.png`",
    "a .mat with a matrix where numbers belong (scipy would crash)",
    "a photo called `$(touch pwned).png`, given to a program",
)


def _inside(folder: Path) -> dict[str, str]:
    """Everything below a folder but what is in ``out``: its kind, and its content's hash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = os.fsencode(path.relative_to(folder)).decode(errors="backslashreplace")
        if {*name.split("/")[:2]} & {OUT, "runs", "__pycache__"}:
            continue
        regular = path.is_file() and not path.is_symlink()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if regular else "no file"
    return found


def _param(case: Case) -> object:
    """A case for pytest; those that make or read hundreds of megabytes are slow."""
    large = re.search(r"\d00 MB|of 50 MB|GB of zeros|50,000,000 rows", case.offered)
    return pytest.param(case, marks=[pytest.mark.slow] if large else [], id=case.offered)


@pytest.mark.parametrize("case", [_param(case) for case in _ALL])
def test_answer(case: Case, cell: Cell, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    made = cell.ask(cases.make, case.offered, str(folder), bounded=False)
    assert made.fine, made.text
    before = _inside(tmp_path)
    ending = cell.ask(cases.run, case.offered, str(folder))
    assert ending.fine, ending.text
    code, line, said = ending.text
    assert cases.fits(case.answer, line), f"{line}\n{said}"
    assert code == case.code
    assert "Traceback" not in said and "\x1b[31m" not in said
    assert _inside(tmp_path) == before
    case.harmless(folder)


def test_the_table_in_the_reference() -> None:
    assert table.PAGE.read_text("utf-8") == table.written()


@pytest.mark.parametrize("offered", THROUGH_THE_ENTRY_POINT)
def test_through_the_real_entry_point(offered: str, command: Command, tmp_path: Path) -> None:
    case = cases.by_name(offered)
    case.make(tmp_path)
    before = _inside(tmp_path)
    result = command(*shlex.split(case.command))
    line = cases.last_line(result.returncode, result.stdout, result.stderr)
    assert cases.fits(case.answer, line), result.stderr
    assert result.returncode == case.code
    assert "Traceback" not in result.stderr
    assert _inside(tmp_path) == before


def test_names_are_unique() -> None:
    names = [case.offered for case in _ALL]
    assert len(set(names)) == len(names)
