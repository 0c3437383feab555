"""Which photos are high and which low: the paper's median, and rules that take attention out of it.

Faves per view follow the photo, and also its owner's fame, its year and chance. Rules:

    median            above the median of the training photos (the paper's)
    within-year       above the median of the training photos uploaded in the same year
    within-owner      above the median of the same owner's photos; the middle one is left out
    quantiles:SHARE   the top SHARE and the bottom SHARE of the training photos; those between are
                      left out of training and validation, and the test has all, by the median

``shrink`` draws faves per view of few views to the mean (beta-binomial); ``age`` takes out the
trend with time on line. Ties are low.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Protocol

import numpy as np

from ffs.manifest import label_of
from wespe_bench.errors import InputError, short

#: Days before the newest photo's upload at which counting is taken to begin.
_YOUNGEST = 30


#: What each kind of rule calls high.
_HIGH = {
    "median": "more faves per view than the median photo of what it was trained on",
    "within-year": "more faves per view than the median of the training photos of the same year",
    "within-owner": "more faves per view than the median of the same owner's photos",
    "quantiles": "more faves per view than the median photo of what it was trained on (it learned "
    "from the top and the bottom {:g} of the training photos alone)",
}


class Counted(Protocol):
    """A photo with counts, as `ffs.rated.Rated` or `ffs.manifest.Photo`."""

    @property
    def id(self) -> str: ...
    @property
    def views(self) -> int: ...
    @property
    def faves(self) -> int: ...
    @property
    def owner(self) -> str: ...
    @property
    def uploaded(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """How labels are made. ``share`` is that of quantiles, within (0, 0.5)."""

    kind: str = "median"
    share: float = 0.5
    shrink: bool = False
    age: bool = False

    def __str__(self) -> str:
        kind = f"{self.kind}:{self.share:g}" if self.kind == "quantiles" else self.kind
        return kind + " shrink" * self.shrink + " age" * self.age


def meaning(rule: str) -> str:
    """What a `Rule`, as text, calls high.

    >>> meaning("within-owner shrink")
    "more faves per view (shrink) than the median of the same owner's photos"
    """
    words = rule.split()
    kind, _, share = words[0].partition(":")
    text = _HIGH[kind].format(float(share or 0))
    ways = f"faves per view ({', '.join(words[1:])})" if words[1:] else "faves per view"
    return text.replace("faves per view", ways)


def parse(text: str, shrink: bool = False, age: bool = False) -> Rule:
    """The rule of ``--label``. Raises InputError.

    >>> parse("quantiles:0.3", shrink=True)
    Rule(kind='quantiles', share=0.3, shrink=True, age=False)
    """
    kind, _, share = text.partition(":")
    if kind in ("median", "within-owner", "within-year") and ":" not in text:
        return Rule(kind, shrink=shrink, age=age)
    try:
        if kind == "quantiles" and 0 < float(share) < 0.5:
            return Rule(kind, float(share), shrink, age)
    except ValueError:
        pass
    raise InputError(
        f"--label {short(text)}: expected median, within-owner, within-year, or quantiles:SHARE "
        "with a share above 0 and below 0.5"
    )


def check(rule: Rule, photos: Sequence[Counted]) -> None:
    """Raise InputError when photos lack what the rule needs: owners, or days of upload."""
    if rule.kind == "within-owner" and not any(photo.owner for photo in photos):
        raise InputError(f"--label {rule.kind}: no photo names its owner; add the column owner")
    undated = [photo.id for photo in photos if not photo.uploaded]
    if rule.kind == "within-year" and len(undated) == len(photos):
        raise InputError(
            f"--label {rule.kind}: no photo has a day of upload; add the column uploaded"
        )
    if rule.age and undated:
        raise InputError(
            f"--age: {len(undated)} of {len(photos)} photos have no day of upload, "
            f"{short(undated[0])} the first; fill the column uploaded"
        )


def label(
    rule: Rule, sides: Mapping[str, Sequence[Counted]]
) -> tuple[dict[str, str], float, Counter[str]]:
    """The labels of the photos of each split ("train", "validation", "test").

    Returns:
        Photo's id -> "high" or "low"; the median of the training photos' values; and how many
        photos have no label, by reason.

    Raises:
        InputError: No owner, or no day of upload, where the rule needs it.
    """
    photos = [photo for side in sides.values() for photo in side]
    check(rule, photos)
    train = sides["train"]
    value = values(rule, photos, train)
    middle = median(value[photo.id] for photo in train)
    left: Counter[str] = Counter()
    found: dict[str, str] = {}
    if rule.kind in ("within-owner", "within-year"):
        own = _medians(rule.kind, photos if rule.kind == "within-owner" else train, value)
        for photo in photos:
            threshold = own.get(_group(rule.kind, photo))
            if threshold is None:
                left["no other photo to compare with (--label)"] += 1
            elif rule.kind == "within-owner" and value[photo.id] == threshold:
                left["the middle of its owner's photos (--label)"] += 1
            else:
                found[photo.id] = label_of(value[photo.id], threshold)
        if not found:
            why = "no two training photos were uploaded in the same year"
            if rule.kind == "within-owner":
                why = "no owner has two photos that differ in faves per view"
            raise InputError(f"--label {rule.kind}: {why}; add photos")
        return found, middle, left
    ordered = sorted(value[photo.id] for photo in train)
    low, high = middle, middle
    if rule.kind == "quantiles":
        most = max(1, math.floor(rule.share * len(ordered)))
        low, high = ordered[most - 1], ordered[-most - 1] if most < len(ordered) else middle
    tested = {photo.id for photo in sides.get("test", ())}
    for photo in photos:
        number = value[photo.id]
        if low < number <= high and photo.id not in tested:
            left["between the quantiles (--label)"] += 1
        else:
            found[photo.id] = label_of(number, middle)
    return found, middle, left


def values(rule: Rule, photos: Sequence[Counted], train: Sequence[Counted]) -> dict[str, float]:
    """Photo's id -> the number that its label is made from: faves per view, corrected or not."""
    if rule.shrink:
        a, b = beta(train)
        value = {p.id: (a + min(p.faves, p.views)) / (a + b + p.views) for p in photos}
    else:
        value = {p.id: p.faves / p.views for p in photos}
    if not rule.age:
        return value
    newest = max(date.fromisoformat(photo.uploaded[:10]) for photo in photos)
    days = {
        p.id: math.log((newest - date.fromisoformat(p.uploaded[:10])).days + _YOUNGEST)
        for p in photos
    }
    # Half a fave more, so that none has a logarithm too.
    log = {p.id: math.log(value[p.id] + 0.5 / p.views) for p in photos}
    x, y = (np.array([of[p.id] for p in train]) for of in (days, log))
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * y).sum()) / spread if spread > 1e-9 else 0.0
    return {p.id: math.exp(log[p.id] - slope * (days[p.id] - float(x.mean()))) for p in photos}


def beta(photos: Sequence[Counted]) -> tuple[float, float]:
    """The beta distribution of faves per view that makes the photos' faves most likely.

    Returns a and b; a / (a + b) is its mean, a + b the views that weigh as much as it.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln

    n = np.array([photo.views for photo in photos], float)
    k = np.minimum([photo.faves for photo in photos], n)
    mean = min(max(float(k.sum() / n.sum()), 1e-6), 1 - 1e-6)

    def loss(x: np.ndarray) -> float:
        share, size = 1 / (1 + math.exp(-x[0])), math.exp(x[1])
        a, b = share * size, (1 - share) * size
        return float(-np.mean(betaln(k + a, n - k + b) - betaln(a, b)))

    bounds = [(-14.0, 14.0), (0.0, 14.0)]
    best = minimize(loss, [math.log(mean / (1 - mean)), 4.0], bounds=bounds, method="L-BFGS-B")
    share, size = 1 / (1 + math.exp(-best.x[0])), math.exp(best.x[1])
    return share * size, (1 - share) * size


def _group(kind: str, photo: Counted) -> str:
    return photo.owner if kind == "within-owner" else photo.uploaded[:4]


def _medians(kind: str, photos: Sequence[Counted], value: Mapping[str, float]) -> dict[str, float]:
    """Owner or year -> the median of its photos, of those with two or more; "" has none."""
    of: dict[str, list[float]] = defaultdict(list)
    for photo in photos:
        of[_group(kind, photo)].append(value[photo.id])
    return {name: median(some) for name, some in of.items() if name and len(some) > 1}


def ties(photos: Sequence[Counted], labels: Mapping[str, str]) -> dict[str, float]:
    """What labels follow besides the photo: correlations with "year", "views", "owner".

    Year and views: Spearman's. Owner: the correlation of labels of two photos of one owner, 0
    where owners do not matter. NaN where it cannot be said.
    """
    from scipy.stats import rankdata

    some = [photo for photo in photos if photo.id in labels]
    high = np.array([labels[photo.id] == "high" for photo in some], float)
    known = np.array([bool(photo.uploaded) for photo in some], bool)
    year = np.array([float(photo.uploaded[:4] or "nan") for photo in some])

    def rank(numbers: np.ndarray, chosen: np.ndarray) -> float:
        x, y = rankdata(numbers), rankdata(chosen)
        if len(x) < 2 or x.std() == 0 or y.std() == 0:
            return math.nan
        return float(np.corrcoef(x, y)[0, 1])

    owners: dict[str, list[float]] = defaultdict(list)
    for photo, one in zip(some, high, strict=True):
        if photo.owner:
            owners[photo.owner].append(float(one - high.mean()))
    pairs = sum(len(of) * (len(of) - 1) for of in owners.values())
    together = sum(sum(of) ** 2 - sum(one * one for one in of) for of in owners.values())
    spread = float(high.var()) if len(high) else 0.0
    return {
        "year": rank(year[known], high[known]),
        "views": rank(np.array([photo.views for photo in some], float), high),
        "owner": together / pairs / spread if pairs and spread else math.nan,
    }
