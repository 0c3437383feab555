"""Reading files that somebody else wrote, whole: regular ones only, and text that is data.

A pipe or a device under a file's name would be waited for, or read, for ever. JSON and TOML
nested a hundred thousand deep are errors of the file, and so a ValueError like any other.
"""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import tomllib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wespe_bench import paths
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def check_regular(path: Path | str) -> None:
    """Raise OSError ("not a regular file") for a pipe, a device or a socket, and as stat does."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder, reading says so itself
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_bytes(path: Path | str) -> bytes:
    """The bytes of a regular file, or of an object in a store. Raises OSError."""
    path = paths.to_path(path)
    if paths.is_remote(path):
        return paths.read_bytes(path)
    check_regular(path)
    return path.read_bytes()


def wanted_bytes(path: Path | str, *, name: str = "", missing: str = "") -> bytes:
    """As `read_bytes`, of a file the user names: raises InputError where it cannot be read.

    ``name`` stands for the path in the line; ``missing`` is the whole line for no such file.
    """
    name = name or str(path)
    try:
        return read_bytes(path)
    except FileNotFoundError:
        raise InputError(missing or f"{name}: no such file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None


def wanted_text(path: Path, *, missing: str = "", strange: str = "not a text file in UTF-8") -> str:
    """As `wanted_bytes`, decoded from UTF-8 with or without a byte order mark.

    ``strange`` is what the line says of other bytes.
    """
    try:
        return wanted_bytes(path, missing=missing).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: {strange}") from None


def read_json(path: Path) -> Any:
    """What a JSON file says, in UTF-8 with or without a byte order mark.

    Raises OSError, and ValueError where it is no JSON.
    """
    return parse_json(read_bytes(path).decode("utf-8-sig"))


def parse_json(text: str | bytes) -> Any:
    """What JSON says. Raises ValueError where it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says. Raises OSError, and ValueError where it is no TOML."""
    text = read_bytes(path).decode("utf-8-sig")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_layout(path: Path, key: str, newest: int, *, missing: str, damaged: str) -> dict[str, Any]:
    """A JSON object of ours, which states its layout number under ``key``.

    Raises InputError: ``missing`` is the line where there is no such file, ``damaged`` what the
    line says of a file that is no such object; it may also be unreadable, or newer.
    """
    try:
        content = read_json(path)
        number = layout_number(content[key])
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(missing) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: {damaged}") from None
    if number > newest:
        raise InputError(
            f"{path}: written by a newer wespe-bench (layout {number}); upgrade wespe-bench"
        )
    return dict(content)


def layout_number(value: Any) -> int:
    """A format's number as a file states it: a whole number from 1. Raises ValueError.

    >>> layout_number(1)
    1
    """
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is no layout number")
    return value


#: A table may take this many bytes in memory, or this many times its file's.
SMALL, MAX_RATIO = 2**28, 1000
_MOST_COLUMNS = 100


class ParquetGroups:
    """A Parquet file of numbers and texts, a row group at a time; texts stay dictionaries.

    Raises ValueError for columns of anything else, and for a file or a row group that would take
    more memory than `SMALL` and than `MAX_RATIO` times the file; pyarrow's own and OSError for
    damage.
    """

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._size = file.seek(0, os.SEEK_END)
        self._most = max(SMALL, MAX_RATIO * self._size)
        plain = pq.ParquetFile(file)
        footer, schema = plain.metadata, plain.schema_arrow
        if len(schema) > _MOST_COLUMNS:
            raise ValueError(f"{len(schema)} columns")
        for field in schema:
            kind = field.type
            if not (pa.types.is_string(kind) or pa.types.is_floating(kind)) and not (
                pa.types.is_integer(kind) or pa.types.is_null(kind)
            ):
                raise ValueError(f"the column {field.name[:40]!r} holds neither numbers nor texts")
        stated = sum(footer.row_group(n).total_byte_size for n in range(footer.num_row_groups))
        _check(max(stated, 8 * footer.num_rows * len(schema)), self._most, self._size)
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        # Neither ahead nor by threads: the allocator would keep memory for each.
        self._file = pq.ParquetFile(
            file, read_dictionary=texts, page_checksum_verification=True, pre_buffer=False
        )
        self.stamps: dict[bytes, bytes] = schema.metadata or {}

    def __len__(self) -> int:
        return int(self._file.metadata.num_row_groups)

    def read(self, number: int | None = None, columns: list[str] | None = None) -> pa.Table:
        """The table of one row group, or the whole one."""
        if number is None:
            table = self._file.read(columns, use_threads=False)
        else:
            table = self._file.read_row_group(number, columns, use_threads=False)
        _check(sum(map(_letters, table.columns)), self._most, self._size)
        return table


def read_parquet(data: bytes) -> pa.Table:
    """The table of a Parquet file, as `ParquetGroups` checks it."""
    return ParquetGroups(io.BytesIO(data)).read()


def _letters(column: pa.ChunkedArray) -> int:
    """Bytes that a column's texts take once each row has its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total = 0
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type) and len(chunk):
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    return total


def _check(size: int, most: int, packed: int) -> None:
    if size > most:
        raise ValueError(f"{packed} bytes would become {size} and more")
