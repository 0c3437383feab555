"""The results store: what a run folder holds, and how rows get in and out.

A run folder is one enhancer on one data set::

    run.json            what was run, on what, with which versions
    samples.parquet     the data set's samples: ids, paths, hashes
    images/<id>.png     the enhancer's results
    enhanced/*.parquet  a row per result: input hash, enhancer fingerprint, result hash, and what
                        it cost in seconds and bytes (`memory.taken`)
    scores/*.parquet    a row per (sample, metric)
    failures/*.parquet  a row per attempt that failed

Parts are immutable and appear by a rename, so writers need no locks, and a killed one
leaves nothing half done. Parts are numbered; of two rows with one key the one in the later
part counts. Clocks play no role. A part's name holds the hash of its bytes, so damage shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import atomic, links, paths, provenance, reading, store_files
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: Layout number of everything a run folder holds; a reader refuses a larger one.
SCHEMA = store_files.SCHEMA

# How the reference was read matters to `wespe_bench.scoring` only.
_SCORE_COLUMNS = (name for name in store_files.COLUMNS["scores"] if name != "reader")
SCORE_COLUMNS = ("run", "label", "dataset", "revision", "note", *_SCORE_COLUMNS)


def result_of(run: Path, sample: str) -> Path:
    """Where the result of a sample is kept."""
    return run / "images" / f"{sample}.png"


def check_run_exists(run: Path) -> None:
    """Raise InputError when the run folder was taken away while it was being written.

    Parts and results without a run.json are of no use to anyone.
    """
    if not paths.is_file(run / "run.json"):
        raise InputError(
            f"{run}: its run.json has gone while the run was being written; if the folder was "
            "moved, move it back, else remove what is left of it; the same command then goes on"
        )


def append(run: Path, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows as one immutable part. ``kind`` is "enhanced", "scores" or "failures"."""
    if not rows:
        return
    folder = run / kind
    number = max((number for number, _ in store_files.numbered(folder)), default=0) + 1
    data = store_files.encode(kind, rows)
    name = f"part-{number:08d}-{provenance.sha256_bytes(data)[:32]}.parquet"
    atomic.write_bytes(folder / name, data)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dicts, with None where a value is missing."""
    plain = frame.astype(object)
    return [
        {str(key): value for key, value in row.items()}
        for row in plain.where(frame.notna(), None).to_dict("records")
    ]


def load(run: Path, kind: str) -> pd.DataFrame:
    """The rows of one kind that count, one per key, sorted by key.

    Raises InputError for a damaged part, one written by a newer version, and one that is a
    link out of the run folder.
    """
    import pyarrow as pa

    tables = []
    for _, path in store_files.numbered(run / kind):
        links.check_file(path, run)
        tables.append(store_files.read(path, kind))
    table = pa.concat_tables(tables) if tables else store_files.schema(kind).empty_table()
    return counting(table, kind)


def counting(table: pa.Table, kind: str) -> pd.DataFrame:
    """Of rows in the order of their parts those that count: the last of each key, sorted by key."""
    frame: pd.DataFrame = table.to_pandas(use_threads=False)
    keys = store_files.KEYS[kind]
    return frame.drop_duplicates(keys, keep="last").sort_values(
        keys, kind="stable", ignore_index=True
    )


def matched(ids: Iterable[str], frame: pd.DataFrame) -> Iterator[dict[str, Any] | None]:
    """The row of each id, as `records` gives it, or None; ids and rows are sorted by id.

    Rows are made a few at a time.
    """
    rows = (row for at in range(0, len(frame), 1000) for row in records(frame[at : at + 1000]))
    row = next(rows, None)
    for id_ in ids:
        while row is not None and row["sample"] < id_:
            row = next(rows, None)
        yield row if row is not None and row["sample"] == id_ else None


def check_new(run: Path) -> None:
    """Raise InputError where no new run can be: inside another, or in a folder of other things.

    Readers look no deeper than a run, so of a run and what lies below it one is never seen.
    """
    above = next((folder for folder in run.absolute().parents if _is_run(folder)), None)
    if above is not None:
        raise InputError(f"{run} lies inside the run {above}; choose another --out")
    if not paths.is_dir(run):
        return
    links.check_run(run)
    names = {name for name in paths.names(run) if not name.endswith(".tmp")}
    if names and "samples.parquet" not in names:  # with it: a run whose run.json was lost
        raise InputError(f"{run} is not empty and is no run folder; choose another --out")


def _is_run(folder: Path) -> bool:
    return all(paths.is_file(folder / name) for name in ("run.json", "samples.parquet"))


def write_samples(run: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write samples.parquet: sample, path, sha256, reference, reference_sha256."""
    with atomic.writer(run / "samples.parquet") as file:
        store_files.write(file, "samples", rows)


def load_samples(run: Path) -> pd.DataFrame:
    """The run's samples, sorted by id: sample, path, sha256, reference, reference_sha256."""
    try:
        table = store_files.read(run / "samples.parquet", "samples")
    except FileNotFoundError:
        raise InputError(f"{run}: no samples.parquet, so this is not a run folder") from None
    frame: pd.DataFrame = table.to_pandas()
    return frame.sort_values("sample").reset_index(drop=True)


def write_run(run: Path, content: Mapping[str, Any]) -> None:
    """Write run.json with the layout number first."""
    text = json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False, allow_nan=False)
    atomic.write_text(run / "run.json", text + "\n")


def read_run(run: Path) -> dict[str, Any]:
    """run.json as a dict.

    Raises InputError when it is missing, damaged or from a newer version, and where a file or
    folder of the run is a link out of it.
    """
    links.check_run(run)
    path = run / "run.json"
    try:
        content = reading.read_json(path)
        schema = reading.layout_number(content["schema"])
    except FileNotFoundError:
        raise InputError(f"{run}: not a run folder (it has no run.json)") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: damaged; delete it and run the same command again") from None
    store_files.refuse_newer(path, schema)
    _check_head(path, content)
    return dict(content)


def _check_head(path: Path, content: dict[str, Any]) -> None:
    """Raise InputError unless what readers rely on is there and of the right type."""
    dataset = content.get("dataset")
    dataset = dataset if isinstance(dataset, dict) else {}
    right = {
        "label": isinstance(content.get("label"), str),
        "enhancer": isinstance(content.get("enhancer"), str),
        "fingerprint": isinstance(content.get("fingerprint", ""), str),
        "dataset.name": isinstance(dataset.get("name"), str),
        "dataset.revision": isinstance(dataset.get("revision"), str),
        "dataset.note": isinstance(dataset.get("note", ""), str),
        "dataset.options": isinstance(dataset.get("options", {}), dict),
        "versions": isinstance(content.get("versions", {}), dict),
        "metrics": isinstance(content.get("metrics", {}), dict),
        "again": isinstance(content.get("again", 0), int),
        "varies": isinstance(content.get("varies", False), bool),
        "seed": isinstance(content.get("seed", 0), int),
        "device": isinstance(content.get("device", ""), str),
        "platform": isinstance(content.get("platform", ""), str),
        "created": isinstance(content.get("created", ""), str),
        "command": isinstance(content.get("command", ""), str),
    }
    wrong = [name for name, fine in right.items() if not fine]
    if wrong:
        raise InputError(
            f"{path}: {', '.join(wrong)} missing or of the wrong kind; delete the file and run "
            "the same command again"
        )


def current_results(run: Path, head: Mapping[str, Any], samples: pd.DataFrame) -> pd.DataFrame:
    """`current` of a run, given what its run.json says and its ``samples``, indexed by sample."""
    return current(
        load(run, "enhanced"),
        load_failures(run, samples.index),
        str(head.get("fingerprint", "")),
        samples["sha256"],
    )


def current(
    enhanced: pd.DataFrame, failures: pd.DataFrame, fingerprint: str, inputs: pd.Series[str]
) -> pd.DataFrame:
    """The rows of ``enhanced`` that are not stale, indexed by sample.

    A row is stale when it has another fingerprint, when its input is not the photo's in
    ``inputs`` (SHA-256 by sample), and when ``failures`` says that enhancing it again failed.
    """
    rows = enhanced.set_index("sample")
    failed = failures.loc[failures["stage"] == "enhance", "sample"]
    made_by = rows["fingerprint"].str.partition("|")[0] if len(rows) else rows["fingerprint"]
    same = (made_by == fingerprint) & (rows["input_sha256"] == rows.index.to_series().map(inputs))
    valid: pd.DataFrame = rows[same & ~rows.index.isin(failed)] if len(failed) else rows[same]
    return valid


def load_failures(run: Path, samples: Iterable[str] | None = None) -> pd.DataFrame:
    """What failed and has not succeeded since: sample, stage, metric, error.

    ``samples`` are the ids of the run's samples, for who has them at hand.
    """
    frame = load(run, "failures")
    listed: Iterable[str] = ()
    if len(frame):
        listed = load_samples(run)["sample"] if samples is None else samples
    return standing(frame, listed)


def standing(failures: pd.DataFrame, samples: Iterable[str]) -> pd.DataFrame:
    """Of rows of "failures" those of ``samples`` that have not succeeded since."""
    frame = failures[failures["error"] != ""]
    if len(frame):
        frame = frame[frame["sample"].isin(set(samples))]
    return frame[["sample", "stage", "metric", "error"]].reset_index(drop=True)


def clear_failures(
    failures: pd.DataFrame, done: Iterable[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """Rows that strike out the failures whose (sample, stage, metric) has now succeeded."""
    standing = failures.loc[failures["error"] != "", store_files.KEYS["failures"]].to_numpy(object)
    struck = set(done).intersection(map(tuple, standing))
    return [strike(*key) for key in sorted(struck)]


def strike(sample: str, stage: str, metric: str) -> dict[str, Any]:
    """The row of "failures" that says: this has succeeded since."""
    return {"sample": sample, "stage": stage, "metric": metric, "input_sha256": "", "error": ""}
