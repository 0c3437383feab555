"""Which files a source file imports, found without running it: inside functions too.

Only foreign files (`wespe_bench.foreign.is_foreign`) are followed; of everything else the name
of the top-level package is kept.
"""

from __future__ import annotations

import dis
import importlib.machinery
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType

from wespe_bench.foreign import is_foreign

# Files of a package followed at most: beyond that the folder is no package.
_MOST_FILES = 5000


def closure(
    files: Iterable[Path], path: Sequence[str], code: Iterable[CodeType] = ()
) -> tuple[dict[str, bytes], set[str]]:
    """Contents of these files and of every foreign file they import; top-level installed packages.

    ``path`` is where modules are looked for, ``code`` is more code whose imports count. A file
    that cannot be read is left out; one that cannot be compiled is kept and not followed.
    """
    found: dict[str, bytes] = {}
    packages: set[str] = set()
    waiting = [file.resolve() for file in files]
    for piece in code:
        waiting += _found(_imports(piece), path, None, packages)
    while waiting and len(found) < _MOST_FILES:
        file = waiting.pop()
        if str(file) in found:
            continue
        try:
            data = file.read_bytes()
        except OSError:
            continue
        found[str(file)] = data
        if file.suffix == ".py":
            try:
                compiled = compile(data, str(file), "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError):
                continue
            waiting += _found(_imports(compiled), path, file, packages)
    return found, packages


def _imports(code: CodeType) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Level, module and names of each import statement, in nested code too."""
    last: list[object] = [None, None]
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, names = last
            yield (
                level if isinstance(level, int) else 0,
                str(instruction.argval),
                names if isinstance(names, tuple) else (),
            )
        last = [last[1], instruction.argval]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


def _found(
    imports: Iterable[tuple[int, str, tuple[str, ...]]],
    path: Sequence[str],
    importer: Path | None,
    packages: set[str],
) -> Iterator[Path]:
    """The foreign files that import statements of one file lead to."""
    for level, module, names in imports:
        if level and importer is None:
            continue
        if level and importer is not None:
            # "from ..x import y": x stands beside the package, level - 1 folders up.
            within: Sequence[str] = [str(importer.parents[level - 1])]
            parts = module.split(".") if module else []
            yield from _files([*parts], names, within)
            continue
        top = module.partition(".")[0]
        files = list(_files(module.split("."), names, path))
        yield from files
        if not files:
            packages.add(top)


def _files(parts: list[str], names: Sequence[str], within: Sequence[str]) -> Iterator[Path]:
    """The files of module a.b.c and of those of ``names`` that are modules inside it."""
    folders: Sequence[str] | None = within
    for part in parts:
        spec = _find(part, folders)
        if spec is None:
            return
        if spec.has_location and spec.origin:
            if not is_foreign(spec.origin):
                return
            yield Path(spec.origin).resolve()
        folders = spec.submodule_search_locations and list(spec.submodule_search_locations)
        if folders is None:
            return
    for name in names:
        spec = _find(name, folders)
        if spec is not None and spec.has_location and spec.origin and is_foreign(spec.origin):
            yield Path(spec.origin).resolve()


def _find(name: str, folders: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.machinery.PathFinder.find_spec(name, folders)
    except (ImportError, ValueError, OSError):
        return None
