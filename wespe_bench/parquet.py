"""Parquet files from anybody, read only where they stay of a size that fits theirs.

A column that repeats one value costs nothing in the file, however many rows and letters it
stands for: a few kilobytes may be gigabytes in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

#: A table may take this many bytes in memory, or this many times its file's.
SMALL, MAX_RATIO = 2**28, 1000
_MOST_COLUMNS = 100


def stamp(data: bytes, key: bytes) -> str:
    """What a file's own metadata say under ``key``; empty for nothing.

    Raises pyarrow.ArrowException, OSError and ValueError for what is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = (pq.read_schema(pa.BufferReader(data)).metadata or {}).get(key, b"")
    return str(found.decode("ascii"))


def read(data: bytes) -> pa.Table:
    """The table of a Parquet file of numbers and texts; texts stay dictionaries.

    Raises ValueError for columns of anything else and for a table that would take more memory
    than `SMALL` and than `MAX_RATIO` times the file; pyarrow's own and OSError for damage.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    most = max(SMALL, MAX_RATIO * len(data))
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        footer, schema = file.metadata, file.schema_arrow
        if len(schema) > _MOST_COLUMNS:
            raise ValueError(f"{len(schema)} columns")
        for field in schema:
            kind = field.type
            if not (pa.types.is_string(kind) or pa.types.is_floating(kind)) and not (
                pa.types.is_integer(kind) or pa.types.is_null(kind)
            ):
                raise ValueError(f"the column {field.name[:40]!r} holds neither numbers nor texts")
        stated = sum(footer.row_group(n).total_byte_size for n in range(footer.num_row_groups))
        _check(max(stated, 8 * footer.num_rows * len(schema)), most, len(data))
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetFile(
        pa.BufferReader(data), read_dictionary=texts, page_checksum_verification=True
    ) as file:
        table = file.read()
    _check(sum(map(_letters, table.columns)), most, len(data))
    return table


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
