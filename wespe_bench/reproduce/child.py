"""A process that runs steps one after the other, and ends when its parent process is gone.

Imports cost seconds, so the steps share one process. A step that fails ends it, and so does one
that used a GPU, whose memory the next one may need.

The parent holds the other end of its standard input: a line there is a step, and when it closes,
for any reason, the step at work ends as by Ctrl-C, and keeps what it has done.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from wespe_bench.engines import THREADS


class Child:
    """At most one process at a time; it starts with the first step, and again where it ended."""

    def __init__(self, held: Sequence[int] = (), threads: int = 0) -> None:
        """``threads``: how many each step computes with; 0: as many as it takes. ``held`` are file
        descriptors it inherits, so that a lock is free only when it has ended.
        """
        self._held, self._threads = tuple(held), threads
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def begin(self, commands: Sequence[Sequence[str]], log: Path) -> None:
        """Run ``wespe-bench COMMAND`` for each of some commands, one after the other, until one
        fails; what they print is added to ``log``.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._process or self._started(log)
        step = json.dumps({"commands": list(commands), "log": str(log.absolute())})
        with contextlib.suppress(BrokenPipeError):  # it was killed: `poll` says so
            self._process.stdin.write(step.encode() + b"\n")  # pyrefly: ignore[missing-attribute]
            self._process.stdin.flush()  # pyrefly: ignore[missing-attribute]

    def _started(self, log: Path) -> subprocess.Popen[bytes]:
        limits = dict.fromkeys(THREADS, str(self._threads)) if self._threads else {}
        with open(log, "ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env={**os.environ, **limits},
                pass_fds=self._held,
            )
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_hear, args=(process, self._answers), daemon=True).start()
        return process

    def poll(self) -> int | None:
        """The step's exit code, None while it runs: the code of the command that failed, or 3 when
        some of them were done in part.
        """
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            return None
        if answer == _DONE:
            return 0
        self.close()
        return int(answer)

    def close(self, patience: float = 60.0) -> None:
        """End the process; a step that still runs politely, then not."""
        if self._process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # pyrefly: ignore[missing-attribute]
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


#: What the process says of a step that it has done, while it waits for another.
_DONE = b"done\n"


def _hear(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Each line that the process says, then its exit code."""
    with process.stdout as lines:  # pyrefly: ignore[bad-context-manager]
        for line in lines:
            answers.put(line)
    answers.put(b"%d" % process.wait())


def last_words(log: Path) -> str:
    """The last line that a step said, without who says it."""
    try:
        lines = log.read_text("utf-8", "replace").replace("\r", "\n").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip()]
    error_lines = [line for line in said if line.startswith("wespe-bench: error: ")]
    return (error_lines or said or [""])[-1].removeprefix("wespe-bench: error: ")[:500]


def _read(steps: queue.SimpleQueue[bytes]) -> None:
    # Not sys.stdin: its lock, held by a waiting thread, would not let the interpreter end.
    rest = b""
    while more := os.read(0, 65536):
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            steps.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


def _run(commands: Sequence[list[str]]) -> int:
    from wespe_bench.registry import resolve

    partly = 0
    for command in commands:
        code = int(resolve("wespe_bench.cli:main")(command))
        if code not in (0, 3):
            return code
        partly = max(partly, code)
    return partly


def _uses_gpu() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


def main() -> int:
    """Run the steps of standard input; the exit code of the last one."""
    steps: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(steps,), daemon=True).start()
    answers = os.dup(1)
    code = 0
    with contextlib.suppress(KeyboardInterrupt):  # no step is at work: nothing is lost
        while not code:
            step = json.loads(steps.get())
            with open(step["log"], "ab") as log:
                for number in (1, 2):
                    os.dup2(log.fileno(), number)
            code = _run(step["commands"])
            sys.stdout.flush()
            if code or _uses_gpu():
                break
            os.write(answers, _DONE)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
