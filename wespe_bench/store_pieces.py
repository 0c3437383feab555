"""A run's rows a range of ids at a time, so that a million photos take the memory of a few.

Rows lie in their parts nearly in the order of ids, as work is done in that order. Where they do
not, parts are read more than once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import links, store, store_files
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

# Photos whose rows are in memory at once, and bytes of rows that wait for the next of them.
_AT_ONCE = 2_000
_MOST_WAITING = 4_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a run's photos, next to each other by id, and the rows that `store.load` has of them.

    ``samples`` is as `store.load_samples` gives it, ``failures`` as `store.load_failures`.
    """

    samples: pd.DataFrame
    enhanced: pd.DataFrame
    failures: pd.DataFrame
    scores: pd.DataFrame

    def results(self, fingerprint: str) -> pd.DataFrame:
        """The current results, as `store.current` gives them."""
        inputs = self.samples.set_index("sample")["sha256"]
        return store.current(self.enhanced, self.failures, fingerprint, inputs)


def pieces(run: Path) -> Iterator[Piece]:
    """Everything in a run, by id. Raises InputError as `store.load`, before the first piece."""
    rows = {kind: Rows(run, kind) for kind in ("enhanced", "failures", "scores")}
    for samples in sample_pieces(run):
        ids = samples["sample"]
        found = {kind: of.between(ids.iloc[0], ids.iloc[-1]) for kind, of in rows.items()}
        found["failures"] = store.standing(found["failures"], ids)
        yield Piece(samples, **found)


def sample_pieces(run: Path) -> Iterator[pd.DataFrame]:
    """The rows of `store.load_samples`, some at a time."""
    rows = Rows(run, "samples")
    for first, last in rows.ranges:
        yield rows.between(first, last)


class Rows:
    """The rows of one kind in a run; ids, and what is small, are read at once, the rest when asked.

    Raises InputError for a damaged file, one written by a newer version, and one that is a link
    out of the run folder.
    """

    def __init__(self, run: Path, kind: str) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self._kind = kind
        # File, number of the row group, its lowest and highest id.
        self._groups: list[tuple[Path, int, str, str]] = []
        #: Of samples: the lowest and highest id of each of their pieces.
        self.ranges: list[tuple[str, str]] = []
        self._waiting: dict[int, Any] = {}
        listed: list[Any] = []
        size = 0
        for path in _files(run, kind):
            links.check_file(path, run)
            with _opened(run, path, kind) as file:
                for number in range(len(file)):
                    whole = file.read(number) if size < _MOST_WAITING else None
                    ids = file.ids(number) if whole is None else whole.column("sample")
                    if len(ids):
                        ends = pc.min_max(ids).as_py()
                        if whole is not None:
                            self._waiting[len(self._groups)] = whole
                            size += whole.nbytes
                        self._groups.append((path, number, ends["min"], ends["max"]))
                    if kind == "samples":
                        listed += ids.chunks
        if listed:
            ids = pa.chunked_array(listed)
            ids = ids.take(pc.sort_indices(ids))
            if pc.any(pc.equal(ids[1:], ids[:-1])).as_py():
                ids = ids.unique()
            last = len(ids) - 1
            self.ranges = [
                (ids[at].as_py(), ids[min(at + _AT_ONCE - 1, last)].as_py())
                for at in range(0, len(ids), _AT_ONCE)
            ]

    def between(self, first: str, last: str) -> pd.DataFrame:
        """The rows that count of the ids from ``first`` to ``last``, as `store.load` gives them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = [store_files.schema(self._kind).empty_table()]
        waiting, size = {}, 0
        for place, (path, number, lowest, highest) in enumerate(self._groups):
            table = self._waiting.pop(place, None)
            if lowest > last or highest < first:
                if table is not None and lowest > last:
                    waiting[place], size = table, size + table.nbytes
                continue
            if table is None:
                with store_files.StoreFile(path, self._kind, verified=True) as file:
                    table = file.read(number)
            if highest > last and size + table.nbytes < _MOST_WAITING:
                waiting[place], size = table, size + table.nbytes
            ids = table.column("sample")
            inside = pc.and_(pc.greater_equal(ids, first), pc.less_equal(ids, last))
            found.append(table.filter(inside))
        self._waiting = waiting
        return store.counting(pa.concat_tables(found), self._kind)


def _files(run: Path, kind: str) -> list[Path]:
    if kind == "samples":
        return [run / "samples.parquet"]
    return [path for _, path in store_files.numbered(run / kind)]


def _opened(run: Path, path: Path, kind: str) -> store_files.StoreFile:
    try:
        return store_files.StoreFile(path, kind)
    except FileNotFoundError:
        if kind != "samples":
            raise
        raise InputError(f"{run}: no samples.parquet, so this is not a run folder") from None
