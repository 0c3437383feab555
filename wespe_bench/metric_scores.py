"""Scores by run and metric: what is the same for all of them is held once, not in every row.

Of a million photos this takes some 40 MB a run for the ids, and 20 MB more for each metric.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wespe_bench import memory, store_pieces

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from wespe_bench.run import Run

#: The columns of `wespe_bench.run.load_scores` that differ from photo to photo.
ROWS = ["sample", "value", "extras"]


@dataclass(frozen=True, slots=True)
class MetricScores:
    """The scores of one run by one version of a metric and one seed.

    ``rows`` are sorted by sample, and have the columns `ROWS`.
    """

    run: str
    label: str
    dataset: str
    revision: str
    note: str
    metric: str
    metric_version: str
    seed: int
    rows: pd.DataFrame

    def frame(self, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """The rows, or some of them, with columns as `wespe_bench.run.load_scores` gives them."""
        return (self.rows if rows is None else rows).assign(**{n: getattr(self, n) for n in HEAD})


#: The columns of `wespe_bench.run.load_scores` that are the same for all of a `MetricScores`.
HEAD = [name for name in MetricScores.__dataclass_fields__ if name != "rows"]


def of_frame(scores: pd.DataFrame) -> list[MetricScores]:
    """The scores of a frame as `wespe_bench.run.load_scores` gives it."""
    return [
        _made(head, rows[ROWS].sort_values("sample", ignore_index=True))
        for head, rows in scores.groupby(HEAD, dropna=False)
    ]


def _made(head: Any, rows: pd.DataFrame) -> MetricScores:
    return MetricScores(**dict(zip(HEAD, head, strict=True)), rows=rows)


def of_run(run: Run, metrics: Collection[str]) -> tuple[list[MetricScores], pd.DataFrame, str]:
    """The current scores of a run by some metrics, its photos, and the path of the first of them.

    The photos are a frame with the columns sample and reference, which is missing where a photo has
    none. Scores of all photos share the ids with it.
    """
    import numpy as np
    import pandas as pd

    found: dict[Any, _Growing] = {}
    listed, first, path = _Growing(), 0, ""
    for piece in store_pieces.pieces(run.folder):
        ids = pd.Index(piece.samples["sample"])
        there = piece.samples["reference"].notna()
        listed.add(pd.DataFrame({"sample": ids, "reference": there.where(there).astype("float64")}))
        scores = piece.scores[piece.scores["metric"].isin(metrics)]
        scores = run.current(scores, piece.results(run.fingerprint), piece.samples)
        for head, rows in scores.groupby(HEAD, dropna=False):
            places = (first + ids.get_indexer(pd.Index(rows["sample"]))).astype(np.uint32)
            found.setdefault(head, _Growing()).add(rows[["value", "extras"]].assign(place=places))
        first += len(ids)
        path = path or str(piece.samples["path"].iloc[0])
    photos = listed.frame()
    made = []
    for head in list(found):
        rows = found.pop(head).frame()
        places = rows.pop("place").to_numpy()
        of_all = photos["sample"]
        if len(rows) < first:
            of_all = of_all.take(places).reset_index(drop=True)
        rows.insert(0, "sample", of_all)
        made.append(_made(head, rows))
    return made, photos, path


class _Growing:
    """Frames that become one. Small ones are joined: between many, freed memory would stay held."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []

    def add(self, frame: pd.DataFrame) -> None:
        import pyarrow as pa

        self._parts.append(pa.Table.from_pandas(frame, preserve_index=False))
        if len(self._parts) == 64:
            self._parts = [pa.concat_tables(self._parts).combine_chunks()]
            memory.trim()

    def frame(self) -> pd.DataFrame:
        import pyarrow as pa

        whole = pa.concat_tables(self._parts).combine_chunks()
        self._parts = []
        found: pd.DataFrame = whole.to_pandas(split_blocks=True, self_destruct=True)
        del whole
        memory.trim()
        return found
