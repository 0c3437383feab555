"""Full training: every layer learns, in each pass from one new patch of every photo."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ffs import crops
from ffs.manifest import Photo
from ffs.network import Rater, Start, to_input
from ffs.patches import Photos, Piece, labels_of, order, stream
from ffs.recipe import TrainRater
from wespe_bench.arguments import cores
from wespe_bench.training.acceleration import Call
from wespe_bench.training.session import Session

#: What to change when this training diverges.
REMEDY = "lower --lr"

#: Patches at a time when nothing is learned.
_BATCH = {"cpu": 5, "cuda": 125}


class Watch:
    """Early stopping, and sums since the last evaluation. A part of the state on disk."""

    def __init__(self) -> None:
        self.best = float("inf")
        self.best_step = 0
        self.worse = 0
        self.loss = self.right = self.count = 0.0

    def state_dict(self) -> dict[str, float]:
        """The state to save."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore what `state_dict` gave."""
        vars(self).update({name: state[name] for name in vars(self)})

    def add(self, loss: Tensor, logit: Tensor, label: Tensor) -> None:
        """Count a step: its mean loss, its logits (n,) and its labels (n,) of 0 and 1."""
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
    session: Session,
    config: TrainRater,
    rater: Rater,
    begun_from: Start,
    photos: Photos,
    splits: dict[str, tuple[Photo, ...]],
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Train ``rater``, in place, until the validation loss stops falling; its best weights stay.

    The state is saved after every evaluation and every ``checkpoint_minutes``. A training that was
    killed resumes to the same bits.

    Args:
        session: The training.
        config: Its options.
        rater: The network, with the weights to start from.
        begun_from: Where those weights come from.
        photos: The photos' pixels.
        splits: The photos by split: "train", "validation", "test".

    Returns:
        How the training ended, and P(high) of the crops of the validation photos and of the test
        photos: float64 (photos, 5) each.

    Raises:
        InputError: A photo cannot be read, a loss is not finite, or the disk is full; the last
            state is kept.
    """
    device, threads = session.device, config.jobs or cores()
    rater.to(device).train()
    best = copy.deepcopy(rater)
    adam = torch.optim.Adam(rater.parameters(), config.lr, fused=True)
    watch = Watch()
    session.restore({"rater": rater, "best": best, "adam": adam, "watch": watch})
    train = splits["train"]
    labels = dict(zip((p.id for p in train), labels_of(train).tolist(), strict=True))
    steps_a_pass = -(-len(train) // config.batch)
    stopped = watch.worse >= config.patience
    last = session.iteration if stopped else config.epochs * steps_a_pass
    rated = _compile(session, rater, config, len(train))
    decoded, drawn = itertools.tee(_groups(train, config, session.iteration, last))
    steps = session.iterations(last, "step")
    for step, group, pixels in zip(steps, drawn, stream(photos, decoded, threads), strict=False):
        torch.manual_seed(_mixed(config.seed, step))  # of the dropout
        label = torch.tensor([float(labels[p.photo.id]) for p in group], device=device)
        logit = rated(to_input(pixels, device))
        loss = F.binary_cross_entropy_with_logits(logit, label)
        session.descend(adam, loss)
        session.check_finite(loss)
        watch.add(loss, logit, label)
        if session.due(config.evaluate_every or steps_a_pass):
            row = _evaluate(rater, photos, splits["validation"], watch, device, threads)
            session.log(row, ("loss", "validation_loss"))
            if watch.look(step, row["validation_loss"]):
                best.load_state_dict(rater.state_dict())
            session.save()
            if watch.worse >= config.patience:
                session.stop()
    rater.load_state_dict(best.state_dict())
    record = {
        "steps": session.iteration,
        "best_step": watch.best_step,
        "validation_loss": watch.best,
        "stopped_early": watch.worse >= config.patience,
    }
    held = len(splits["validation"])
    pieces = [Piece(photo, "crops") for name in ("validation", "test") for photo in splits[name]]
    p = rate(rater, photos, pieces, device, threads).reshape(len(pieces), -1)
    return record, p[:held], p[held:]


def rate(
    rater: Rater, photos: Photos, pieces: Sequence[Piece], device: str, threads: int
) -> np.ndarray:
    """P(high) of every patch of the pieces, float64 (n,), computed in float32."""
    rater.eval()
    size = _BATCH[device]
    groups = [pieces[i : i + size] for i in range(0, len(pieces), size)]
    found = []
    with torch.inference_mode():
        for pixels in stream(photos, groups, threads):
            logit = rater(to_input(pixels, device))
            found.append(torch.sigmoid(logit.double()).cpu().numpy())
    return np.concatenate(found)


def _compile(session: Session, rater: Rater, config: TrainRater, photos: int) -> Call:
    """The rater as a function, compiled where the training compiles."""

    def rehearse(calls: Mapping[str, Call]) -> None:
        for batch in {min(config.batch, photos), photos % config.batch} - {0}:
            x = torch.full((batch, 3, crops.SIDE, crops.SIDE), 0.5, device=session.device)
            calls["rater"](x).sum().backward()

    return session.compile({"rater": rater}, rehearse)["rater"]


def _evaluate(
    rater: Rater,
    photos: Photos,
    validation: Sequence[Photo],
    watch: Watch,
    device: str,
    threads: int,
) -> dict[str, float]:
    """A row of train.csv: the training's means since the last row, the validation's on one crop."""
    p = rate(rater, photos, [Piece(photo, "crop") for photo in validation], device, threads)
    rater.train()
    labels = labels_of(validation)
    likely = np.clip(np.where(labels, p, 1 - p), 1e-12, 1)
    loss, accuracy = watch.means()
    return {
        "loss": loss,
        "validation_loss": float(-np.log(likely).mean()),
        "accuracy": accuracy,
        "validation_accuracy": float(((p > 0.5) == labels).mean()),
    }


def _groups(
    train: Sequence[Photo], config: TrainRater, done: int, last: int
) -> Iterator[list[Piece]]:
    """The patches of each step after ``done`` steps."""
    steps_a_pass = -(-len(train) // config.batch)
    turn = None
    for step in range(done, last):
        epoch, place = divmod(step, steps_a_pass)
        if turn is None or place == 0:
            turn = order(len(train), config.seed, epoch)
        chosen = turn[place * config.batch : (place + 1) * config.batch]
        yield [Piece(train[i], "draw", epoch) for i in chosen]


def _mixed(seed: int, step: int) -> int:
    key = hashlib.sha256(f"ffs dropout {seed} {step}".encode()).digest()
    return int.from_bytes(key[:8], "big") >> 1
