"""The verb ``data list``: which data sets there are, where they are, and how to get the others."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wespe_bench.arguments import POSITIONAL, DataOptions, FormatOption
from wespe_bench.errors import InputError, unknown
from wespe_bench.json_output import json_text

if TYPE_CHECKING:
    from wespe_bench.datasets.source import Source


@dataclass(frozen=True)
class Inventory(DataOptions, FormatOption):
    """Show the data sets: what is here and where, official pages, terms, the paper's counts.

    Examples:
      wespe-bench data list
      wespe-bench data list kitti --data /big/disk
    """

    name: str = field(default="", metadata=POSITIONAL)
    """One data set; all of them by default."""


def main(config: Inventory) -> int:
    """Print a paragraph for each data set."""
    from wespe_bench.datasets.locations import named
    from wespe_bench.datasets.source import sources

    public = sources()
    own = {name: path for name, path in named(config.data).items() if name not in public}
    known = [*public, *own]
    if config.name and config.name not in known:
        raise unknown("data set", config.name, known)
    if config.format == "json":
        chosen = [name for name in known if config.name in ("", name)]
        content = [
            _facts(name, own.get(name), public.get(name, public["camera"]), config.data)
            for name in chosen
        ]
        print(json_text(content), end="")
        return 0
    heading = ""
    for name in known:
        if config.name in ("", name):
            group = (public["camera"] if name in own else public[name]).group
            if not config.name and group != heading:
                print(f"== {group}\n")
                heading = group
            lines = (
                _own(own[name], public["camera"], name, config.data)
                if name in own
                else _known(public[name], config.data)
            )
            print("\n".join(lines) + "\n")
    if not config.name:
        print("\n".join(_places(config.data)))
    return 0


def _known(source: Source, data: str | None) -> Iterator[str]:
    yield f"{source.name}: {source.title}"
    if source.name != "camera":
        yield from _line("here", _here(source, data).text())
    for counts in source.counts:
        size = f", {counts.width}x{counts.height}" if counts.width else ""
        yield from _line(
            f"Table {counts.table}", f"{counts.camera}: {counts.train} + {counts.test}{size}"
        )
    if source.page:
        yield from _line("page", source.page)
    yield from _line("terms", source.licence)
    yield from _line("get it", source.get)


def _own(folder: Path, camera: Source, name: str, data: str | None) -> Iterator[str]:
    yield f"{name}: your own, named in wespe-data.toml"
    yield from _line("here", _own_photos(camera, name, folder, data).text())


@dataclass(frozen=True, slots=True)
class _Photos:
    """What lies in a data set's folder: photos by part, or why there are none."""

    folder: Path
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    spec: str = ""

    def text(self) -> str:
        """One line."""
        counts = ", ".join(f"{count} {label}" for label, count in self.counts.items())
        use = f"; use {self.spec}" if self.spec else ""
        return self.problem or f"{self.folder} ({counts}){use}"


def _facts(name: str, own: Path | None, source: Source, data: str | None) -> dict[str, object]:
    """A data set for JSON."""
    if own is not None:
        found = _own_photos(source, name, own, data)
        title, terms, get = "your own, named in wespe-data.toml", "yours", ""
    else:
        found = _here(source, data) if name != "camera" else _Photos(Path(), problem="yours")
        title, terms, get = source.title, source.licence, source.get
    return {
        "name": name,
        "title": title,
        "group": source.group,
        "folder": None if found.problem else str(found.folder),
        "photos": dict(found.counts),
        "problem": found.problem,
        "use": found.spec or name,
        "page": "" if own else source.page,
        "terms": terms,
        "get": get,
        "paper": [] if own else [asdict(counts) for counts in source.counts],
    }


def _own_photos(camera: Source, name: str, folder: Path, data: str | None) -> _Photos:
    if folder.is_dir():
        return _count(camera, name, folder, data)
    return _Photos(folder, problem=f"no; looked for {folder}")


def _here(source: Source, data: str | None) -> _Photos:
    """How many photos there are and where, or where none were found."""
    from wespe_bench.datasets.locations import FILE, candidates

    why, path = candidates(source.name, data)[0]
    if path.is_dir():
        return _count(source, "", path, data)
    problem = f"no; {FILE} says {path}, no folder" if why == FILE else f"no; looked for {path}"
    return _Photos(path, problem=problem)


def _count(source: Source, argument: str, folder: Path, data: str | None) -> _Photos:
    """Photos by part, from the names alone."""
    from wespe_bench.datasets import tree

    try:
        root, parts = source.check_parts(source.name, argument, data)
    except InputError as error:
        # The same data set in another form (KITTI's sync drives) is better news than the error.
        for other in () if argument else source.kinds[1:]:
            try:
                source.check_parts(source.name, other, data)
            except InputError:
                continue
            return replace(_count(source, other, folder, data), spec=f"{source.name}:{other}")
        return _Photos(folder, problem=str(error))
    counts: dict[str, int] = {}
    for part in parts:
        if part.folder.is_dir():
            things = tree.walk(part.folder, root, part.reference)
            found = sum(thing.kind == tree.PHOTO for thing in things)
            counts[part.label] = counts.get(part.label, 0) + found
    return _Photos(folder, counts)


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
