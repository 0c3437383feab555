"""No test is skipped in silence: those that lack something ask `tests.needs`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import browser, needs

HERE = Path(__file__).parent


def test_what_is_missing_is_skipped_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WESPE_BENCH_NO_SKIPS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no browser: install one"):
        needs.missing("no browser", "install one")
    monkeypatch.setenv("WESPE_BENCH_NO_SKIPS", "1")
    with pytest.raises(pytest.fail.Exception, match="no browser: install one"):
        needs.missing("no browser", "install one")


def test_the_platform_is_always_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WESPE_BENCH_NO_SKIPS", "1")
    needs.platform(True, "never said")
    with pytest.raises(pytest.skip.Exception, match="not on this platform: it has no cp"):
        needs.platform(False, "it has no cp")


def test_each_reason_is_one_line() -> None:
    reports = [
        pytest.TestReport(
            "a", ("a.py", 1, "a"), {}, "skipped", ("a.py", 1, f"Skipped: {why}"), "setup"
        )
        for why in ("no browser", "no cp", "no browser")
    ]
    assert needs.summary(reports) == ["2 skipped: no browser", "1 skipped: no cp"]


def test_browsers_are_looked_for_by_name_and_playwrights_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", (str(tmp_path / "opt"),))
    for name in ("own", "microsoft-edge", "chromium"):
        (tmp_path / name).touch(0o755)
    found = [Path(path).name for path in browser.browsers(str(tmp_path / "own"))]
    assert found == ["chromium", "microsoft-edge", "own"]
    assert len(browser.browsers(str(tmp_path / "not installed"))) == 2


def test_no_test_skips_itself() -> None:
    skipping = re.compile(
        r"pytest\.skip\(|skipif|importorskip|mark\.skip|mark\.xfail|pytest\.xfail"
    )
    files = {path for path in HERE.rglob("*.py") if skipping.search(path.read_text("utf-8"))}
    assert files - {HERE / "needs.py", Path(__file__)} == set()
