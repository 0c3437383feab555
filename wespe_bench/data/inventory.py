"""The verb ``data list``: which data sets there are, where they are, and how to get the others."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.errors import InputError


@dataclass(frozen=True)
class Inventory:
    """Show the data sets: what is here and where, official pages, terms, the paper's counts.

    Examples:
      wespe-bench data list
      wespe-bench data list kitti --data /big/disk
    """

    name: str = ""
    """One data set; all of them by default."""
    data: str | None = None
    """Where data sets live (default: $WESPE_DATA, else data/)."""


def main(argv: list[str]) -> int:
    """Print a paragraph for each data set."""
    from wespe_bench.arguments import parse
    from wespe_bench.datasets.facts import FACTS
    from wespe_bench.datasets.locations import named
    from wespe_bench.registry import unknown

    if argv and not argv[0].startswith("-"):
        argv = ["--name", *argv]
    config = parse(Inventory, argv, "data list")
    own = {name: path for name, path in named(config.data).items() if name not in FACTS}
    known = [*FACTS, *own]
    if config.name and config.name not in known:
        raise unknown("data set", config.name, known)
    for name in known:
        if config.name in ("", name):
            lines = _own(name, own[name], config.data) if name in own else _known(name, config.data)
            print("\n".join(lines) + "\n")
    if not config.name:
        print("\n".join(_places(config.data)))
    return 0


def _known(name: str, data: str | None) -> Iterator[str]:
    from wespe_bench.datasets.facts import FACTS

    facts = FACTS[name]
    yield f"{name}: {facts.title}"
    if name != "camera":
        yield from _line("here", _here(name, data))
    for counts in facts.counts:
        size = f", {counts.width}x{counts.height}" if counts.width else ""
        yield from _line(
            f"Table {counts.table}", f"{counts.camera}: {counts.train} + {counts.test}{size}"
        )
    if facts.page:
        yield from _line("page", facts.page)
    yield from _line("terms", facts.licence)
    yield from _line("get it", facts.get)


def _own(name: str, folder: Path, data: str | None) -> Iterator[str]:
    yield f"{name}: your own, named in wespe-data.toml"
    here = _count("camera", name, folder, data) if folder.is_dir() else f"no; looked for {folder}"
    yield from _line("here", here)


def _here(name: str, data: str | None) -> str:
    """How many photos there are and where, or where none were found."""
    from wespe_bench.datasets.locations import FILE, candidates

    why, path = candidates(name, data)[0]
    if path.is_dir():
        return _count(name, "", path, data)
    return f"no; {FILE} says {path}, no folder" if why == FILE else f"no; looked for {path}"


def _count(name: str, argument: str, folder: Path, data: str | None) -> str:
    """Photos by part, from the names alone."""
    import importlib

    from wespe_bench.datasets import tree
    from wespe_bench.registry import DATASETS

    module = importlib.import_module(DATASETS[name].partition(":")[0])
    try:
        root, parts = module.check_parts(name, argument, data)
    except InputError as error:
        # The same data set in another form (KITTI's sync drives) is better news than the error.
        for other in () if argument else getattr(module, "KINDS", ())[1:]:
            try:
                module.check_parts(name, other, data)
            except InputError:
                continue
            return f"{_count(name, other, folder, data)}; use {name}:{other}"
        return str(error)
    counts: dict[str, int] = {}
    for part in parts:
        if part.folder.is_dir():
            found = sum(thing.kind == tree.PHOTO for thing in tree.walk(part.folder, root))
            counts[part.label] = counts.get(part.label, 0) + found
    told = ", ".join(f"{count} {label}" for label, count in counts.items())
    return f"{folder} ({told})"


def _places(data: str | None) -> Iterator[str]:
    from wespe_bench.datasets.locations import FILE
    from wespe_bench.provenance import data_folder

    base = Path(data) if data else data_folder()
    yield from _line("looked in", f"{base}" + ("" if data else " ($WESPE_DATA, else data/)"))
    yield from _line(
        "and", f"{FILE} {'in' if data else 'here and in'} {base}: lines NAME = '/path'"
    )


def _line(what: str, text: str) -> list[str]:
    head = f"  {what:<10}"
    return textwrap.wrap(
        text,
        width=100,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
