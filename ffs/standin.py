"""The stand-in rater for demonstrations, made from the packaged photos that may be fitted on.

    python -m ffs.standin --out ffs/ffs-standin.safetensors

Ten real photos that no table uses (`samples_fit`), damaged by known amounts, with simulated
faves (`ffs.simulated`); a frozen training on them. The result is a stand-in by its card.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.arguments import parse

TITLE = "FFS stand-in (simulated)"


@dataclass(frozen=True)
class MakeStandin:
    """Make the stand-in rater anew.

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
    """Of the split and the patches."""


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
    simulated.make(work / "faves", scenes, config.each, config.seed)
    recipe = TrainRater(
        data=str(work / "faves"),
        out=str(work / "rater"),
        mode="frozen",
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


def main() -> None:
    """The command."""
    argv = sys.argv[1:]
    config = parse(MakeStandin, argv, "standin")
    print(make(config, shlex.join(["python", "-m", "ffs.standin", *argv])))


if __name__ == "__main__":
    main()
