"""A process of its own, with bounded memory and time, in which a reader meets hostile bytes.

Whatever the bytes do (a crash of a library's C code, a gigabyte asked for, an endless loop)
happens to that process is reported, and the next question gets a fresh one.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from wespe_bench.errors import InputError, one_line

#: Bytes that a question may take beside what the process and its libraries hold already.
MEMORY = 2**30
#: Seconds that a question may take; thousands of times what the slowest needs.
SECONDS = 60.0

#: What a `Ending` can be: an answer, the documented error, or one of the findings.
ANSWER, REFUSED = "answer", "refused"
FINDINGS = ("raised", "memory", "hung", "died")


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a question: its kind, and the answer, the error's line or a traceback."""

    kind: str
    text: Any = ""

    @property
    def fine(self) -> bool:
        return self.kind not in FINDINGS


class Cell:
    """Asks functions of modules in another process; ``imports`` are loaded there beforehand."""

    def __init__(self, imports: Sequence[str] = (), memory: int = MEMORY) -> None:
        self._imports = tuple(imports)
        self._memory = memory
        self._process: Any = None
        self._pipe: Any = None

    def __enter__(self) -> Cell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()

    def ask(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        bounded: bool = True,
        seconds: float = SECONDS,
    ) -> Ending:
        """What ``function(*arguments)`` gives there; unless ``bounded``, with all the memory."""
        if self._process is None:
            self._start()
        try:
            self._pipe.send((function, arguments, self._memory if bounded else 0))
            if not self._pipe.poll(seconds):
                self._end()
                return Ending("hung", f"no answer within {seconds:g} s")
            return Ending(*self._pipe.recv())
        except (EOFError, OSError):
            self._process.join(10)
            code = self._process.exitcode
            self._end()
            return Ending("died", f"exit code {code}")

    def _start(self) -> None:
        # Not forked: the threads of the libraries loaded here would be missing there.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._imports), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()  # the imports are done

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(pipe: Connection, imports: Sequence[str]) -> None:
    # Libraries in C write what they think of a file to the screen.
    with open(os.devnull, "w") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    for name in imports:
        importlib.import_module(name)
    pipe.send("ready")
    while True:
        try:
            function, arguments, memory = pipe.recv()
        except EOFError:
            return
        pipe.send(_told(function, arguments, memory))


def _told(function: Callable[..., Any], arguments: Sequence[Any], memory: int) -> tuple[str, Any]:
    _limit(memory)
    try:
        return ANSWER, function(*arguments)
    except InputError as error:
        text = one_line(error)
        # A reader that catches its own lack of memory was about to take it.
        starved = "MemoryError" in text or "Unable to allocate" in text
        return ("memory" if starved else REFUSED), str(error)
    except MemoryError:
        return "memory", f"more than {memory / 2**20:.0f} MiB"
    except BaseException:
        return "raised", traceback.format_exc()[-3000:]
    finally:
        _limit(0)


def _limit(memory: int) -> None:
    """Let the process have this many bytes more than now; all there are for 0."""
    try:
        import resource
        from pathlib import Path

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):  # no Linux: the time stays bounded
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = pages * resource.getpagesize() + memory if memory else hard
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
