"""wespe-bench: judge photo enhancers honestly.

Fourteen public names, loaded on first use, so that ``import wespe_bench`` costs
nothing and pulls in neither torch nor pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wespe_bench.enhancing import enhance as enhance
    from wespe_bench.metric_function import create_metric as create_metric
    from wespe_bench.metric_function import metric as metric
    from wespe_bench.registry import load_dataset as load_dataset
    from wespe_bench.registry import load_enhancer as load_enhancer
    from wespe_bench.registry import load_metric as load_metric
    from wespe_bench.reporting import compare as compare
    from wespe_bench.reporting import leaderboard as leaderboard
    from wespe_bench.reporting import tables as tables
    from wespe_bench.run import load_scores as load_scores
    from wespe_bench.scoring import score as score
    from wespe_bench.types import Dataset as Dataset
    from wespe_bench.types import Metric as Metric
    from wespe_bench.types import Sample as Sample

__version__ = "0.2.0"

_WHERE = {
    "load_dataset": "wespe_bench.registry",
    "load_enhancer": "wespe_bench.registry",
    "load_metric": "wespe_bench.registry",
    "load_scores": "wespe_bench.run",
    "create_metric": "wespe_bench.metric_function",
    "metric": "wespe_bench.metric_function",
    "compare": "wespe_bench.reporting",
    "leaderboard": "wespe_bench.reporting",
    "enhance": "wespe_bench.enhancing",
    "score": "wespe_bench.scoring",
    "tables": "wespe_bench.reporting",
    "Dataset": "wespe_bench.types",
    "Metric": "wespe_bench.types",
    "Sample": "wespe_bench.types",
}

__all__ = [*_WHERE, "__version__"]  # pyrefly: ignore[unresolvable-dunder-all]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        import importlib

        value = getattr(importlib.import_module(_WHERE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'wespe_bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
