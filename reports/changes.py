"""Paired changes from the original photos, for metrics that compare versions of one photo.

The packaged CORNIA model orders versions of one photo, but hardly different photos: pristine ones
score from 0 to 47. Its spread between photos says nothing of a method, so tables show how far a
method moves each photo's score instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from reports.intervals import bootstrap_interval

if TYPE_CHECKING:
    from wespe_bench.metric_scores import MetricScores

#: Metrics that compare versions of one photo, not photos.
OF_VERSIONS = ("cornia",)

#: Labels of the untouched photos.
ORIGINALS = ("identity", "original")


def changes(
    groups: Mapping[tuple[str, str], MetricScores], labels: Iterable[str], metric: str
) -> dict[str, tuple[float, float, float]]:
    """By label the mean change from the original photos, and its 95% interval: (mean, low, high).

    ``groups`` has the scores by (label, metric). Empty for other metrics than `OF_VERSIONS`, and
    where the original photos have no scores.
    """
    base = next((one for one in ORIGINALS if (one, metric) in groups), "")
    if metric not in OF_VERSIONS or not base:
        return {}
    before = groups[base, metric].rows.set_index("sample")["value"]
    found = {}
    for label in labels:
        if label == base or (label, metric) not in groups:
            continue
        after = groups[label, metric].rows.set_index("sample")["value"]
        apart = (after - before).to_numpy(np.float64)  # by sample; NaN where one lacks it
        apart = apart[np.isfinite(apart)]
        if len(apart):
            found[label] = (math.fsum(apart) / len(apart), *bootstrap_interval(apart))
    return found
