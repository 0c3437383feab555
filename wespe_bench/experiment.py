"""Experiments as TOML files: the options of `run`, one a line, read and written.

suite = "demo"
enhancers = ["Mine=mine.py:enhance"]
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from wespe_bench import atomic, reading
from wespe_bench.errors import InputError, did_you_mean

Config = TypeVar("Config")

#: What `run` writes into each run folder.
FILE = "experiment.toml"


def read(config: type[Config], file: Path) -> Config:
    """A dataclass of options from a TOML file; what the file does not name has its default.

    Raises InputError for what is not TOML, an unknown option (with a guess) and a value of the
    wrong kind.
    """
    try:
        content = reading.read_toml(file)
    except OSError as error:
        raise InputError(f"--config {file}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{file}: not TOML ({error})") from None
    defaults = _defaults(config)
    values = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in defaults:
            raise InputError(f"{file}: unknown option {key!r}{did_you_mean(name, defaults)}")
        values[name] = _checked(f"{file}: {key}", value, defaults[name])
    return config(**values)


def write(folder: Path, config: Any, names: Collection[str]) -> None:
    """Write the options of ``names`` that differ from their defaults, to repeat them by."""
    defaults = _defaults(type(config))
    lines = [
        f"{name} = {_toml(value)}\n"
        for name in names
        if (value := getattr(config, name)) != defaults[name]
    ]
    text = "# wespe-bench run --config FILE --out FOLDER\n" + "".join(lines)
    # A path that is not UTF-8 has no form in TOML.
    atomic.write_bytes(folder / FILE, text.encode("utf-8", errors="replace"))


def _defaults(config: type[Any]) -> Mapping[str, Any]:
    return {
        one.name: one.default if one.default_factory is MISSING else one.default_factory()
        for one in fields(config)
        if one.name != "config"
    }


def _checked(where: str, value: Any, default: Any) -> Any:
    """A value of the kind that the default has. Raises InputError."""
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise InputError(f'{where}: expected a list of texts: ["a", "b"]')
    kind = str if default is None else type(default)
    if type(value) is not kind:
        word = {str: "a text in quotes", bool: "true or false", int: "a whole number"}[kind]
        raise InputError(f"{where}: expected {word}")
    return value


def _toml(value: Any) -> str:
    """A value in TOML, whose texts, lists, numbers and truth values are JSON's.

    >>> print(_toml(("a", 'b"')), _toml(True))
    ["a", "b\\""] true
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
