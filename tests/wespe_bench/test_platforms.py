"""What other platforms do differently, as far as one shows it: encodings, names of files."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.reports.runs import make_run
from wespe_bench.cli import main
from wespe_bench.runs import folder_name


@given(st.text())
@example("con")
@example("LPT\N{SUPERSCRIPT TWO}.txt")
@example("x." * 50)
@example("")
def test_folders_have_names_that_windows_allows(name: str) -> None:
    folder = folder_name(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert not PureWindowsPath(folder).is_reserved()
    assert 1 <= len(folder) <= 100 and not set(folder) & set('<>:"/\\|?*')
    assert folder[0] != "." and folder[-1] not in ". "


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "data list",
        "conventions --help",
        "report runs",
        "compare Mine Other --runs runs",
        "leaderboard --runs runs",
        "export scores runs",
        "score nowhere/\N{INFINITY}",
    ],
)
def test_a_console_of_windows_gets_every_line(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WESPE_DATA", str(tmp_path / "data"))
    for label, shift in (("Mine", 0.0), ("Other", 1.0)):
        values = [float("inf"), 21.0 + shift, 22.0 + shift, 23.0]
        make_run(tmp_path / "runs", label, {"psnr": values})
    encoding = "cp1252"
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    code = main(words.split())
    said = [stream.buffer.getvalue().decode(encoding) for stream in streams]
    assert code == (2 if "nowhere" in words else 0), said
    assert said[code // 2] and "Traceback" not in said[1]
