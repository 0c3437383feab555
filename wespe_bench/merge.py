"""The verb ``merge``: shards that were run into separate folders become one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wespe_bench import reading
from wespe_bench.errors import InputError
from wespe_bench.places import place


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


def main(argv: list[str]) -> int:
    """Merge and say how much."""
    from wespe_bench.arguments import parse

    config = parse(Merge, argv, "merge")
    out = place(config.out)
    images, rows = merge([place(shard) for shard in config.shards], out)
    folders = f"{len(config.shards)} folder{'s' if len(config.shards) > 1 else ''}"
    print(f"merged {folders}: {images} images and {rows} scores new in {out}")
    return 0


def merge(shards: list[Path], out: Path) -> tuple[int, int]:
    """Copy results and rows of all shards below ``out``; returns (images, scores) copied.

    Raises InputError when two shards disagree on what was run, or a result is not what its
    row says.
    """
    from wespe_bench import atomic, store

    if not shards:
        raise InputError("nothing to merge: give the folders of the shards")
    # Everything is checked before anything is copied.
    for shard in shards:
        if shard.resolve() in out.resolve().parents:
            raise InputError(f"{out} lies inside {shard}, which would hold its runs twice")
    found = [
        (run, out / run.relative_to(shard).as_posix())
        for shard in shards
        for run in store.find_runs(shard)
    ]
    heads: dict[Path, tuple[Path, dict[str, Any]]] = {}
    for run, target in found:
        if run.resolve() == target.resolve():
            raise InputError(f"{run} cannot be merged into itself")
        head = store.read_run(run)
        if target not in heads and (target / "run.json").exists():
            heads[target] = (target, store.read_run(target))
        first, known = heads.setdefault(target, (run, head))
        _same(first, known, run, head)
    for target in heads:
        if not (target / "run.json").exists():
            store.check_new(target)
    for target in heads:
        atomic.remove_leftovers(target)
    images = scores = 0
    for run, target in found:
        added = _copy(run, target)
        images, scores = images + added[0], scores + added[1]
    return images, scores


def _same(first: Path, known: dict[str, Any], run: Path, head: dict[str, Any]) -> None:
    for what in ("label", "enhancer", "fingerprint"):
        if known.get(what) != head.get(what):
            raise InputError(
                f"{first} and {run} differ in {what}: {known.get(what)!r}, {head.get(what)!r}"
            )
    for what in ("name", "revision"):
        if known["dataset"][what] != head["dataset"][what]:
            raise InputError(
                f"{first} and {run} are of different data: {what} "
                f"{known['dataset'][what]!r}, {head['dataset'][what]!r}"
            )


def _copy(run: Path, target: Path) -> tuple[int, int]:
    from wespe_bench import atomic, provenance, store

    samples = store.load_samples(run)
    head = store.read_run(run)
    if not (target / "samples.parquet").exists():
        store.write_samples(target, store.records(samples))
    if not (target / "run.json").exists():
        store.write_run(target, {key: value for key, value in head.items() if key != "schema"})
    here = store.load(target, "enhanced").set_index("sample")["image_sha256"].to_dict()
    results = []
    current = store.current_results(run, head, samples.set_index("sample"))
    for row in store.records(current.reset_index()):
        if here.get(row["sample"]) == row["image_sha256"]:
            continue
        image = store.result_of(run, row["sample"])
        data = _bytes(image)
        if provenance.sha256_bytes(data) != row["image_sha256"]:
            raise InputError(f"{image} is not what enhance wrote; run enhance again there")
        atomic.write_bytes(store.result_of(target, row["sample"]), data)
        results.append(row)
    store.append(target, "enhanced", results)
    known = {_key(row) for row in store.records(store.load(target, "scores"))}
    scores = [row for row in store.records(store.load(run, "scores")) if _key(row) not in known]
    store.append(target, "scores", scores)
    _copy_failures(run, target)
    return len(results), len(scores)


def _copy_failures(run: Path, target: Path) -> None:
    """Add what failed in ``run``, and strike out what by now has succeeded in any shard."""
    from wespe_bench import store

    enhanced = store.load(target, "enhanced")["sample"]
    scores = store.load(target, "scores")
    succeeded = {(sample, "enhance", "") for sample in enhanced}
    succeeded |= {(s, "score", m) for s, m in zip(scores["sample"], scores["metric"], strict=True)}
    failed = [row for row in store.records(store.load(run, "failures")) if row["error"]]
    keys = [(row["sample"], row["stage"], row["metric"]) for row in failed]
    new = [row for row, key in zip(failed, keys, strict=True) if key not in succeeded]
    store.append(target, "failures", new)
    standing = store.load(target, "failures")
    store.append(target, "failures", store.clear_failures(standing, succeeded))


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("sample", "metric", "seed", "metric_version", "image_sha256", "reference_sha256")
    return tuple(row[name] for name in names)


def _bytes(path: Path) -> bytes:
    try:
        return reading.read_bytes(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
