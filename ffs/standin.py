"""The stand-in rater for demonstrations, made from the packaged photos that may be fitted on.

    python -m ffs.standin --out ffs/ffs-standin.safetensors

Ten real photos that no table uses (`samples_fit`), damaged by known amounts, with simulated
faves (`ffs.simulated`); a frozen training on them. The result is a stand-in by its card.
"""

from __future__ import annotations

import csv
import shlex
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from ffs import manifest
from wespe_bench import provenance
from wespe_bench.arguments import parse

TITLE = "FFS stand-in (simulated)"

#: What the manifest, and so the card, says of where the faves come from.
NOTE = "simulated faves of packaged photos damaged by known amounts; nobody rated them"

#: Scenes that stop the training, and that test it; it learns from the rest.
VALIDATION, TEST = ("camera",), ("flower", "gravel")

#: Where damage shows and, among nine scenes, what is shown does not yet.
LAYERS = ("relu2_2", "relu3_4", "relu4_4")


@dataclass(frozen=True)
class MakeStandin:
    """Train the stand-in rater again.

    Example:
      python -m ffs.standin --out ffs/ffs-standin.safetensors
    """

    out: str = "ffs-standin.safetensors"
    """The checkpoint to write; its card (.md) goes beside it."""
    work: str = "runs/standin"
    """Where the simulated set and the training go."""
    each: int = 15
    """Damaged versions of each photo."""
    patches: int = 2
    """Patches of each version."""
    seed: int = 0
    """Of the patches."""


def make(config: MakeStandin, command: str) -> Path:
    """Simulate, train, and copy checkpoint and card to ``config.out``."""
    from ffs import simulated
    from ffs.recipe import TrainRater
    from ffs.train import train
    from wespe_bench.registry import load_dataset

    work = Path(config.work)
    samples = load_dataset("samples_fit", data=work).samples
    # Two views of one scene are one scene.
    scenes = [(s.id, s.reference or s.path) for s in samples if s.id != "motorcycle_right"]
    _rate(simulated.make(work / "ratings", scenes, config.each), config.seed)
    recipe = TrainRater(
        data=str(work / "ratings"),
        out=str(work / "rater"),
        mode="frozen",
        layers=LAYERS,
        patches=config.patches,
        seed=config.seed,
        device="cpu",
    )
    made = train(recipe, command=command, kind="stand-in", title=TITLE)
    out = Path(config.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, out)
    card = (made.parent / "MODEL_CARD.md").read_text("utf-8")
    out.with_suffix(".md").write_text(card.replace(made.name, out.name, 1), "utf-8")
    return out


def _rate(table: Path, seed: int) -> None:
    """Label and split the photos of `simulated.make`'s CSV, and write their manifest.

    `ffs build` would leave out most of so few scenes, lest one be most of a test.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = [(row, int(row["faves"]) / int(row["views"])) for row in csv.DictReader(file)]
    split = dict.fromkeys(VALIDATION, "validation") | dict.fromkeys(TEST, "test")
    train = [score for row, score in rows if row["owner"] not in split]
    threshold = statistics.median(train)
    photos = [
        manifest.Photo(
            id=Path(row["path"]).stem,
            path=row["path"],
            views=int(row["views"]),
            faves=int(row["faves"]),
            owner=row["owner"],
            uploaded="",
            label=manifest.label_of(score, threshold),
            split=split.get(row["owner"], "train"),
            sha256=provenance.sha256_file(table.parent / row["path"]),
        )
        for row, score in rows
    ]
    manifest.write(manifest.ratings(table.parent, photos, threshold, seed, NOTE))


def main() -> None:
    """The command."""
    argv = sys.argv[1:]
    config = parse(MakeStandin, argv, "standin")
    if config is not None:
        print(make(config, shlex.join(["python", "-m", "ffs.standin", *argv])))


if __name__ == "__main__":
    main()
