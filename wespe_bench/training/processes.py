"""Several processes that train together: torchrun starts them, gradients are averaged here.

Every process holds all weights and works on its share of every batch. Gradients are averaged and
losses that are sums over the batch count the whole batch, so N processes equal one process up to
rounding. DistributedDataParallel does not fit: the generator step runs through the discriminators
without training them, the discriminator step runs through the generator, and its hooks expect
every backward pass to train what it runs through.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

from wespe_bench.errors import InputError, one_line


@dataclasses.dataclass(frozen=True, slots=True)
class Ranks:
    """Which process this is: number ``rank`` of ``world``, number ``local`` on its machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over the processes.

        Raises:
            InputError: Another process has ended.
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
                "its own messages say why, and the same command resumes"
            ) from None
        flat /= self.world
        sizes = [gradient.numel() for gradient in gradients]
        means: Iterable[Tensor] = torch.split(flat, sizes)
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))


def join(device: str, batch: int) -> Ranks:
    """Join the processes that torchrun's environment names; alone without it.

    Args:
        device: "cpu" or "cuda".
        batch: Patches of the whole batch, which the processes share.

    Raises:
        InputError: The environment is not torchrun's, the other processes cannot be reached, or
            the batch cannot be shared evenly.
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
    if batch % ranks.world:
        raise InputError(f"--batch {batch}: {ranks.world} processes cannot share it evenly")
    return ranks


def leave() -> None:
    """Close what `join` opened."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
