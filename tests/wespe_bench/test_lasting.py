"""What is started once a command line, and that it ends with it, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wespe_bench.lasting import command_line, shared

said: list[str] = []


@contextmanager
def server() -> Iterator[int]:
    said.append("start")
    try:
        yield len(said)
    finally:
        said.append("end")


def use(key: str = "a") -> int:
    with shared(key, server) as found:
        said.append("use")
    return found


@pytest.fixture(autouse=True)
def fresh() -> None:
    said.clear()


def test_once_a_command_line() -> None:
    with command_line():
        first = use()
        with command_line():  # a verb that calls another
            assert use() == first
        assert use() == first
    assert said == ["start", "use", "use", "use", "end"]
    with command_line():
        use()
    assert said[5:] == ["start", "use", "end"]


def test_each_block_outside_of_one() -> None:
    use(), use()
    assert said == 2 * ["start", "use", "end"]


def test_what_differs_is_started_for_itself() -> None:
    with command_line():
        assert use("a") != use("b")
    assert said.count("start") == said.count("end") == 2


def test_an_error_ends_it_too() -> None:
    with pytest.raises(KeyboardInterrupt), command_line():
        use()
        raise KeyboardInterrupt
    use()
    assert said == 2 * ["start", "use", "end"]
