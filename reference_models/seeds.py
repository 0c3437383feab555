"""One training per seed, and a table of them: ``train ... --seeds 0-4 --engine local|ray``.

On a CPU or one GPU the seeds train one after the other in this process; several GPUs, or the
workers of a Ray cluster, train one seed each. Every seed has its own folder below --out and
resumes from it; when one fails, the others go on. ``seeds.csv`` and ``seeds.md`` hold the last row
of every seed's train.csv, with mean and standard deviation (n - 1).
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import atomic, progress
from wespe_bench.engines import Outcome, load_engine
from wespe_bench.errors import InputError, one_line, print_failures
from wespe_bench.option_checks import parse_seeds
from wespe_bench.training import curves

if TYPE_CHECKING:
    import pandas as pd


def train_seeds(config: Any, train: Callable[..., Path], kind: str) -> int:
    """Train with each of the config's ``seeds``, and write a table of them.

    Args:
        config: The options of the training.
        train: Trains one config; takes ``quiet``.
        kind: Prefix of the enhancer that it makes, "wespe" or "dped".

    Returns:
        The exit code: 0, or 3 when some seeds failed.

    Raises:
        InputError: Options that cannot be trained with, or every seed failed.
    """
    seeds = parse_seeds(config.seeds)
    if not config.out:
        raise InputError("--seeds needs --out, the folder that gets one folder per seed")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("--seeds and torchrun exclude each other: each seed trains in one process")
    out = Path(config.out)
    each = dataclasses.replace(config, seeds="", engine="local")
    items = [dataclasses.replace(each, seed=s, out=str(out / f"seed-{s}")) for s in seeds]
    cards = _cards(config.device) if config.engine == "local" else 0
    alone = config.engine == "local" and cards < 2
    engine = partial(load_engine(config.engine), jobs=0 if alone else max(cards, 1))
    failed: list[str] = []
    with progress.bar(len(seeds), "seeds", "seed", quiet=alone) as bar:
        for outcome in engine(_open, (train, not alone, cards), items):
            if outcome.error:
                failed.append(f"seed {outcome.item.seed}: {outcome.error}")
            bar.update()
    if len(failed) == len(seeds):
        raise InputError(failed[0])
    table = write_table(out, [s for s in seeds if (out / f"seed-{s}" / "train.csv").is_file()])
    print(table.T.to_markdown(tablefmt="simple", floatfmt=".4g"))
    some = " ".join(
        f"{out.name}@{s}={kind}:{out / f'seed-{s}' / 'generator.safetensors'}" for s in seeds
    )
    print(f"{out / 'seeds.md'}: judge them with wespe-bench run --enhancers {some} --input PHOTOS")
    return print_failures(f"of {len(seeds)} seeds failed", failed)


def write_table(out: Path, seeds: Sequence[int]) -> pd.DataFrame:
    """Write ``seeds.csv`` and ``seeds.md``.

    Returns:
        The table: a row per seed, "mean" and "standard deviation".

    Raises:
        InputError: A seed's train.csv has no complete row.
    """
    import pandas as pd

    found = {seed: curves.read(out / f"seed-{seed}") for seed in seeds}
    damaged = [seed for seed in seeds if not found[seed]]
    if damaged:
        raise InputError(
            f"{out / f'seed-{damaged[0]}' / 'train.csv'}: no complete row is left; delete the "
            "folder and train the seed again"
        )
    rows = {str(seed): of[-1] for seed, of in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    mean = table.mean()
    spread = table.std(ddof=1) if len(seeds) > 1 else table.mean() * math.nan
    table.loc["mean"] = mean
    table.loc["standard deviation"] = spread
    table.index.name = "seed"
    atomic.write_bytes(out / "seeds.csv", table.to_csv(float_format="%.7g").encode())
    text = f"# {out.name}: {len(seeds)} seeds\n\nThe last row of each seed's train.csv; what the "
    text += "columns mean is said there and in its generator.md.\n\n"
    text += table.T.to_markdown(floatfmt=".4g") + "\n"
    atomic.write_bytes(out / "seeds.md", text.encode())
    return table


def _cards(device: str) -> int:
    """The number of GPUs to train on."""
    if device == "cpu":
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _open(
    context: tuple[Callable[..., Path], bool, int],
) -> Callable[[Sequence[Any]], list[Outcome]]:
    """Set up a worker of the engine, on its own GPU where there are several."""
    import multiprocessing

    train, quiet, cards = context
    if cards > 1:
        identity = multiprocessing.current_process()._identity
        os.environ["CUDA_VISIBLE_DEVICES"] = str((identity[0] - 1 if identity else 0) % cards)

    def work(items: Sequence[Any]) -> list[Outcome]:
        outcomes = []
        for config in items:
            try:
                path = train(config, quiet=quiet)
            except Exception as error:  # the other seeds go on
                outcomes.append(Outcome(config, error=one_line(error)))
            else:
                outcomes.append(Outcome(config, ({"path": str(path)},)))
        return outcomes

    return work
