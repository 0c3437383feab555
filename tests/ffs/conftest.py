"""Verbs run in this process: starting torch takes longer than what most of these tests do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wespe_bench import cli

Verb = Callable[..., tuple[int, str]]


@pytest.fixture
def verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verb:
    """Run ``wespe-bench ...`` in ``tmp_path``; the exit code, and all that was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*arguments: object) -> tuple[int, str]:
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out + captured.err

    return run
