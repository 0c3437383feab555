"""What may be the id of a photo: a plain relative path, because verbs make file names of it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Ids of which nothing else has to be asked.
_USUAL = r"\A[0-9A-Za-z_-][0-9A-Za-z_.-]*(?:/[0-9A-Za-z_-][0-9A-Za-z_.-]*)*\z"


def check_id(sample: object) -> None:
    """Raise ValueError unless ``sample`` is fit to be a file's path below a run folder."""
    if not isinstance(sample, str):
        raise ValueError(f"sample id {sample!r} is no text")
    parts = sample.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in sample or sample[1:2] == ":":
        raise ValueError(f"sample id {sample!r} is no plain relative path")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in sample):  # no table holds half a one
        raise ValueError(f"sample id {sample!r} holds control characters or lone surrogates")


def check_column(column: pa.ChunkedArray) -> None:
    """`check_id` of every id in a column of texts; a million of them take a second.

    Raises ValueError.
    """
    import pyarrow.compute as pc

    found = column.unique()
    for sample in found.filter(pc.invert(pc.match_substring_regex(found, _USUAL))).to_pylist():
        check_id(sample)
    if found.null_count:
        check_id(None)
