"""Ctrl-C waits for the loop once, and no more."""

import signal
import subprocess
import sys
import threading

import pytest

from wespe_bench import interrupts
from wespe_bench.interrupts import deferred


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_and_the_second_ends(number, capfd, monkeypatch):
    monkeypatch.setattr(interrupts, "REPEATED", 0.0)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), deferred() as come:
            assert not come()
            signal.raise_signal(number)
            assert come()
            assert "Ctrl-C again ends at once" in capfd.readouterr().err
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_where_nothing_is_deferred():
    with pytest.raises(KeyboardInterrupt), deferred(wanted=False):
        signal.raise_signal(signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a worker of several trainings
    try:
        with deferred() as come:
            signal.raise_signal(signal.SIGINT)
            assert not come()
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def elsewhere():
        with deferred() as come:
            seen.append(come())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [False]


def test_signals_close_together_are_one(monkeypatch, capfd):
    """As `timeout` sends them: to the command, and to its group."""
    monkeypatch.setattr(interrupts, "REPEATED", 3600.0)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        interrupts.raise_on_signals()
        with deferred() as come:
            for _ in range(3):
                signal.raise_signal(signal.SIGTERM)
            assert come()
        assert capfd.readouterr().err.count("this step ends") == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


AT_EXIT = """
import atexit, dataclasses, os, signal, sys
from wespe_bench import cli, interrupts, verbs

interrupts.REPEATED = 0.0
cli.VERBS["slow"] = verbs.Verb("slow", "Slow", "", function="verb")
atexit.register(os.kill, os.getpid(), signal.SIGTERM)

@dataclasses.dataclass(frozen=True)
class Options:
    pass

class slow:
    Slow = Options

    @staticmethod
    def verb(_):
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            pass

sys.modules["slow"] = slow
sys.argv = ["wespe-bench", "slow"]
sys.exit(cli.main())
"""


def test_a_signal_while_the_process_exits_adds_no_line():
    found = subprocess.run(
        [sys.executable, "-c", AT_EXIT], capture_output=True, text=True, check=False, timeout=60
    )
    assert found.stderr == "wespe-bench: interrupted\n"
    assert found.returncode == -signal.SIGTERM
