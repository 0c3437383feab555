"""The real photo that the metrics' tests use, here too."""

from tests.wespe_bench.metrics.conftest import photo

__all__ = ["photo"]
