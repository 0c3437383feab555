"""Any program as an enhancer: ``cmd:tool --flag {input} {output}``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from reference_models import leftover_programs
from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb, read_rgb, write_png

#: Seconds a program may take over one photo.
TIME_LIMIT = 600.0

#: File formats in which photos go to a program and come back, by the ending of their names.
FORMATS = ("png", "tiff")

_OPTIONS = re.compile(r"\?((?:time_limit|format)=[^?&\s]*(?:&(?:time_limit|format)=[^?&\s]*)*)$")


class Command:
    """A program that reads one picture file and writes another.

    ``{input}`` and ``{output}`` stand for the paths of a file to read and one to write, both PNG,
    or with ``format`` "tiff" both TIFF (the input's not compressed, 8 bits). The text is split
    into arguments as a shell would quote them, but no shell runs: there are no pipes, variables or
    wildcards. The program gets nothing on its standard input.

    A program that fails, takes longer than ``time_limit`` seconds (it and its children are
    then ended), writes no picture or one of another size raises InputError with the end of what
    it wrote to stderr and stdout.

    The fingerprint is the command and the SHA-256 of each file named in it; libraries the
    program loads are not seen.
    """

    works_elsewhere = True

    def __init__(
        self, command: str, time_limit: float = TIME_LIMIT, format: str = FORMATS[0]
    ) -> None:
        try:
            self.arguments = shlex.split(command)
        except ValueError as error:
            raise InputError(f"cmd:{command}: {error}") from None
        for place in ("{input}", "{output}"):
            if not any(place in argument for argument in self.arguments):
                raise InputError(
                    f"cmd:{command}: {place} is missing; expected cmd:tool {{input}} {{output}}"
                )
        program = shutil.which(self.arguments[0])
        if program is None:
            raise InputError(f"cmd:{command}: no program {self.arguments[0]!r} here")
        self.arguments[0] = program
        self.time_limit = time_limit
        self.format = format
        self.name = Path(program).name
        digest = hashlib.sha256((command + self.format.removeprefix("png")).encode())
        for argument in self.arguments:
            if Path(argument).is_file():
                digest.update(Path(argument).read_bytes())
        self.fingerprint = f"cmd:{digest.hexdigest()}"

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to uint8 of the same shape."""
        check_rgb(image)
        with leftover_programs.temporary_folder() as folder:
            source, target = (Path(folder, f"{name}.{self.format}") for name in ("input", "output"))
            if self.format == "tiff":
                Image.fromarray(image).save(source)
            else:
                write_png(source, image)
            places = {"{input}": str(source), "{output}": str(target)}
            try:
                said = self._run([_filled(argument, places) for argument in self.arguments], folder)
                if not target.is_file():
                    raise InputError(f"{self.name} wrote no picture at {{output}}{said}")
                result = read_rgb(target.read_bytes(), name=f"the picture {self.name} wrote")
            except InputError:
                # On a full disk it is neither the program that failed nor this photo's fault.
                atomic.write_bytes(Path(folder, "room"), bytes(image.nbytes))
                raise
        if result.shape != image.shape:
            raise InputError(
                f"{self.name} wrote {result.shape[1]}x{result.shape[0]} for a photo of "
                f"{image.shape[1]}x{image.shape[0]}{said}"
            )
        return result

    def _run(self, arguments: list[str], folder: str) -> str:
        """Run the program in its ``folder``; what it wrote to stderr and stdout, for a message."""
        with tempfile.TemporaryFile() as stderr, tempfile.TemporaryFile() as stdout:
            try:
                process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise InputError(f"{self.name} cannot be started: {error.strerror}") from None
            leftover_programs.note(folder, process.pid)
            try:
                code = process.wait(self.time_limit)
            except subprocess.TimeoutExpired:
                raise InputError(
                    f"{self.name} took longer than {self.time_limit:g} s and was ended"
                    f"{_said(stderr, stdout)}"
                ) from None
            finally:
                _end(process)
                leftover_programs.note(folder, 0)
            said = _said(stderr, stdout)
        if code < 0:
            raise InputError(f"{self.name} was ended by signal {-code}{said}")
        if code:
            raise InputError(f"{self.name} failed with exit code {code}{said}")
        return said


def command(argument: str) -> Command:
    """Any program, no shell: cmd:tool {input} {output}.

    A time limit in seconds other than ten minutes, and TIFF instead of PNG, go after a question
    mark at the end: ``cmd:tool {input} {output}?time_limit=30&format=tiff``.
    """
    found = _OPTIONS.search(argument)
    if not found:
        return Command(argument)
    options = dict(item.split("=", 1) for item in found[1].split("&"))
    limit, kind = options.get("time_limit", str(TIME_LIMIT)), options.get("format", FORMATS[0])
    try:
        seconds = float(limit)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise InputError(f"cmd:{argument}: time_limit={limit}: expected seconds")
    if kind not in FORMATS:
        raise InputError(f"cmd:{argument}: format={kind}: expected one of {', '.join(FORMATS)}")
    return Command(argument[: found.start()], seconds, kind)


def _filled(argument: str, places: dict[str, str]) -> str:
    for place, path in places.items():
        argument = argument.replace(place, path)
    return argument


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program with whatever it started: a wrapper script must not leave its tool behind."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _said(stderr: IO[bytes], stdout: IO[bytes]) -> str:
    """The end of what a program wrote, in one line: 300 characters of stderr, 100 of stdout."""
    errors, output = _end_of(stderr, 300), _end_of(stdout, 100)
    if errors and output:
        return f"; it said: {errors}; on stdout: {output}"
    return f"; it said: {errors or output}" if errors or output else ""


def _end_of(file: IO[bytes], letters: int) -> str:
    file.seek(max(file.seek(0, os.SEEK_END) - 4000, 0))
    text = " ".join(file.read().decode(errors="replace").split())
    return f"...{text[-letters:]}" if len(text) > letters else text
