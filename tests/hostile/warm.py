"""Imported in a `Cell` before any question: what libraries set aside once, at their first use.

pyarrow's allocator reserves a gigabyte of addresses with its first table, and keeps it.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

_table = pa.table({"name": ["a"] * 1000, "number": [0.5] * 1000})
_file = io.BytesIO()
pq.write_table(_table, _file, compression="zstd", write_page_checksum=True)
pq.read_table(pa.BufferReader(_file.getvalue())).to_pandas()
