"""The command line in the tests' own process.

A process of its own costs seconds of imports. `tests.conftest.command` starts one for what needs
it (signals, streams, limits, variables that are read at start) and in one test of every verb.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

import pytest

from tests.conftest import Command, entry_point


@pytest.fixture
def verb(tmp_path: Path) -> Command:
    """Run the command line in this process, in ``tmp_path``; called and answering as `command`.

    What a process would take with it when it ends is put back: folder, environment, arguments,
    streams, the modules of a user's files, warnings, signals. An unforeseen error is raised here.
    """
    return partial(run_here, tmp_path)


def run_here(
    folder: Path, *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, in ``folder``, as the fixture `verb` does."""
    from wespe_bench import cli

    argv = [str(argument) for argument in arguments]
    with ExitStack() as stack:
        out, err = (stack.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(2))
        with _as_a_process(argv, cwd or folder, env), _written_to(out, err):
            try:
                code = cli.main(argv)
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return subprocess.CompletedProcess(argv, code, _text(out), _text(err))


class Forked:
    """The command line in a process forked from this one, which imports nothing again.

    To be killed, signalled or waited for; an environment that Python or a library reads at start
    takes a process of its own.
    """

    def __init__(self, folder: Path, *arguments: object, **variables: object) -> None:
        self._said = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        environment = os.environ | {name: str(value) for name, value in variables.items()}
        with warnings.catch_warnings():  # other threads of ours do not exist in the child
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            code = 1
            signal.alarm(300)  # ends what hangs
            try:
                if torch := sys.modules.get("torch"):
                    torch.set_num_threads(1)  # nor do OpenMP's
                    try:
                        torch.ones((), requires_grad=True).backward()
                    except RuntimeError:
                        self._replace(folder, arguments, environment)
                done = run_here(folder, *arguments, env=environment)
                self._said.write(done.stderr)
                code = done.returncode
            except BaseException:
                traceback.print_exc(file=self._said)
            finally:
                self._said.flush()
                os._exit(code)

    def _replace(
        self, folder: Path, arguments: Iterable[object], environment: dict[str, str]
    ) -> None:
        """Become the installed command: autograd's threads, once started, forbid a training here.

        They start where a backward pass follows one of torch's fake tensors (exports, compiling).
        """
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(self._said.fileno(), 2)
        command = [*entry_point(), *map(str, arguments)]
        os.execve(command[0], command, environment)

    def running(self) -> bool:
        """Whether it has not ended; to be asked before `end`."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> tuple[int, str]:
        """Wait for its end: exit code, minus the signal that killed it, and standard error."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code, _text(self._said)


def one_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """The process ended with 2 and one line on standard error that says ``words``."""
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("wespe-bench: error: ")
    for word in words:
        assert word in line


@contextmanager
def _written_to(out: TextIO, err: TextIO) -> Iterator[None]:
    """What this process and its workers print goes to these files."""
    kept = [os.dup(1), os.dup(2)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            for number, stream in ((1, out), (2, err)):
                os.dup2(stream.fileno(), number)
            yield
    finally:
        for number, before in zip((1, 2), kept, strict=True):
            os.dup2(before, number)
            os.close(before)


def _text(stream: TextIO) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextmanager
def _as_a_process(argv: list[str], cwd: Path, env: Mapping[str, str] | None) -> Iterator[None]:
    before = os.environ.copy()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Python's own filters, which the tests' replace; what the tests forbid stays forbidden.
        for kind in (ImportWarning, PendingDeprecationWarning, ResourceWarning, DeprecationWarning):
            warnings.simplefilter("ignore", kind)
        for package in ("wespe_bench", "ffs", "reference_models", "reports"):
            warnings.filterwarnings("error", "", DeprecationWarning, rf"{package}(\.|$)")
        patch.chdir(cwd)
        patch.setattr(sys, "argv", [*entry_point(), *argv])
        patch.setattr(sys, "path", sys.path.copy())
        if env is not None:
            os.environ.clear()
            os.environ.update(env)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
