"""Several processes as one training: torchrun starts them, gradients are averaged here.

Every process keeps all weights and takes its share of every batch. With the gradients
averaged and the sums of the losses taken over the whole batch, N processes do what one does
with the same batch, up to rounding. Averaging by hand instead of DistributedDataParallel:
a generator step runs through the discriminators without training them, a discriminator step
through the generator, which that wrapper's hooks were not made for.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

from wespe_bench.errors import InputError


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
        """Replace each gradient by its mean over the processes."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        sizes = [gradient.numel() for gradient in gradients]
        means: Iterable[Tensor] = torch.split(flat, sizes)
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))


def join(device: str) -> Ranks:
    """This process's place, by torchrun's environment; a lone process without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
    ranks = Ranks(dist.get_rank(), world, int(os.environ.get("LOCAL_RANK", "0")))
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
