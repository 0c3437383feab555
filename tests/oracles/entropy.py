"""Shannon entropy of the values of an array, from a dictionary of counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable


def entropy(values: Iterable[int]) -> float:
    """Bits per value."""
    counts = Counter(values)
    total = sum(counts.values())
    return math.fsum(n / total * math.log2(total / n) for n in counts.values())
