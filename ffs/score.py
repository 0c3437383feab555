"""The verb ``ffs score``: any folder of photos -> a CSV of their Flickr Faves Scores."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ffs.manifest import escape_formula, unescape_formula
from wespe_bench.arguments import cores
from wespe_bench.engines import Outcome
from wespe_bench.errors import MAKE_ROOM, InputError, one_line, print_failures, writing
from wespe_bench.option_checks import check_jobs
from wespe_bench.paths import to_path

#: Columns besides the scorer's extras.
_FIRST, _LAST = ("photo", "ffs"), ("sha256", "version")


@dataclass(frozen=True)
class ScoreFolder:
    """Score the photos of a folder with the virtual rater, without a run.

    Example:
      wespe-bench ffs score photos/ --rater runs/rater/rater.safetensors --out photos.csv
    """

    photos: str
    """A folder of photos."""
    rater: str = ""
    """What `ffs train` wrote, or ffs-standin, the demonstration that ships (default: the rater
    in $WESPE_DATA/models/ffs.safetensors)."""
    out: Annotated[str, "FILE"] = "ffs.csv"
    """The CSV to write: a row per photo, with its crops. Rows that still hold are kept."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""
    engine: str = "local"
    """local, or ray, ray:HOST:PORT, each with ?workers=N&gpus=SHARE: a cluster's workers."""


def main(config: ScoreFolder) -> int:
    """Score, write the CSV, say the mean."""
    check_jobs(config.jobs)
    title, rows, errors = score(config)
    if rows:
        values = sorted(float(row["ffs"]) for row in rows)
        count = f"{len(values)} photo" + "s" * (len(values) != 1)
        print(
            f"{title}: mean {sum(values) / len(values):.4f}, from {values[0]:.4f} to "
            f"{values[-1]:.4f} ({count}) -> {config.out}"
        )
    return print_failures("photos could not be scored", errors)


def score(config: ScoreFolder) -> tuple[str, list[dict[str, str]], list[str]]:
    """The metric's title, a row per scored photo, and why others have none.

    Raises InputError when there is no photo, no rater, or the CSV cannot be written.
    """
    from wespe_bench import provenance
    from wespe_bench.datasets.folder import find_photos
    from wespe_bench.driver import run_items
    from wespe_bench.engines import load_engine
    from wespe_bench.registry import load_metric

    spec = config.rater if config.rater in ("", "ffs-standin") else f"ffs:{config.rater}"
    metric = load_metric(spec or "ffs")
    paths = find_photos(to_path(config.photos), every=True)
    out = Path(config.out)
    if out.is_dir():
        raise InputError(f"--out {out}: is a folder, expected a file to write")
    hashes = {id_: provenance.content_of(path) for id_, path in paths.items()}
    kept = {
        row["photo"]: row
        for row in _read(out)
        if row["version"] == metric.version and hashes.get(row["photo"]) == row["sha256"]
    }
    todo = [(id_, str(paths[id_]), hashes[id_]) for id_ in paths if id_ not in kept]
    errors: list[str] = []

    def flush(rows: Sequence[dict[str, str]]) -> None:
        kept.update({row["photo"]: row for row in rows})
        _write(out, [kept[id_] for id_ in paths if id_ in kept])

    def take(outcome: Outcome) -> Sequence[dict[str, str]]:
        if outcome.error:
            errors.append(outcome.error)
        return outcome.rows

    run_items(
        load_engine(config.engine),
        _open,
        spec or "ffs",
        todo,
        title="ffs",
        jobs=config.jobs,
        chunk=1,
        take=take,
        write=flush,
    )
    if kept and not todo:
        _write(out, [kept[id_] for id_ in paths if id_ in kept])
    return metric.title, [kept[id_] for id_ in paths if id_ in kept], errors


def _open(spec: str) -> Callable[[Sequence[Any]], list[Outcome]]:
    """The engine's setup: the rater is loaded once a worker."""
    from wespe_bench.images import read_rgb
    from wespe_bench.registry import load_metric

    metric = load_metric(spec)

    def work(items: Sequence[Any]) -> list[Outcome]:
        outcomes = []
        for id_, path, sha256 in items:
            try:
                found: Any = metric.compute(read_rgb(path), sample_id=id_, seed=0)
            except ValueError as error:
                text = one_line(error) if isinstance(error, InputError) else f"{path}: {error}"
                outcomes.append(Outcome(id_, error=text))
                continue
            row = {"photo": id_, "ffs": repr(found.pop("value"))}
            row |= {name: f"{value:.9g}" for name, value in found.items()}
            row |= {"sha256": sha256, "version": metric.version}
            outcomes.append(Outcome(id_, rows=(row,)))
        return outcomes

    return work


def _read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV written here; none of a missing or foreign one, which is an error.

    Raises InputError for a file that is something else: it is not overwritten.
    """
    from wespe_bench import reading

    try:
        text = reading.read_bytes(path).decode("utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--out {path}: cannot be read ({one_line(error)[:80]})") from None
    table = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = list(table)
    except csv.Error as error:
        raise InputError(f"--out {path}: cannot be read ({error})") from None
    if not {*_FIRST, *_LAST} <= set(table.fieldnames or ()):
        raise InputError(f"--out {path}: holds something else; name another file")
    return [
        row | {"photo": unescape_formula(row["photo"])}
        for row in rows
        if None not in row and row["version"]
    ]


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    from wespe_bench import atomic

    extras = list(dict.fromkeys(n for row in rows for n in row if n not in (*_FIRST, *_LAST)))
    text = io.StringIO()
    table = csv.DictWriter(text, [*_FIRST, *extras, *_LAST], lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow(row | {"photo": escape_formula(row["photo"])})
    with writing(path, MAKE_ROOM):
        atomic.write_text(path, text.getvalue())
