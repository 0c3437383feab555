"""Simulated studies: votes of raters whose preferences are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reports.paper.printed import TABLE5, WILD
from reports.study.votes import COLUMNS

#: What the paper printed, as the shares of a simulated population.
PAPER = {
    (rival, "WESPE [DIV2K]", dataset): TABLE5[rival, dataset][0]
    for rival in ("original", "ape")
    for dataset in WILD
}


def logits(share: float, spread: float) -> float:
    """The mean logit at which logistic(mean + spread * standard normal) averages to ``share``."""
    from scipy import optimize, special

    nodes, weights = np.polynomial.hermite_e.hermegauss(61)

    def excess(mean: float) -> float:
        of = special.expit(mean + spread * nodes)
        return float((weights * of).sum() / weights.sum()) - share

    return float(optimize.brentq(excess, -30, 30))


def preferences(
    rng: np.random.Generator,
    share: float,
    raters: int,
    images: int,
    *,
    between_raters: float,
    between_images: float,
) -> np.ndarray:
    """Votes (raters, images), bool, of a population that prefers the method with ``share``."""
    mean = logits(share, float(np.hypot(between_raters, between_images)))
    logit = (
        mean
        + rng.normal(0, between_raters, (raters, 1))
        + rng.normal(0, between_images, (1, images))
    )
    return rng.random((raters, images)) < 1 / (1 + np.exp(-logit))


def votes(
    shares: Mapping[tuple[str, str, str], float],
    *,
    raters: int = 38,
    images: int = 7,
    seed: int = 0,
    between_raters: float = 0.4,
    between_images: float = 0.5,
    checks: int = 0,
    unfinished: int = 0,
) -> pd.DataFrame:
    """A study: ``shares[rival, method, dataset]`` is what the population prefers.

    The last ``unfinished`` raters answered the first half of their questions.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for (rival, method, dataset), share in shares.items():
        won = preferences(
            rng, share, raters, images, between_raters=between_raters, between_images=between_images
        )
        for image in range(images):
            columns.append((dataset, f"photo{image}", rival, method, "", won[:, image]))
    for check in range(checks):
        right = rng.random(raters) < 0.97
        columns.append(("checks", f"photo{check}", "original", "damaged", "first", ~right))
    rows = []
    for rater in range(raters):
        order = rng.permutation(len(columns))
        for position, number in enumerate(order, 1):
            if rater >= raters - unfinished and position > len(columns) // 2:
                break
            dataset, sample, first, second, check, won = columns[number]
            left, right = (first, second) if rng.random() < 0.5 else (second, first)
            chosen = second if won[rater] else first
            rows.append(
                row(
                    rater=f"rater{rater:03d}",
                    question=f"q{number:04d}",
                    dataset=dataset,
                    sample=sample,
                    first=first,
                    second=second,
                    left=left,
                    right=right,
                    chosen=chosen,
                    check=check,
                    correct=bool(chosen == first) if check else None,
                    position=position,
                    milliseconds=int(rng.lognormal(8.3, 0.8)),
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def row(**fields: object) -> dict[str, object]:
    """One vote; what is not given is filled in."""
    one = {"check": "", "correct": None, "revised": 0, "source": "server"} | fields
    one.setdefault("choice", "left" if one["chosen"] == one["left"] else "right")
    return one


def table(wins: Sequence[Sequence[float]], rival: str = "a", method: str = "b") -> pd.DataFrame:
    """Votes of raters (rows) on images (columns): 1 for the method, 0 against, NaN for none."""
    rows = [
        row(
            rater=f"r{r}",
            question=f"q{i}",
            dataset="set",
            sample=f"s{i}",
            first=rival,
            second=method,
            left=method if (r + i) % 2 else rival,
            right=rival if (r + i) % 2 else method,
            chosen=method if won else rival,
            position=i + 1,
            milliseconds=4000 + 10 * r + i,
        )
        for r, of in enumerate(wins)
        for i, won in enumerate(of)
        if not np.isnan(won)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def write(folder: Path, frame: pd.DataFrame) -> Path:
    """``frame`` as the votes.csv of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "votes.csv", index=False)
    return folder
