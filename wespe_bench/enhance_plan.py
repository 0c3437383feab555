"""What is left to do of an enhancer on a data set: which results are kept, and why not the others.

A million photos are planned in little memory: no object stays for a photo.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import describe, proof, run_metadata
from wespe_bench.compact import Lazy, in_order
from wespe_bench.enhance_worker import Item
from wespe_bench.errors import InputError
from wespe_bench.paths import each
from wespe_bench.runs import Plan

if TYPE_CHECKING:
    from wespe_bench.sample_list import HashedSamples
    from wespe_bench.types import Sample


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is left to do of a plan, how many photos are kept, the first of them, all hashes."""

    waiting: Sequence[Item]
    kept: int
    some: Sequence[Sample]
    hashed: HashedSamples


def prepare(
    plan: Plan,
    number: int,
    found: describe.Enhancer,
    *,
    shard: tuple[int, int],
    force: bool,
    stretch: bool,
) -> Prepared:
    """Write run.json and samples.parquet; what is left to do."""
    from wespe_bench import atomic, images, links, store

    fingerprint = f"{found.fingerprint}+{images.reader_version()}" + ("+stretch" if stretch else "")
    try:
        fingerprint, hashed = run_metadata.write(
            plan, fingerprint, stretch, found.about, found.versions, found.warned, force
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot write the run folder {plan.folder} ({reason}); choose another --out"
        ) from None
    links.check_tree(plan.folder)
    atomic.remove_leftovers(plan.folder)
    failed = set(store.load_failures(plan.folder).query("stage == 'enhance'")["sample"])
    samples = plan.dataset.samples

    def expected(sample: Sample) -> str:
        if found.fingerprint_for is None:
            return fingerprint
        try:
            return f"{fingerprint}|{found.fingerprint_for(sample)}"
        except Exception:
            return f"{fingerprint}|none"  # the worker meets the same error and reports it

    def item(place: int) -> Item:
        sample, content = samples[place], str(hashed.photos[place])
        before = sample.id in failed
        return Item(number, sample, plan.folder, expected(sample), content, before)

    # By id, as `score` does, so that a shard scores just what it enhanced.
    first, step = shard
    mine = array("I", islice(in_order(hashed.ids), first - 1, None, step))
    waiting, kept = array("I"), array("I")
    for place, row, result in _made(plan.folder, hashed, mine, failed, force):
        same = (
            row is not None
            and row["input_sha256"] == hashed.photos[place]
            and row["fingerprint"] == expected(samples[place])
            and result == row["image_sha256"]
        )
        (kept if same else waiting).append(place)
    left = Lazy(len(waiting), lambda position: item(waiting[position]))
    return Prepared(left, len(kept), [samples[i] for i in kept[: proof.LOOKED_AT]], hashed)


def _made(
    folder: Path, hashed: HashedSamples, places: Sequence[int], failed: set[str], force: bool
) -> Iterator[tuple[int, dict[str, Any] | None, str | None]]:
    """Of each place, by id: its row of "enhanced" or None, and the hash of the result it has.

    Results of what ``failed``, and with ``force`` all, count as not there.
    """
    from wespe_bench import provenance, store
    from wespe_bench.store_pieces import Rows

    stored = Rows(folder, "enhanced")
    for start in range(0, len(places), 2_000):
        some = places[start : start + 2_000]
        ids = [hashed.ids[place] for place in some]
        rows = store.matched(ids, stored.between(ids[0], ids[-1]))
        part = list(zip(some, rows, strict=True))
        made = [
            row["sample"]
            for _, row in part
            if row is not None and not force and row["sample"] not in failed
        ]
        files = (store.result_of(folder, id_) for id_ in made)
        results = dict(zip(made, each(provenance.content_if_there, files), strict=True))
        for place, row in part:
            yield place, row, None if row is None else results.get(row["sample"])
