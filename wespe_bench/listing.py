"""The verb ``list``: what there is, with a line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wespe_bench.arguments import POSITIONAL, FormatOption
from wespe_bench.errors import unknown
from wespe_bench.json_output import json_text
from wespe_bench.plugins import KINDS


@dataclass(frozen=True)
class List(FormatOption):
    """Show the data sets, enhancers, metrics and suites there are.

    Example:
      wespe-bench list metrics
    """

    kind: str = field(default="", metadata=POSITIONAL)
    """datasets, enhancers, metrics or suites; all of them by default."""


def main(config: List) -> int:
    """Print the names of one kind, or of all."""
    from wespe_bench import registry

    own = registry.resolve(registry.OWN_DATASETS)(None)
    kinds = {
        "datasets": _described(registry.DATASETS)
        | {
            name: f"Your own photos, in {folder} (wespe-data.toml)."
            for name, folder in own.items()
            if name not in registry.DATASETS
        },
        "enhancers": _described(registry.ENHANCERS)
        | {f"{name}:...": line for name, line in _described(registry.ENHANCER_PREFIXES).items()}
        | {"file.py:function": "Your own function of a uint8 (H, W, 3) array; or module:function."},
        "metrics": _described(registry.METRICS, _metric)
        | _described(registry.OPTIONAL_METRICS)
        | {_form(name): line for name, line in _described(registry.METRIC_PREFIXES).items()}
        | {"file.py:METRIC": "Your own wespe_bench.Metric; or module:METRIC."},
        "suites": _described(registry.SUITES, lambda suite: suite.title),
    }
    packages: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    for kind in KINDS:
        for name, plugin in registry.of_plugins(kind).items():
            kinds[kind][name] = f"Of {plugin.package}: {plugin.target}."
            packages[kind][name] = plugin.package
    if config.kind and config.kind not in kinds:
        raise unknown("kind", config.kind, kinds)
    shown = {kind: entries for kind, entries in kinds.items() if config.kind in ("", kind)}
    if config.format == "json":
        content = {
            kind: [
                {
                    "name": name,
                    "what": line,
                    "package": packages[kind].get(name),
                    **facts(kind, name),
                }
                for name, line in entries.items()
            ]
            for kind, entries in shown.items()
        }
        print(json_text(content), end="")
        return 0
    for kind, entries in shown.items():
        print(kind)
        width = max(map(len, entries))
        for name, line in entries.items():
            print(f"  {name:<{width}}  {line}")
    return 0


def facts(kind: str, name: str) -> dict[str, Any]:
    """What JSON says besides of one of our metrics; empty for all else."""
    from wespe_bench import registry

    if kind != "metrics" or name not in registry.METRICS:
        return {}
    metric = registry.load_metric(name)
    said = ("title", "version", "unit", "higher_is_better", "full_reference")
    return {field: getattr(metric, field) for field in said}


def first_line(record: Any) -> str:
    """The first docstring line of a function."""
    return (getattr(record, "__doc__", None) or "").strip().split("\n")[0]


def _described(
    names: dict[str, str], describe: Callable[[Any], str] = first_line
) -> dict[str, str]:
    from wespe_bench.registry import resolve

    return {name: describe(resolve(target)) for name, target in names.items()}


def _form(prefix: str) -> str:
    """How the metrics of a prefix are written."""
    from wespe_bench.registry import METRIC_PREFIXES, resolve, stands_alone

    alone = stands_alone(resolve(METRIC_PREFIXES[prefix]))
    return f"{prefix}[:...]" if alone else f"{prefix}:..."


def _metric(metric: Any) -> str:
    better = f"{'higher' if metric.higher_is_better else 'lower'} is better"
    if not metric.rates_quality:
        better = "not a quality score"
    needs = "needs a reference" if metric.full_reference else "no reference"
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title}: {metric.summary} ({needs}{unit}, {better}, version {metric.version})"
