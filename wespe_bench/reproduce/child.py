"""A step in a process of its own, that ends when its parent process is gone.

The one who begins it holds the other end of its standard input; when that closes, for what
reason ever, the step ends as by Ctrl-C, and keeps what it has done.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from wespe_bench.engines import THREADS


def begin(
    commands: Sequence[Sequence[str]], log: Path, held: Sequence[int] = (), threads: int = 0
) -> subprocess.Popen[bytes]:
    """Start ``wespe-bench COMMAND`` for each of some commands; what they say goes to ``log``'s end.

    One process runs them one after the other, until one fails. Its exit code is that one's, or 3
    when some of them were done in part. ``threads``: how many each computes with; 0: as many as
    it takes. ``held`` are file descriptors it inherits, so that a lock is free only when it has
    ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    limits = dict.fromkeys(THREADS, str(threads)) if threads else {}
    with open(log, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(list(commands))],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            env={**os.environ, **limits},
            pass_fds=tuple(held),
        )


def end(process: subprocess.Popen[bytes], patience: float = 60.0) -> None:
    """End a step that still runs, politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        process.stdin.close()


def last_words(log: Path) -> str:
    """The last line that a step said, without who says it."""
    try:
        lines = log.read_text("utf-8", "replace").replace("\r", "\n").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip()]
    error_lines = [line for line in said if line.startswith("wespe-bench: error: ")]
    return (error_lines or said or [""])[-1].removeprefix("wespe-bench: error: ")[:500]


def _watch() -> None:
    # Not sys.stdin: its lock, held by a waiting thread, would not let the interpreter end.
    while os.read(0, 4096):
        pass
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


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    raise SystemExit(_run(json.loads(sys.argv[1])))
