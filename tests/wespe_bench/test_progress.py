"""The progress bar: what it shows does not hang on the wall's clock."""

from __future__ import annotations

import io
import re
import sys
import time
import types
from collections.abc import Iterator

import pytest
import tqdm.auto
import tqdm.std

from wespe_bench import progress
from wespe_bench.driver import run_items
from wespe_bench.engines import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    terminal = Terminal()
    clock = [0.0]
    monkeypatch.setattr(sys, "stderr", terminal)
    # By this name tqdm has the clock of the wall.
    monkeypatch.setattr(tqdm.std, "time", lambda: time.monotonic() + clock[0])
    with progress.bar(4, "enhance") as bar:
        clock[0] = jump
        for _ in range(4):
            time.sleep(0.21)
            bar.update()
    shown = re.findall(r"(\d)/4 \[([^<]*)<([^,]*)", terminal.getvalue())
    assert {count for count, _, _ in shown} == set("01234")
    assert {spent for _, spent, _ in shown} <= {f"00:{n:02}" for n in range(30)}
    assert {left for _, _, left in shown} <= {"?", *(f"00:{n:02}" for n in range(30))}


def test_a_notebook_has_the_bar_of_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    with progress.bar(2, "enhance", quiet=True) as shown:
        assert isinstance(shown, tqdm.auto.tqdm)
    monkeypatch.delitem(sys.modules, "ipykernel")
    with progress.bar(2, "enhance", quiet=True) as shown:
        assert type(shown) is tqdm.std.tqdm


def test_the_bar_names_the_method_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def engine(setup: object, context: object, items: list[str], **_: object) -> Iterator[Outcome]:
        for item in items:
            time.sleep(0.21)
            yield Outcome(item)

    run_items(
        engine, print, None, ["clahe", "unsharp"], title="enhance", jobs=1, chunk=1,
        take=lambda outcome: [], write=lambda rows: None, method=str,
    )  # fmt: skip
    shown = re.findall(
        r"(\d)/2 \[\d+:\d+<\d+:\d+, +[\d.]+(?:photo/s|s/photo), (\w+)\]", terminal.getvalue()
    )
    assert ("1", "clahe") in shown
