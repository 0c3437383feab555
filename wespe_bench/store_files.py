"""The Parquet files of a run folder: their columns, how rows become bytes, and back.

A part's name holds its number and the hash of its bytes: of two rows with one key the one in the
later part counts, and no damage goes unseen.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import paths, provenance, reading, types
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
    "enhanced": ["sample"],
    "scores": ["sample", "metric", "seed"],
    "failures": ["sample", "stage", "metric"],
}
# Rows that become a part of a file at once.
_AT_ONCE = 20_000

_PART = re.compile(r"part-(\d{8,})-([0-9a-f]{32})\.parquet")


def schema(kind: str) -> pa.Schema:
    """The columns of a kind, stamped with the layout number."""
    import pyarrow as pa

    fields = {name: pa.type_for_alias(type_) for name, type_ in COLUMNS[kind].items()}
    return pa.schema(fields, metadata={"wespe_bench.schema": str(SCHEMA)})


def encode(kind: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows of a kind as the bytes of a Parquet file with checksums."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink, columns, rest = io.BytesIO(), schema(kind), iter(rows)
    with pq.ParquetWriter(sink, columns, compression="zstd", write_page_checksum=True) as writer:
        while part := [dict(row) for row in islice(rest, _AT_ONCE)]:
            writer.write_table(pa.Table.from_pylist(part, schema=columns))
    return sink.getvalue()


def read(path: Path, kind: str) -> pa.Table:
    """The table of one file of a run folder, its bytes held against its name.

    Raises InputError for a damaged file and one of a newer version, FileNotFoundError.
    """
    import pyarrow as pa

    data = _bytes(path)
    try:
        part = _PART.fullmatch(path.name)
        if part and provenance.sha256_bytes(data)[:32] != part[2]:
            raise ValueError("its checksum does not match its name")
        stamp = reading.parquet_stamp(data, b"wespe_bench.schema")
        if not stamp.isdecimal() or len(stamp) > 9:
            raise ValueError("not written by wespe-bench")
        if int(stamp) <= SCHEMA:
            table = reading.read_parquet(data)
            for name, since in _ADDED.get(kind, {}).items():
                if int(stamp) < since:
                    table = table.append_column(name, pa.nulls(len(table)))
            table = table.cast(schema(kind))
            types.check_column(table.column("sample"))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise InputError(
            f"{path}: damaged ({one_line(error)[:120]}); delete it and run the same command "
            "again, only what it held is redone"
        ) from None
    refuse_newer(path, int(stamp))
    return table


def _bytes(path: Path) -> bytes:
    """A file that cannot be had for now is not damaged: nothing is to be deleted for it."""
    try:
        return reading.read_bytes(path)
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
