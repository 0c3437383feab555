"""The Parquet files of a run folder: their columns, how rows become bytes, and back.

A part's name holds its number and the hash of its bytes: of two rows with one key the one in the
later part counts, and no damage goes unseen.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wespe_bench import paths, reading, types
from wespe_bench.errors import InputError, one_line

if TYPE_CHECKING:
    import pyarrow as pa

#: Layout number of everything a run folder holds; a reader refuses a larger one.
SCHEMA = 3

#: kind -> column -> type
COLUMNS: dict[str, dict[str, str]] = {
    "samples": {
        "sample": "string",
        "path": "string",
        "sha256": "string",
        "reference": "string",
        "reference_sha256": "string",
    },
    "enhanced": {
        "sample": "string",
        "input_sha256": "string",
        "fingerprint": "string",
        "image_sha256": "string",
        "seconds": "float64",
        "memory": "float64",
        "device_memory": "float64",
    },
    "scores": {
        "sample": "string",
        "metric": "string",
        "metric_version": "string",
        "value": "float64",
        "extras": "string",
        "image_sha256": "string",
        "reference_sha256": "string",
        "seed": "int64",
        "seconds": "float64",
        "reader": "string",
    },
    "failures": {
        "sample": "string",
        "stage": "string",
        "metric": "string",
        "input_sha256": "string",
        "error": "string",
    },
}

# Columns that older layouts lack, by the layout that added them; they are read as missing values.
_ADDED = {"enhanced": {"memory": 2, "device_memory": 2}, "scores": {"reader": 3}}

#: What tells one row of a kind from another.
KEYS = {
    "samples": ["sample"],
    "enhanced": ["sample"],
    "scores": ["sample", "metric", "seed"],
    "failures": ["sample", "stage", "metric"],
}
# Rows that become a part of a file at once.
_AT_ONCE = 5_000

_PART = re.compile(r"part-(\d{8,})-([0-9a-f]{32})\.parquet")


def schema(kind: str) -> pa.Schema:
    """The columns of a kind, stamped with the layout number."""
    import pyarrow as pa

    fields = {name: pa.type_for_alias(type_) for name, type_ in COLUMNS[kind].items()}
    return pa.schema(fields, metadata={"wespe_bench.schema": str(SCHEMA)})


def encode(kind: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows of a kind as the bytes of a Parquet file with checksums."""
    sink = io.BytesIO()
    write(sink, kind, rows)
    return sink.getvalue()


def write(file: IO[bytes], kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of a kind as a Parquet file with checksums; few are in memory at once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, rest = schema(kind), iter(rows)
    with pq.ParquetWriter(file, columns, compression="zstd", write_page_checksum=True) as writer:
        while part := [dict(row) for row in islice(rest, _AT_ONCE)]:
            writer.write_table(pa.Table.from_pylist(part, schema=columns))


class StoreFile:
    """One file of a run folder, opened; its rows, all or a row group of them, are read when asked.

    Its bytes are held against its name unless they were before. Every method, and opening it,
    raises InputError for a damaged file and one of a newer version; FileNotFoundError.
    """

    def __init__(self, path: Path, kind: str, *, verified: bool = False) -> None:
        self._path, self._kind = path, kind
        self._file = _open(path)
        try:
            with self._naming_damage():
                part = None if verified else _PART.fullmatch(path.name)
                if part and _sha256(self._file)[:32] != part[2]:
                    raise ValueError("its checksum does not match its name")
                self._groups = reading.ParquetGroups(self._file)
                stamp = self._groups.stamps.get(b"wespe_bench.schema", b"").decode("ascii")
                if not stamp.isdecimal() or len(stamp) > 9:
                    raise ValueError("not written by wespe-bench")
            self._layout = int(stamp)
            refuse_newer(path, self._layout)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> StoreFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._groups)

    def read(self, number: int | None = None) -> pa.Table:
        """The rows of a row group, or all."""
        import pyarrow as pa

        with self._naming_damage():
            table = self._groups.read(number)
            for name, since in _ADDED.get(self._kind, {}).items():
                if self._layout < since:
                    table = table.append_column(name, pa.nulls(len(table)))
            table = table.select(list(COLUMNS[self._kind])).cast(schema(self._kind))
            types.check_column(table.column("sample"))
        return table

    def ids(self, number: int) -> pa.ChunkedArray:
        """The ids of a row group, a text each."""
        with self._naming_damage():
            column = self._groups.read(number, ["sample"]).column("sample").cast("string")
            types.check_column(column)
        return column

    @contextmanager
    def _naming_damage(self) -> Generator[None]:
        import pyarrow as pa

        try:
            yield
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise InputError(
                f"{self._path}: damaged ({one_line(error)[:120]}); delete it and run the same "
                "command again, only what it held is redone"
            ) from None


def read(path: Path, kind: str) -> pa.Table:
    """The table of one file of a run folder, its bytes held against its name.

    Raises InputError for a damaged file and one of a newer version, FileNotFoundError.
    """
    with StoreFile(path, kind) as file:
        return file.read()


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()


def _open(path: Path) -> IO[bytes]:
    """A file that cannot be had for now is not damaged: nothing is to be deleted for it."""
    try:
        if paths.is_remote(path):
            return io.BytesIO(paths.read_bytes(path))
        reading.check_regular(path)
        return open(path, "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); run again once it can"
        ) from None


def refuse_newer(path: Path, layout: int) -> None:
    """Raise InputError for a layout that only a newer version knows."""
    if layout > SCHEMA:
        raise InputError(
            f"{path}: written by a newer wespe-bench (layout {layout}, this one reads up to "
            f"{SCHEMA}); upgrade wespe-bench, or choose another folder with --out"
        )


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """Numbered parts in the order in which they count."""
    try:
        names = paths.names(folder)
    except FileNotFoundError:
        return []
    found = [(m, name) for name in names if (m := _PART.fullmatch(name))]
    return sorted((int(m[1]), folder / name) for m, name in found)
