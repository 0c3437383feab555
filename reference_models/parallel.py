"""Several processes as one training: torchrun starts them, gradients are averaged here.

Every process keeps all weights and takes its share of every batch. With the gradients
averaged and the sums of the losses taken over the whole batch, N processes do what one does
with the same batch, up to rounding. Averaging by hand instead of DistributedDataParallel:
a generator step runs through the discriminators without training them, a discriminator step
through the generator, which that wrapper's hooks were not made for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from wespe_bench import lock
from wespe_bench.arguments import check_out
from wespe_bench.errors import InputError, one_line
from wespe_bench.training import resume


@dataclasses.dataclass(frozen=True, slots=True)
class Ranks:
    """This process is number ``rank`` of ``world``; ``local`` on its machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def writes(self) -> bool:
        """Whether this is the one process that writes files and speaks."""
        return self.rank == 0

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over the processes.

        Raises InputError when one of them is gone.
        """
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:
            raise InputError(
                f"another process of this training has ended ({one_line(error)[:120]}); "
                "what it said tells why, and the same command resumes"
            ) from None
        flat /= self.world
        sizes = [gradient.numel() for gradient in gradients]
        means: Iterable[Tensor] = torch.split(flat, sizes)
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))


def join(device: str) -> Ranks:
    """This process's place, by torchrun's environment; a lone process without it.

    Raises InputError when the environment is not torchrun's, or the others cannot be reached.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return Ranks()
    try:
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device == "cuda" else "gloo")
        local = int(os.environ.get("LOCAL_RANK", "0"))
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, and the other processes cannot be joined "
            f"({one_line(error)[:160]}); start them with torchrun, or unset WORLD_SIZE"
        ) from None
    ranks = Ranks(dist.get_rank(), dist.get_world_size(), local)
    if device == "cuda":
        torch.cuda.set_device(ranks.local)
    return ranks


def leave() -> None:
    """Close what `join` opened."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def check_batch(batch: int, ranks: Ranks) -> None:
    """Raise InputError unless the batch can be shared out evenly."""
    if batch % ranks.world:
        raise InputError(f"--batch {batch} cannot be shared by {ranks.world} processes evenly")


@contextlib.contextmanager
def alone(out: Path, ranks: Ranks) -> Iterator[None]:
    """Make the folder and keep other trainings out of it; the one process that writes does.

    Raises InputError when it cannot be made, when it holds other work, when another training
    is at work there, and for what cannot be written there later: the disk is full, or read-only.
    """
    if not ranks.writes:
        yield
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{out}: cannot be made ({error.strerror}); choose another --out"
        ) from None
    check_out(out, *resume.MARKS)
    try:
        with lock.held(out, f"training {uuid.uuid4()}"):
            yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror or error}); "
            "mend that, and the same command resumes"
        ) from None
