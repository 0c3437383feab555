"""Where the data sets are.

Named by ``--data DIR``: ``DIR/wespe-data.toml``, then ``DIR/NAME``. Without it, a
``wespe-data.toml`` in the current folder, one in ``$WESPE_DATA`` (default ``data/``), then
``$WESPE_DATA/NAME``. The file maps names to folders, relative ones to its own folder:

    dped = "/big/disk/dped"
    pixel8 = "photos/pixel8"     # a camera of your own: --dataset pixel8
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench import reading
from wespe_bench.errors import InputError
from wespe_bench.provenance import data_folder

#: The file that maps data sets to folders.
FILE = "wespe-data.toml"


def named(data: Path | str | None = None) -> dict[str, Path]:
    """Name -> folder, from every `FILE` there is; of two lines for a name the first counts.

    Raises InputError when a file is not TOML, or maps a name to something else than a path.
    """
    found: dict[str, Path] = {}
    for file in _files(data):
        try:
            content = reading.read_toml(file)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from None
        except ValueError as error:  # not UTF-8, or not TOML
            raise InputError(
                f"{file}: not TOML ({error}); write lines like dped = '/path'"
            ) from None
        for name, path in content.items():
            if not isinstance(path, str) or not path:
                raise InputError(f"{file}: {name} has to be a path in quotes: {name} = '/path'")
            found.setdefault(name, file.parent / Path(path).expanduser())
    return found


def candidates(name: str, data: Path | str | None = None) -> list[tuple[str, Path]]:
    """Where a data set is looked for, in order, each with a word on why there."""
    places = [(FILE, path) for known, path in named(data).items() if known == name]
    return [*places, ("--data" if data else "$WESPE_DATA", _base(data) / name)]


def locate(name: str, data: Path | str | None = None) -> Path:
    """The folder of a data set. Raises InputError that says where it was looked for."""
    places = candidates(name, data)
    for why, path in places:
        if path.is_dir():
            return path
        if why == FILE:
            raise InputError(f"{FILE} says that {name} is in {path}, which is no folder")
    base = _base(data)
    if data and base.name == name and base.is_dir():
        raise InputError(
            f"no data set {name} in {base}: --data names the folder that holds it; "
            f"say --data {base.parent}, or write {name} = {str(base.absolute())!r} in {FILE}"
        )
    raise InputError(
        f"no data set {name}: looked for the folder {places[-1][1]} and for a line "
        f"'{name} = ...' in {' and '.join(map(str, _files(data)))}; found {_what_is_in(base)}; "
        f"wespe-bench data list says how to get it"
    )


def _base(data: Path | str | None) -> Path:
    return Path(data) if data else data_folder()


def _files(data: Path | str | None) -> list[Path]:
    folders = [Path(data)] if data else [Path(), data_folder()]
    return list(dict.fromkeys(folder / FILE for folder in folders))


def _what_is_in(folder: Path) -> str:
    """A folder's content in a few words, for messages."""
    try:
        names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    except OSError as error:
        return f"no folder {folder}" if isinstance(error, FileNotFoundError) else f"{error}"
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"{shown} in {folder}" if names else f"nothing in {folder}"


def unnested(folder: Path) -> Path:
    """``folder``, or the one of its name in it where that is all it holds, as unzipped archives do.

    Photos keep their ids either way.
    """
    inner = folder / folder.name
    try:
        names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return folder
    return inner if names == [folder.name] and inner.is_dir() else folder


def wrong_layout(name: str, root: Path, wanted: str) -> InputError:
    """The error for a folder that is there and holds something else."""
    inner = root / root.name
    hint = f"; if {inner} is it, say --data {root}" if inner.is_dir() else ""
    return InputError(f"{name}: looked for {wanted} in {root}; found {_what_is_in(root)}{hint}")
