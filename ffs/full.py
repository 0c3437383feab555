"""Full training: every layer learns from one new patch of every photo a pass, one loop."""

from __future__ import annotations

import copy
import hashlib
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ffs.manifest import Photo
from ffs.network import Rater, to_input
from ffs.patches import Photos, Piece, labels_of, order, stream
from ffs.recipe import TrainRater
from wespe_bench.arguments import cores
from wespe_bench.progress import bar
from wespe_bench.training import acceleration, curves, resume
from wespe_bench.training.interrupting import deferred

#: What calms this training.
REMEDY = "lower --lr"

# Patches at a time when nothing is learned.
_RATED_AT_ONCE = {"cpu": 5, "cuda": 125}


class Watch:
    """Early stopping, and the sums since the last evaluation: part of the state on disk."""

    def __init__(self) -> None:
        self.best = float("inf")
        self.best_step = 0
        self.worse = 0
        self.loss = self.right = self.count = 0.0

    def state_dict(self) -> dict[str, float]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, float]) -> None:
        vars(self).update({name: state[name] for name in vars(self)})

    def add(self, loss: Tensor, logit: Tensor, label: Tensor) -> None:
        """Take a step's loss (a mean over its patches) and logits in."""
        n = len(label)
        self.loss += loss.item() * n
        self.right += ((logit > 0) == (label > 0.5)).sum().item()
        self.count += n

    def means(self) -> tuple[float, float]:
        """Loss and accuracy since the last call."""
        found = self.loss / self.count, self.right / self.count
        self.loss = self.right = self.count = 0.0
        return found

    def look(self, step: int, validation_loss: float) -> bool:
        """Whether this evaluation is the best so far."""
        if validation_loss < self.best:
            self.best, self.best_step, self.worse = validation_loss, step, 0
            return True
        self.worse += 1
        return False


def learn(
    config: TrainRater,
    rater: Rater,
    photos: Photos,
    splits: dict[str, tuple[Photo, ...]],
    out: Path,
    settings: dict[str, Any],
    device: str,
    precision: str,
) -> dict[str, Any]:
    """Train ``rater`` until the validation loss falls no more; its best weights stay in it.

    The state is saved after every evaluation, and every `checkpoint_minutes`; a killed training
    goes on to the same bits. Raises InputError for a loss that is not finite (the last state is
    kept), and for a disk that is full.
    """
    rater.to(device).train()
    best = copy.deepcopy(rater)
    call = acceleration.call(rater, config.compile, precision, device)
    adam = torch.optim.Adam(rater.parameters(), config.lr, fused=True)
    watch = Watch()
    parts = {"rater": rater, "best": best, "adam": adam, "watch": watch}
    begun = resume.restore(out, settings, parts)
    journal = curves.Journal(out, begun)
    train, validation = splits["train"], splits["validation"]
    labels = dict(zip((p.id for p in train), labels_of(train).tolist(), strict=True))
    steps_a_pass = -(-len(train) // config.batch)
    every = config.evaluate_every or steps_a_pass
    last = config.epochs * steps_a_pass
    threads = config.jobs or cores()
    saved_at = time.monotonic()
    progress = bar(last, f"train {out.name}", "step")
    progress.update(begun)
    step = begun
    with progress, deferred() as interrupted:
        if watch.worse < config.patience:
            decoded, drawn = itertools.tee(_groups(train, config, begun, last))
            for pixels, group in zip(stream(photos, decoded, threads), drawn, strict=True):
                step += 1
                acceleration.begin_iteration(config.compile)
                torch.manual_seed(_mixed(config.seed, step))  # of the dropout
                label = torch.tensor([float(labels[p.photo.id]) for p in group], device=device)
                logit = call(to_input(pixels, device))
                loss = F.binary_cross_entropy_with_logits(logit, label)
                adam.zero_grad()
                loss.backward()
                adam.step()
                resume.check_finite(out, step, loss, remedy=REMEDY)
                watch.add(loss, logit, label)
                progress.update()
                evaluates = step % every == 0 or step == last
                if evaluates:
                    row = _evaluate(rater, photos, validation, watch, step, device, threads)
                    journal.write(row)
                    progress.set_postfix({k: f"{row[k]:.3f}" for k in ("loss", "validation_loss")})
                    if watch.look(step, row["validation_loss"]):
                        best.load_state_dict(rater.state_dict())
                minutes = (time.monotonic() - saved_at) / 60
                ends = interrupted()
                if evaluates or ends or minutes >= config.checkpoint_minutes:
                    resume.save(out, step, settings, parts, REMEDY)
                    saved_at = time.monotonic()
                if ends:
                    raise KeyboardInterrupt
                if watch.worse >= config.patience:
                    break
    journal.close()
    rater.load_state_dict(best.state_dict())
    rater.eval()
    return {
        "steps": step,
        "best_step": watch.best_step,
        "validation_loss": watch.best,
        "stopped_early": watch.worse >= config.patience,
    }


def rated(
    rater: Rater, photos: Photos, pieces: Sequence[Piece], device: str, threads: int
) -> np.ndarray:
    """P(high) of every patch of the pieces, float64 (n,), in float32 arithmetic."""
    rater.eval()
    size = _RATED_AT_ONCE[device]
    groups = [pieces[i : i + size] for i in range(0, len(pieces), size)]
    found = []
    with torch.inference_mode():
        for pixels in stream(photos, groups, threads):
            logit = rater(to_input(pixels, device))
            found.append(torch.sigmoid(logit.double()).cpu().numpy())
    return np.concatenate(found)


def _evaluate(
    rater: Rater,
    photos: Photos,
    validation: Sequence[Photo],
    watch: Watch,
    step: int,
    device: str,
    threads: int,
) -> dict[str, float]:
    """A row of train.csv: the training's means since the last, the validation's of one crop."""
    p = rated(rater, photos, [Piece(photo, "crop") for photo in validation], device, threads)
    rater.train()
    labels = labels_of(validation)
    likely = np.clip(np.where(labels, p, 1 - p), 1e-12, 1)
    loss, accuracy = watch.means()
    return {
        "iteration": float(step),
        "loss": loss,
        "validation_loss": float(-np.log(likely).mean()),
        "accuracy": accuracy,
        "validation_accuracy": float(((p > 0.5) == labels).mean()),
    }


def _groups(
    train: Sequence[Photo], config: TrainRater, begun: int, last: int
) -> Iterator[list[Piece]]:
    """The patches of each step from the one after ``begun`` on."""
    steps_a_pass = -(-len(train) // config.batch)
    for step in range(begun, last):
        epoch, place = divmod(step, steps_a_pass)
        if place == 0 or step == begun:
            turn = order(len(train), config.seed, epoch)
        chosen = turn[place * config.batch : (place + 1) * config.batch]
        yield [Piece(train[i], "draw", epoch) for i in chosen]


def _mixed(seed: int, step: int) -> int:
    key = hashlib.sha256(f"ffs dropout {seed} {step}".encode()).digest()
    return int.from_bytes(key[:8], "big") >> 1
