"""Small runs for the tests of reports: score frames, and run folders made through the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.cells import Table
from reports.tables import summarize
from wespe_bench import provenance, store
from wespe_bench.images import write_png

Values = Mapping[str, Mapping[str, Sequence[float]]]


def ids(count: int) -> list[str]:
    return [f"s{number:02d}" for number in range(count)]


def scores(values: Values, dataset: str = "photos", **columns: object) -> pd.DataFrame:
    """Rows as `wespe_bench.run.load_scores` gives them: ``values[label][metric]`` by photo."""
    rows = [
        {
            "run": f"{dataset}/{label}",
            "label": label,
            "dataset": dataset,
            "revision": "r1",
            "note": "",
            "sample": sample,
            "metric": metric,
            "metric_version": "1",
            "value": float(value),
            "extras": "{}",
            "image_sha256": "i",
            "reference_sha256": "f",
            "seed": 0,
            "seconds": 0.1,
            **columns,
        }
        for label, metrics in values.items()
        for metric, of in metrics.items()
        for sample, value in zip(ids(len(of)), of, strict=True)
    ]
    return pd.DataFrame(rows)


def one(frame: pd.DataFrame, count: int, **options: Any) -> Table:
    """The table of `scores` of one data set with ``count`` photos."""
    (found,) = summarize(frame, {"photos": ids(count)}, **options)
    return found


def make_run(
    root: Path,
    label: str,
    values: Mapping[str, Sequence[float]],
    *,
    folder: str = "",
    dataset: str = "photos",
    samples: Sequence[str] | None = None,
    paired: bool = True,
    note: str = "",
    size: tuple[int, int] = (12, 16),
    shade: int = 0,
    noise: int | None = None,
    failures: Sequence[tuple[str, str, str]] = (),
    version: str = "1",
    revision: str = "",
    memory: float | None = None,
    **record: Any,
) -> Path:
    """A run folder with photos, results and scores, written through the store.

    Results are grey, or noise with the seed ``noise``, of which each photo has its own.
    """
    count = max((len(of) for of in values.values()), default=3)
    names = list(samples or ids(count))
    run = root / (folder or f"{dataset}/{label}")
    rows = []
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        photo = rng.integers(0, 200, (*size, 3), np.uint8)
        row: dict[str, Any] = {"sample": name, "reference": None, "reference_sha256": None}
        for key, sha, shift in (("path", "sha256", 0), ("reference", "reference_sha256", 40)):
            if key == "path" or paired:
                path = root / "data" / dataset / f"{number}-{key}.png"
                row[key] = str(path)
                row[sha] = provenance.sha256_bytes(write_png(path, photo + np.uint8(shift)))
        rows.append(row)
    store.write_samples(run, rows)
    hashes = {
        name: provenance.sha256_bytes(
            write_png(
                run / "images" / f"{name}.png",
                np.full((*size, 3), 20 + shade, np.uint8)
                if noise is None
                else np.random.default_rng([noise, number]).integers(0, 256, (*size, 3), np.uint8),
            )
        )
        for number, name in enumerate(names)
    }
    store.append(
        run,
        "enhanced",
        [
            {
                "sample": row["sample"],
                "input_sha256": row["sha256"],
                "fingerprint": str(record.get("fingerprint", f"{label}:0123")),
                "image_sha256": hashes[row["sample"]],
                "seconds": 0.1,
                "memory": memory,
            }
            for row in rows
        ],
    )
    references = {row["sample"]: row["reference_sha256"] for row in rows}
    store.append(
        run,
        "scores",
        [
            {
                "sample": name,
                "metric": metric,
                "metric_version": version,
                "value": float(value),
                "extras": "{}",
                "image_sha256": hashes[name],
                "reference_sha256": references[name],
                "seed": 0,
                "seconds": 0.1,
            }
            for metric, of in values.items()
            for name, value in zip(names, of, strict=False)
        ],
    )
    store.append(
        run,
        "failures",
        [
            {"sample": sample, "stage": stage, "metric": "", "input_sha256": "", "error": error}
            for sample, stage, error in failures
        ],
    )
    revision = revision or provenance.revision(
        (row["sample"], row["sha256"], row["reference_sha256"]) for row in rows
    )
    content = {
        "label": label,
        "enhancer": label,
        "fingerprint": f"{label}:0123",
        "seed": 0,
        "dataset": {
            "name": dataset,
            "revision": revision,
            "paired": paired,
            "note": note,
            "n": len(names),
            "options": {},
        },
        "versions": {"wespe_bench": "0.1.0", "numpy": "2.0.0"},
        "device": "cpu",
        "platform": "Linux, x86_64",
        "created": "2026-11-22T10:00:00+00:00",
        "command": "wespe-bench run --suite demo",
    }
    store.write_run(run, content | record)
    return run
