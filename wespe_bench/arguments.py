"""From a verb's arguments to its frozen dataclass: tyro parses, we word the complaints.

A field without a default is a positional argument; its docstring is the help text.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar

from wespe_bench.errors import InputError

Config = TypeVar("Config")

#: The fields of each verb that take addresses of stores (`wespe_bench.places`), or of the web.
ADDRESSES = {
    "run": ("input", "reference", "dataset", "out"),
    "enhance": ("input", "reference", "dataset", "out"),
    "score": ("runs",),
    "report": ("runs", "out"),
    "compare": ("methods", "runs", "out"),
    "leaderboard": ("runs", "out"),
    "tables": ("runs",),
    "figures": ("runs",),
    "merge": ("shards", "out"),
    "export scores": ("runs", "out"),
    "data split": ("dataset", "out"),
    "data preview": ("dataset", "input", "reference"),
    "data fetch": ("source", "mirror"),
    "ffs crawl": ("api",),
    "ffs score": ("photos",),
}

# Fields that hold words, or a cluster, and no path.
_WORDS = ("engine", "label", "name", "note", "question", "title")

# At the start, or after a spec's own "camera:" and its options' "manifest="; what a command of
# several words is given (cmd:...) is its own affair.
_ADDRESS = re.compile(r"(?:\S*[:=])?([A-Za-z][A-Za-z0-9+.-]*)://")


def parse(
    config: type[Config], argv: list[str], verb: str, default: Config | None = None
) -> Config:
    """Fill ``config`` from ``argv``; what they leave out is as in ``default``.

    Prints the help and exits with 0 on --help. Raises InputError, one line, for an unknown
    option (with a guess), a missing argument or a value of the wrong kind.
    """
    import tyro

    command = f"wespe-bench {verb}"
    known = [*_options(config), "--help"]
    for word in argv:
        if word.startswith("--") and word.partition("=")[0].replace("_", "-") not in known:
            raise InputError(_unknown(word, config, command))
    stdout, stderr = _Captured(), _Captured()
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            parsed: Config
            parsed, unknown = tyro.cli(
                config,
                args=argv,
                prog=command,
                # whole: left to itself, tyro drops the examples
                description=inspect.cleandoc(config.__doc__ or ""),
                default=tyro.MISSING_NONPROP if default is None else default,
                return_unknown_args=True,
                config=(tyro.conf.PositionalRequiredArgs, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            text = _without_idle_words(stdout.getvalue())
            encoding = sys.stdout.encoding or "utf-8"
            print(text.encode(encoding, "replace").decode(encoding), end="")
            raise
        complaint = _in_one_line(stderr.getvalue())
        if complaint.startswith("Missing from "):
            needed = [field.name.upper() for field in _fields(config) if _is_required(field)]
            lacking = needed[-complaint.count("(required)") :]
            complaint = f"missing {' and '.join(lacking)}"
        raise InputError(f"{complaint}; see {command} --help") from None
    if unknown:
        raise InputError(_unknown(unknown[0], config, command))
    _refuse_empty(parsed)
    _refuse_addresses(parsed, ADDRESSES.get(verb, ()))
    return parsed


def _refuse_addresses(parsed: Any, taken: Sequence[str]) -> None:
    """Raise InputError for an address where a path of this machine has to be.

    It would be taken for a folder called "s3:" here.
    """
    for field in _fields(type(parsed)):
        value = getattr(parsed, field.name)
        for text in value if isinstance(value, tuple) else (value,):
            address = _ADDRESS.match(text) if isinstance(text, str) else None
            if address and field.name not in (*taken, *_WORDS):
                option = field.name.replace("_", "-")
                name = option.upper() if _is_required(field) else f"--{option}"
                raise InputError(
                    f"{name} {text}: a path of this machine is needed here, not an address "
                    f"({address[1]}://)"
                )


def _refuse_empty(parsed: Any) -> None:
    """Raise InputError for a text that is empty where a name or a path has to be.

    The ends of file names may be empty, and what is empty anyway when it is not given.
    """
    for field in _fields(type(parsed)):
        if getattr(parsed, field.name) != "" or field.default == "":
            continue
        if not field.name.endswith("suffix"):
            option = field.name.replace("_", "-")
            name = option.upper() if _is_required(field) else f"--{option}"
            raise InputError(f"{name} is empty; is a variable unset?")


class _Captured(io.StringIO):
    """Output kept as text; tyro draws its frames by the stream's encoding."""

    encoding = "utf-8"


def _without_idle_words(text: str) -> str:
    """Help without defaults that tell nobody anything, and types without their "{None}|"."""
    # A default may be broken over two lines of the frame.
    text = re.sub(
        r"\(default:( *│\n│ *)(?:''|False|None)\)",
        lambda m: " " * 9 + m[1] + " " * (len(m[0]) - len(m[1]) - 9),
        text,
    )
    lines = []
    for line in text.splitlines():
        plain = re.sub(r"\(default: (?:''|False|None|)\)", lambda m: " " * len(m[0]), line)
        plain = re.sub(r"\{None\}\|(\w+)", lambda m: m[1] + " " * 7, plain)
        if plain == line or plain.strip("│ "):
            lines.append(plain)
    return "\n".join(lines) + "\n"


def _fields(config: type) -> Sequence[Field[Any]]:
    return fields(config)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _options(config: type) -> list[str]:
    fields = _fields(config)  # what is on by default is an option to turn it off
    return [
        ("--no-" if field.default is True else "--") + field.name.replace("_", "-")
        for field in fields
    ]


def _unknown(word: str, config: type, command: str) -> str:
    from wespe_bench.registry import did_you_mean

    if not word.startswith("-"):
        return f"unexpected argument {word!r}; see {command} --help"
    names = _options(config)
    bare = {name.lstrip("-").replace("-", "_"): name for name in names}
    hint = did_you_mean(word.partition("=")[0].lstrip("-"), bare)
    for plain, name in bare.items():
        hint = hint.replace(repr(plain), repr(name))
    return f"unknown option {word.partition('=')[0]!r}{hint}; see {command} --help"


def _in_one_line(box: str) -> str:
    """The first paragraph of tyro's framed message, without the frame.

    >>> _in_one_line("╭─ Value error ─╮\\n│ no such 'x' │\\n│ ─────────── │\\n│ Help: ... │")
    "no such 'x'"
    """
    words: list[str] = []
    for line in box.splitlines():
        inside = re.match(r"^[│|](.*)[│|]\s*$", line)
        if not inside:
            continue
        text = inside[1].strip()
        if set(text) == {"─"}:
            break
        words.append(text)
    text = " ".join(words) or "the arguments cannot be read"
    return re.sub(r"^Missing value for argument '(.*?)'\..*", r"\1 needs a value", text)


def cores() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_jobs(jobs: int) -> None:
    """Raise InputError unless ``jobs`` is a number of processes."""
    if not 0 <= jobs <= 1024:
        raise InputError(
            f"--jobs {jobs}: expected a number of processes, 0 (none besides this) to 1024"
        )


def check_out(out: Path, *marks: str) -> None:
    """Raise InputError when ``out``, where a folder is to be written, is a file.

    With ``marks``, files of which each tells that this verb made the folder, also when it
    holds anything and none of them; what is hidden does not count.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with --out")
    if not marks:
        return
    there = sorted(path.name for path in out.glob("*") if not path.name.startswith("."))
    if there and not set(marks) & set(there):
        raise InputError(f"{out} holds {there[0]}, not made here; choose another --out")


def check_choices(config: Any, one_of: Mapping[str, tuple[str, ...]]) -> None:
    """Raise InputError when a field is none of its possible values."""
    for name, values in one_of.items():
        if getattr(config, name) not in values:
            option = "--" + name.replace("_", "-")
            raise InputError(
                f"{option} {getattr(config, name)}: expected one of {', '.join(values)}"
            )
