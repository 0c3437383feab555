"""A run's card: one JSON file with its scores, photo by photo, to rank the run elsewhere.

A card names the method, the data set's revision, each metric's version and the libraries; it
holds no path and no command. Cards come from other people: every field is checked, and means are
computed again from the scores.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import atomic, provenance, reading
from wespe_bench.errors import InputError
from wespe_bench.json_output import json_text
from wespe_bench.registry import METRICS, load_metric
from wespe_bench.run import VARIES, stated_count
from wespe_bench.store import SCORE_COLUMNS
from wespe_bench.types import check_id

if TYPE_CHECKING:
    import pandas as pd

    from reports.cells import Cell, Column
    from wespe_bench.types import Metric

#: Layout number of a card; a reader refuses a larger one.
SCHEMA = 1

# Finite scores farther from 0 than this are refused: their sums would overflow.
_FARTHEST = 1e100

# Of a card's warnings as many are shown, each of as many characters at most.
_MOST_WARNINGS, _LONGEST_WARNING = 20, 500

#: Bytes of the largest card that is read: some 200,000 photos.
_LARGEST = 64_000_000


@dataclass(frozen=True, slots=True)
class Card:
    """The checked content of a card: texts are one short line, scores are numbers.

    ``scores`` maps a metric to a value per sample (infinite allowed, None where there is none);
    ``source`` is the file it came from, ``state`` what is known of its scores (`reports.added`).
    """

    label: str
    enhancer: str
    fingerprint: str
    dataset: str
    revision: str
    note: str
    metrics: Mapping[str, Metric]
    samples: tuple[str, ...]
    scores: Mapping[str, tuple[float | None, ...]]
    results_sha256: str
    versions: Mapping[str, str]
    device: str
    platform: str
    created: str
    warnings: tuple[str, ...] = ()
    parameters: int | None = None
    multiply_adds: int | None = None
    source: str = ""
    state: str = "not verified"

    def rows(self) -> pd.DataFrame:
        """The scores as `wespe_bench.run.load_scores` gives those of a run."""
        import pandas as pd

        rows = [
            {
                **dict.fromkeys(SCORE_COLUMNS),
                "run": f"added/{self.label}",
                "label": self.label,
                "dataset": self.dataset,
                "revision": self.revision,
                "note": self.note,
                "sample": sample,
                "metric": name,
                "metric_version": self.metrics[name].version,
                "value": value,
                "extras": "{}",
                "seed": 0,
                "seconds": math.nan,
            }
            for name, values in self.scores.items()
            for sample, value in zip(self.samples, values, strict=True)
            if value is not None
        ]
        return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def make_card(
    head: Mapping[str, Any],
    scores: pd.DataFrame,
    cells: Mapping[str, tuple[Column, Cell]],
    metrics: Mapping[str, Metric],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """The card of one run, as an object for JSON.

    ``head`` is its run.json, ``scores`` its rows, ``cells`` its column and cell of each metric,
    ``warnings`` what its enhancer warned of.
    """
    samples = sorted(scores["sample"].unique())
    images = scores.drop_duplicates("sample").set_index("sample")["image_sha256"]
    results = results_digest({sample: str(images[sample]) for sample in samples})
    values: dict[str, list[float | str | None]] = {}
    stated: dict[str, Any] = {}
    for name, (column, cell) in cells.items():
        rows = scores[scores["metric"] == name].set_index("sample")["value"]
        values[name] = [_written(rows.get(sample)) for sample in samples]
        stated[name] = {
            "version": column.version,
            "title": column.title,
            "unit": column.unit,
            "higher_is_better": column.higher_is_better,
            "full_reference": name in metrics and metrics[name].full_reference,
            "n": cell.n,
            **{key: _written(getattr(cell, key)) for key in ("mean", "low", "high")},
        }
    return {
        "schema": SCHEMA,
        "method": {
            "label": head["label"] + VARIES * bool(head.get("varies")),
            # What follows the colon may be a path, or a command with a password.
            "enhancer": str(head["enhancer"]).partition(":")[0],
            "fingerprint": head.get("fingerprint", ""),
            "warnings": list(warnings),
            # As in `wespe_bench.run.Run`.
            **{n: stated_count(head.get("about"), n) for n in ("parameters", "multiply_adds")},
        },
        "dataset": {
            "name": head["dataset"]["name"],
            "revision": head["dataset"]["revision"],
            "note": head["dataset"].get("note", ""),
            "n": len(samples),
        },
        "metrics": stated,
        "samples": samples,
        "scores": values,
        "scores_sha256": _digest([samples, values]),
        "results_sha256": results,
        "versions": head.get("versions", {}),
        "device": head.get("device", ""),
        "platform": head.get("platform", ""),
        "created": head.get("created", ""),
    }


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write a card atomically."""
    atomic.write_text(path, json_text(card))


def read_card(path: Path) -> Card:
    """Read and check a card. Raises InputError for one that is missing, damaged or invalid."""
    try:
        reading.check_regular(path)
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"larger than {_LARGEST // 10**6} MB")
        return replace(_checked(reading.read_json(path)), source=str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a usable card: {error}") from None


def _checked(content: Any) -> Card:
    from wespe_bench.types import Metric

    whole = _of(content, dict, "the file")
    schema = reading.layout_number(whole.get("schema"))
    if schema > SCHEMA:
        raise ValueError(f"written by a newer wespe-bench (layout {schema})")
    method = _of(whole.get("method"), dict, "method")
    dataset = _of(whole.get("dataset"), dict, "dataset")
    samples = _of(whole.get("samples"), list, "samples")
    for sample in samples:
        check_id(sample)
    if not samples or len(set(samples)) != len(samples):
        raise ValueError("it has no samples, or lists one twice")
    metrics: dict[str, Metric] = {}
    scores: dict[str, tuple[float | None, ...]] = {}
    written = _of(whole.get("scores"), dict, "scores")
    for name, said in _of(whole.get("metrics"), dict, "metrics").items():
        record = _of(said, dict, f"metrics.{name}"[:60])
        metrics[name] = Metric(
            name=_line(name, "a metric's name"),
            version=_line(record.get("version"), "a metric's version"),
            unit=_line(record.get("unit", ""), "a metric's unit", empty=True),
            higher_is_better=_of(record.get("higher_is_better"), bool, f"{name}.higher_is_better"),
            full_reference=_of(record.get("full_reference"), bool, f"{name}.full_reference"),
            compute=_no_code,
            title=_line(record.get("title", ""), "a metric's title", empty=True),
        )
        values = _of(written.get(name), list, f"scores.{name}"[:60])
        if len(values) != len(samples):
            raise ValueError(f"{name} has {len(values)} scores for {len(samples)} samples")
        scores[name] = tuple(map(_number, values))
        _check_possible(name, scores[name])
    if not metrics:
        raise ValueError("it has no scores")
    if whole.get("scores_sha256") != _digest([samples, written]):
        raise ValueError("its scores are not those that its scores_sha256 names")
    return Card(
        label=_line(method.get("label"), "method.label"),
        enhancer=_line(method.get("enhancer", ""), "method.enhancer", empty=True),
        fingerprint=_line(method.get("fingerprint", ""), "method.fingerprint", 2000, empty=True),
        dataset=_line(dataset.get("name"), "dataset.name", 300),
        revision=_line(dataset.get("revision"), "dataset.revision"),
        note=_line(dataset.get("note", ""), "dataset.note", 300, empty=True),
        metrics=metrics,
        samples=tuple(samples),
        scores=scores,
        results_sha256=_line(whole.get("results_sha256"), "results_sha256"),
        versions={
            _line(name, "a library's name"): _line(version, "a library's version")
            for name, version in _of(whole.get("versions", {}), dict, "versions").items()
        },
        device=_line(whole.get("device", ""), "device", 300, empty=True),
        platform=_line(whole.get("platform", ""), "platform", 300, empty=True),
        created=_line(whole.get("created", ""), "created", empty=True),
        warnings=tuple(
            _line(line, "a warning", _LONGEST_WARNING)
            for line in _of(method.get("warnings", []), list, "method.warnings")[:_MOST_WARNINGS]
        ),
        parameters=stated_count(method, "parameters"),
        multiply_adds=stated_count(method, "multiply_adds"),
    )


def _of(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{what} is missing or of the wrong kind")
    return value


def _line(value: Any, what: str, longest: int = 100, *, empty: bool = False) -> str:
    text = str(_of(value, str, what))
    if len(text) > longest or not (text or empty):
        raise ValueError(f"{what} has {len(text)} characters; expected 1 to {longest}")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise ValueError(f"{what} holds control characters")
    return text


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if value in ("inf", "-inf"):
        return float(value)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:40]!r} is not a score")
    return float(value)


def _check_possible(name: str, values: tuple[float | None, ...]) -> None:
    """Raise ValueError where there is not a score, and for scores that the metric cannot give."""
    known = load_metric(name).possible if name in METRICS else None
    low, high = known or (-math.inf, math.inf)
    there = [value for value in values if value is not None]
    if not there:
        raise ValueError(f"{name} has no score of any photo")
    for value in there:
        if not low <= value <= high or _FARTHEST < abs(value) < math.inf:
            raise ValueError(f"{value:g} is not a score that {name} can give"[:200])


def _written(value: Any) -> float | str | None:
    """A number as JSON can hold it: infinities as texts, NaN as null."""
    if value is None or math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else str(float(value))


def results_digest(pictures: Mapping[str, str]) -> str:
    """What a card says of its method's pictures, from the SHA-256 of each sample's PNG."""
    return _digest([[sample, pictures[sample]] for sample in sorted(pictures)])


def _digest(value: Any) -> str:
    return provenance.sha256_bytes(json.dumps(value, sort_keys=True).encode())


def _no_code(*_: object, **__: object) -> float:
    raise InputError("this metric is only known by what a card says of it")
