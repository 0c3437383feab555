"""Ctrl-C waits for the loop once, and no more."""

import signal
import threading

import pytest

from wespe_bench.training.interrupting import deferred


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_and_the_second_ends(number, capfd):
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
    with pytest.raises(KeyboardInterrupt), deferred(lone=False):
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
