"""The verb ``merge``: shards that were run into separate folders become one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import reading
from wespe_bench.errors import InputError
from wespe_bench.paths import to_path
from wespe_bench.run import Run, open_runs, print_left_out

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Merge:
    """Join shards of the same runs into one folder.

    Shards on one file system need no merge: give them the same --out.

    Example:
      wespe-bench merge shard1/ shard2/ --out runs/all
    """

    shards: tuple[str, ...]
    """Folders that hold shards: run folders, or folders of runs with the same layout."""
    out: str = "runs/merged"
    """Where the whole goes; may exist, and then is added to."""


def main(config: Merge) -> int:
    """Merge and say how much."""
    out = to_path(config.out)
    done = merge([to_path(shard) for shard in config.shards], out)
    folders = f"{len(config.shards)} folder{'s' if len(config.shards) > 1 else ''}"
    runs = f"{done.runs} run{'s' if done.runs > 1 else ''}"
    print(f"merged {folders}, {runs}: {done.images} images and {done.scores} scores new in {out}")
    return print_left_out(done.left_out)


@dataclass(frozen=True, slots=True)
class Merged:
    """How many runs were read, images and scores copied, and which runs cannot be read."""

    runs: int
    images: int
    scores: int
    left_out: tuple[str, ...] = ()


def merge(shards: list[Path], out: Path) -> Merged:
    """Copy results and rows of all shards below ``out``.

    Raises InputError when two shards disagree on what was run, when a result is not what its
    row says, and where no run of a shard can be read.
    """
    from wespe_bench import atomic, links, store

    if not shards:
        raise InputError("nothing to merge: give the folders of the shards")
    # Everything is checked before anything is copied.
    for shard in shards:
        if shard.resolve() in out.resolve().parents:
            raise InputError(f"{out} lies inside {shard}, which would hold its runs twice")
    found: list[tuple[Run, Path]] = []
    left_out: list[str] = []
    for shard in shards:
        runs = open_runs(shard)
        left_out += runs.left_out
        found += [(run, out / run.folder.relative_to(shard).as_posix()) for run in runs.found]
    first_of: dict[Path, Run] = {}
    for run, target in found:
        links.check_tree(run.folder)
        if run.folder.resolve() == target.resolve():
            raise InputError(f"{run.folder} cannot be merged into itself")
        if target not in first_of and (target / "run.json").exists():
            first_of[target] = Run(target)
        _check_same(first_of.setdefault(target, run), run)
    for target in first_of:
        if not (target / "run.json").exists():
            store.check_new(target)
    for target in first_of:
        links.check_tree(target)
        atomic.remove_leftovers(target)
    images = scores = 0
    for run, target in found:
        added = _copy(run, target)
        images, scores = images + added[0], scores + added[1]
    return Merged(len(found), images, scores, tuple(left_out))


def _check_same(first: Run, run: Run) -> None:
    """Raise InputError unless two shards are of one enhancer on the same photos."""
    for what in ("label", "enhancer", "fingerprint", "dataset", "revision"):
        here, there = getattr(first, what), getattr(run, what)
        if here != there:
            raise InputError(
                f"{first.folder} and {run.folder} differ in {what}: {here!r}, {there!r}; "
                "merge only shards of one run"
            )


def _copy(run: Run, target: Path) -> tuple[int, int]:
    """Copy what ``target`` lacks of a shard; returns how many images and scores.

    Some photos at a time, by id.
    """
    from wespe_bench import store
    from wespe_bench.store_pieces import Rows, pieces, sample_pieces

    if not (target / "samples.parquet").exists():
        samples = (row for rows in sample_pieces(run.folder) for row in store.records(rows))
        store.write_samples(target, samples)
    if not (target / "run.json").exists():
        store.write_run(target, {k: v for k, v in run.metadata.items() if k != "schema"})
    there = {kind: Rows(target, kind) for kind in ("enhanced", "scores", "failures")}
    images = scores = 0
    for piece in pieces(run.folder):
        ids = piece.samples["sample"]
        old = {kind: rows.between(ids.iloc[0], ids.iloc[-1]) for kind, rows in there.items()}
        known = {row["sample"]: row["image_sha256"] for row in store.records(old["enhanced"])}
        results = []
        for row in store.records(piece.results(run.fingerprint).reset_index()):
            if known.get(row["sample"]) != row["image_sha256"]:
                _copy_image(run, target, row)
                results.append(row)
        store.append(target, "enhanced", results)
        counted = {_key(row) for row in store.records(old["scores"])}
        new = [row for row in store.records(piece.scores) if _key(row) not in counted]
        store.append(target, "scores", new)
        succeeded = {(sample, "enhance", "") for sample in known}
        succeeded |= {(row["sample"], "enhance", "") for row in results}
        succeeded |= {(key[0], "score", key[1]) for key in counted}
        succeeded |= {(row["sample"], "score", row["metric"]) for row in new}
        _copy_failures(target, store.records(piece.failures), old["failures"], succeeded)
        images, scores = images + len(results), scores + len(new)
    return images, scores


def _copy_image(run: Run, target: Path, row: Mapping[str, Any]) -> None:
    """Copy the result of a row of "enhanced"."""
    from wespe_bench import atomic, provenance, store

    image = store.result_of(run.folder, row["sample"])
    data = _bytes(image)
    if provenance.sha256_bytes(data) != row["image_sha256"]:
        raise InputError(f"{image} is not what enhance wrote; run enhance again there")
    atomic.write_bytes(store.result_of(target, row["sample"]), data)


def _copy_failures(
    target: Path,
    failed: Sequence[Mapping[str, Any]],
    there: pd.DataFrame,
    succeeded: Collection[tuple[str, str, str]],
) -> None:
    """Add what failed, and clear the failures ``there`` of what has succeeded in any shard."""
    from wespe_bench import store

    new = [row for row in failed if (row["sample"], row["stage"], row["metric"]) not in succeeded]
    store.append(target, "failures", [*store.clear_failures(there, succeeded), *new])


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("sample", "metric", "seed", "metric_version", "image_sha256", "reference_sha256")
    return tuple(row[name] for name in names)


def _bytes(path: Path) -> bytes:
    try:
        return reading.read_bytes(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
