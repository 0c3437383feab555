"""What is left to score of a run: which rows are kept, and why the other results have none.

A million photos are planned in little memory: rows are read a range of ids at a time, and no
object stays for a photo.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import proof, run_metadata, store
from wespe_bench.compact import Lazy, hashes, texts
from wespe_bench.errors import InputError
from wespe_bench.paths import each, to_path
from wespe_bench.proof import Kept
from wespe_bench.registry import is_foreign
from wespe_bench.runs import Failure
from wespe_bench.score_worker import Item
from wespe_bench.store_pieces import Piece, pieces

if TYPE_CHECKING:
    from wespe_bench.types import Metric


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is left to score in one run.

    ``photos`` are those that the items of ``waiting`` are about, ``complete`` is how many have
    all rows there already. ``some`` has a kept row of each of other people's metrics, ``failures``
    what cannot be scored, ``failed`` the (sample, metric) whose scoring failed, and has not
    succeeded since.
    """

    waiting: Sequence[Item]
    photos: int
    metrics: frozenset[str]
    complete: int
    some: Sequence[Kept]
    failures: Sequence[Failure]
    failed: frozenset[tuple[str, str]]


def prepare(
    folder: Path,
    number: int,
    records: dict[str, Metric],
    *,
    shard: tuple[int, int],
    force: bool,
) -> Prepared:
    """Bring a run's metadata up to date; what is left to do by these metrics, by their specs."""
    from wespe_bench import atomic, links

    links.check_tree(folder)
    content = run_metadata.describe(folder, records)
    atomic.remove_leftovers(folder)
    content = run_metadata.refresh(folder, content)
    waiting = _Waiting(number, folder)
    kept: dict[str, list[Kept]] = defaultdict(list)
    failures: list[Failure] = []
    failed: set[tuple[str, str]] = set()
    place = complete = 0
    for piece in pieces(folder):
        listed = range(place, place + len(piece.samples))
        place += len(piece.samples)
        mine = [at % shard[1] == shard[0] - 1 for at in listed]
        wrong = piece.failures[piece.failures["stage"] == "score"]
        failed.update(zip(wrong["sample"], wrong["metric"], strict=True))
        there = {} if force else _there(piece)
        for row, made, obstacle in _results(folder, content, piece, mine):
            sample = row["sample"]
            if obstacle:
                failures.append(Failure(folder, sample, "score", f"{obstacle}; run enhance again"))
                continue
            missing = []
            for name, metric in records.items():
                if metric.full_reference and row["reference"] is None:
                    continue
                old = there.get((sample, metric.name))
                if old is None or not _counts(old, metric, made, row):
                    missing.append(name)
                elif is_foreign(name) and len(kept[name]) < proof.LOOKED_AT:
                    item = _item(number, folder, 0, row, (name,), name)
                    kept[name].append(Kept(item, old["value"]))
            complete += not missing
            if missing:
                waiting.add(row, missing)
    smallest = (proof.smallest((row, row.item.image) for row in some) for some in kept.values())
    return Prepared(
        waiting.items(),
        len(waiting.ids),
        frozenset(name for names, _ in waiting.kinds for name in names),
        complete,
        list(smallest),
        failures,
        frozenset(failed),
    )


def _there(piece: Piece) -> dict[tuple[str, str], dict[str, Any]]:
    rows = store.records(piece.scores[piece.scores["seed"] == 0])
    return {(row["sample"], row["metric"]): row for row in rows}


def _counts(
    old: Mapping[str, Any], metric: Metric, made: Mapping[str, Any], row: Mapping[str, Any]
) -> bool:
    """Whether a row of "scores" is what would be computed today."""
    from wespe_bench import images

    reference_read = (row["reference_sha256"], images.reader_version())
    expected = reference_read if metric.full_reference else (None, None)
    columns = ("metric_version", "image_sha256", "reference_sha256", "reader")
    current = (metric.version, made["image_sha256"], *expected)
    return tuple(old[column] for column in columns) == current


def _results(
    folder: Path, content: Mapping[str, Any], piece: Piece, mine: Sequence[bool]
) -> list[tuple[dict[str, Any], dict[str, Any], str]]:
    """The photos of this shard that `enhance` did not fail: row, row of "enhanced", obstacle.

    An empty obstacle says that the result can be scored.
    """
    # What failed in `enhance` has been reported by it.
    failed = set(piece.failures.loc[piece.failures["stage"] == "enhance", "sample"])
    rows = [r for r in store.records(piece.samples[list(mine)]) if r["sample"] not in failed]
    enhanced = {row["sample"]: row for row in store.records(piece.enhanced)}
    valid = set(piece.results(str(content.get("fingerprint", ""))).index)
    listed = [row["sample"] for row in rows if row["sample"] in valid]
    hashed = each(_sha256, (store.result_of(folder, sample) for sample in listed))
    found = dict(zip(listed, hashed, strict=True))
    made = [enhanced.get(row["sample"], {}) for row in rows]
    return [
        (row, of, _obstacle(of, row["sha256"], found.get(row["sample"])))
        for row, of in zip(rows, made, strict=True)
    ]


def _sha256(image: Path) -> str | InputError:
    """A result's hash, or why it has none."""
    from wespe_bench import provenance

    try:
        return provenance.sha256_file(image)
    except InputError as error:
        return error


def _obstacle(made: Mapping[str, Any], input_sha256: str, sha256: str | InputError | None) -> str:
    """Why a result cannot be scored, empty when it can.

    ``made`` is its row of "enhanced", ``sha256`` its `_sha256`, None for an earlier enhancer's.
    """
    if not made:
        return "not enhanced yet"
    if made["input_sha256"] != input_sha256:
        return "the photo changed since it was enhanced"
    if sha256 is None:
        return "its result is an earlier enhancer's"
    if isinstance(sha256, InputError):
        return str(sha256)
    return "" if sha256 == made["image_sha256"] else "its PNG is not what enhance wrote"


def _item(
    number: int,
    folder: Path,
    place: int,
    row: Mapping[str, Any],
    metrics: tuple[str, ...],
    apart: str | None,
) -> Item:
    reference = to_path(row["reference"]) if row["reference"] else None
    sha256 = row["reference_sha256"]
    return Item(number, row["sample"], folder, reference, sha256, metrics, apart, place)


class _Waiting:
    """The items to do of one run: packed photos, and for each item its photo and its metrics."""

    def __init__(self, number: int, folder: Path) -> None:
        self._make = partial(_item, number, folder)
        self.ids, self._references, self._sha256 = texts(), texts(), hashes()
        #: The metrics that photos lack, and the one that has workers of its own.
        self.kinds: list[tuple[tuple[str, ...], str | None]] = []
        self._photo, self._kind = array("I"), array("I")

    def add(self, row: Mapping[str, Any], metrics: Sequence[str]) -> None:
        """A photo and the metrics that it lacks: one item for ours, one each for others'."""
        ours = tuple(name for name in metrics if not is_foreign(name))
        kinds: list[tuple[tuple[str, ...], str | None]] = [(ours, None)] if ours else []
        kinds += [((name,), name) for name in metrics if name not in ours]
        for kind in kinds:
            if kind not in self.kinds:
                self.kinds.append(kind)
            self._photo.append(len(self.ids))
            self._kind.append(self.kinds.index(kind))
        self.ids.append(row["sample"])
        self._references.append(row["reference"] or "")
        self._sha256.append(row["reference_sha256"])

    def items(self) -> Sequence[Item]:
        return Lazy(len(self._photo), self._at)

    def _at(self, position: int) -> Item:
        place = self._photo[position]
        row = {
            "sample": self.ids[place],
            "reference": self._references[place],
            "reference_sha256": self._sha256[place],
        }
        return self._make(place, row, *self.kinds[self._kind[position]])
