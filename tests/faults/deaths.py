"""Work for an engine that kills its worker, or that cannot be set up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from wespe_bench.engines import Outcome
from wespe_bench.errors import InputError


def dying(folder: str) -> Callable[[Sequence[int]], list[Outcome]]:
    """Item 3 kills its worker always, item 5 the first time only; deaths are counted in files.

    An item below zero is an error that the work does not catch. Rows say which process made
    them, and in which folder.
    """

    def work(items: Sequence[int]) -> list[Outcome]:
        for item in items:
            if item < 0:
                raise ValueError(f"{item} is below zero")
            once = Path(folder, str(item))
            if item == 3 or (item == 5 and not once.exists()):
                with once.open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)
        where = {"process": os.getpid(), "folder": str(Path.cwd())}
        return [Outcome(item, ({"value": item, **where},)) for item in items]

    return work


def unable(context: None) -> Callable[[Sequence[int]], list[Outcome]]:
    raise InputError("the model file is missing")


def hopeless(context: None) -> Callable[[Sequence[int]], list[Outcome]]:
    """Every worker dies before it is set up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
