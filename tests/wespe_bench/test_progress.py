"""The progress bar: what it shows does not hang on the wall's clock."""

from __future__ import annotations

import io
import re
import sys
import time

import pytest
import tqdm.std

from wespe_bench import progress


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
