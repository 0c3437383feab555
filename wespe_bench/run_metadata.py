"""A run's metadata, run.json and samples.parquet: written, and brought up to date."""

from __future__ import annotations

import shlex
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench.compact import in_order
from wespe_bench.errors import InputError
from wespe_bench.paths import each, to_path
from wespe_bench.runs import Plan

if TYPE_CHECKING:
    from wespe_bench.sample_list import HashedSamples
    from wespe_bench.types import Metric


def write(
    plan: Plan,
    fingerprint: str,
    stretch: bool,
    about: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    force: bool = False,
) -> tuple[str, HashedSamples]:
    """Begin a run, or resume it: write run.json and samples.parquet.

    Returns the rows' fingerprint, which is the enhancer's and how often `start_again` was called,
    and the hashes of the data set's samples.

    ``about`` is the enhancer's own description and ``warnings`` are what it says of the data set
    (`wespe_bench.types.Enhancer`), ``versions`` are those of the distributions that it imports.
    Warnings of photos that are kept are kept; ``force`` says that none are.

    Raises InputError when the folder holds another run, or something that is none, and
    OSError when it cannot be written.
    """
    from datetime import UTC, datetime

    from wespe_bench import provenance, store

    rows = provenance.hash_samples(plan.dataset.samples)
    revision = provenance.revision(rows)
    options = {name: _option(name, value) for name, value in plan.options.items()}
    spec = plan.enhancer if isinstance(plan.enhancer, str) else provenance.name_of(plan.enhancer)
    before: dict[str, Any] = {}
    if (plan.folder / "run.json").exists():
        before = store.read_run(plan.folder)
        _check_same_run(plan, before, spec, revision, options.get("input"))
    else:
        store.check_new(plan.folder)
    again = before.get("again", 0)
    fingerprint += f"+again{again}" * bool(again)
    same_enhancer = before.get("fingerprint") == fingerprint
    warned = dict.fromkeys(warnings, 0)
    colours: dict[str, int] = {}
    if same_enhancer and not force:
        warned |= {line: n for line, n in before.get("warnings", {}).items() if n}
        colours = before.get("colours", {})
    # run.json first: by it a second shard knows that the folder is a run's.
    store.write_run(
        plan.folder,
        {
            "label": plan.label,
            "enhancer": spec,
            "fingerprint": fingerprint,
            **({"about": dict(about)} if about else {}),
            **({"again": again} if again else {}),
            **({"varies": True} if same_enhancer and before.get("varies") else {}),
            **({"warnings": warned} if warned else {}),
            **({"colours": colours} if colours else {}),
            "stretch": stretch,
            "seed": 0,
            "dataset": {
                "name": plan.dataset.name,
                "revision": revision,
                "paired": plan.dataset.paired,
                "note": plan.dataset.note,
                "n": len(plan.dataset),
                "options": options,
            },
            "versions": {**provenance.versions(), **(versions or {})},
            "device": provenance.device(),
            "platform": provenance.machine(),
            "created": before.get("created") or datetime.now(UTC).isoformat(timespec="seconds"),
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "metrics": before.get("metrics", {}),  # noted by `score`
        },
    )
    store.write_samples(
        plan.folder,
        (
            {
                "sample": sample.id,
                "path": str(sample.path.absolute()),
                "sha256": content,
                "reference": None if sample.reference is None else str(sample.reference.absolute()),
                "reference_sha256": reference,
            }
            # By id, as they are read again.
            for sample, (_, content, reference) in (
                (plan.dataset.samples[place], rows[place]) for place in in_order(rows.ids)
            )
        ),
    )
    return fingerprint, rows


def _check_same_run(
    plan: Plan, before: Mapping[str, Any], spec: str, revision: str, source: str | None
) -> None:
    """Raise InputError where the folder holds another enhancer's results, or other photos'."""
    dataset = before["dataset"]
    if (before["enhancer"], dataset["name"]) != (spec, plan.dataset.name):
        raise InputError(
            f"{plan.folder} holds {before['enhancer']!r} on {dataset['name']!r}, "
            f"not {spec!r} on {plan.dataset.name!r}; choose another --out"
        )
    earlier = dataset.get("options", {}).get("input")
    if earlier not in (None, source) and dataset["revision"] != revision:
        raise InputError(
            f"{plan.folder} holds results of other photos, those in {earlier}; "
            "give these another --name, or choose another --out"
        )


def start_again(folder: Path) -> None:
    """Make every result of a run stale: from now on its rows have another fingerprint."""
    _change(folder, lambda content: {"again": content.get("again", 0) + 1})


def mark_varying(folder: Path) -> None:
    """Note that the enhancer answers another way each time; tables mark the run by it."""
    _change(folder, lambda content: {"varies": True})


def _change(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    from wespe_bench import store

    content = store.read_run(folder)
    content |= change(content)
    store.write_run(folder, {k: v for k, v in content.items() if k != "schema"})


def add_counts(folder: Path, what: str, found: Mapping[str, int]) -> None:
    """Add to run.json's ``warnings`` or ``colours``: line -> photos it is about, 0 for all."""
    from wespe_bench import store

    content = store.read_run(folder)
    del content["schema"]
    known = content.get(what, {})
    content[what] = known | {line: known.get(line, 0) + n for line, n in found.items()}
    store.write_run(folder, content)


def _option(name: str, value: Any) -> str:
    """A data set's option as run.json keeps it; folders in full, so that they can be compared."""
    folders = ("input", "reference", "data", "folder", "pairs", "manifest")
    return str(to_path(value).absolute()) if name in folders and value else str(value)


def describe(folder: Path, records: dict[str, Metric]) -> dict[str, Any]:
    """Note title, unit, direction and the like of each metric in run.json; returns its content.

    Pages read them there: they must not run code that a data file names.
    """
    from wespe_bench import store

    content = store.read_run(folder)
    named = {
        metric.name: {
            "version": metric.version,
            "title": metric.title or metric.name,
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "full_reference": metric.full_reference,
            "summary": metric.summary,
            **({"pooled": True} if metric.aggregate else {}),
            **({} if metric.rates_quality else {"rates_quality": False}),
        }
        for metric in records.values()
    }
    known = content.get("metrics", {})
    if known | named != known:
        content = content | {"metrics": known | named}
        store.write_run(folder, {k: v for k, v in content.items() if k != "schema"})
    return content


def refresh(folder: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Bring the hashes in samples.parquet up to date; returns run.json's content.

    Both are written back, with the new revision, when a hash changed.

    A file that cannot be found keeps its recorded hash: no-reference scores need only the
    run's own images.
    """
    from wespe_bench import provenance, store
    from wespe_bench.store_pieces import sample_pieces

    changed: dict[str, dict[str, str]] = defaultdict(dict)
    for samples in sample_pieces(folder):
        for path, sha256 in (("path", "sha256"), ("reference", "reference_sha256")):
            named = samples[samples[path].notna()]
            hashes = each(provenance.content_if_there, map(to_path, named[path]))
            for id_, before, now in zip(named["sample"], named[sha256], hashes, strict=True):
                if now is not None and now != before:
                    changed[id_][sha256] = now
    if not changed:
        return content

    def rows() -> Iterator[dict[str, Any]]:
        for samples in sample_pieces(folder):
            for row in store.records(samples):
                yield row | changed.get(row["sample"], {})

    store.write_samples(folder, rows())
    revision = provenance.revision_in_order(
        (row["sample"], row["sha256"], row["reference_sha256"] or "") for row in rows()
    )
    content = content | {"dataset": content["dataset"] | {"revision": revision}}
    store.write_run(folder, {k: v for k, v in content.items() if k != "schema"})
    return content
