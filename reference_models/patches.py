"""Random patches for training, cut from photos kept as one block of uint8 pixels.

The block is in memory, mapped from a packed set's file (`wespe_bench.datasets.packed`), or on
the device; the patches are the same.

Seed, iteration and the draw's name alone determine the patches. So resuming needs no saved random
state, draws are independent of each other, and several processes share one batch.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_models.memory import free_memory
from reference_models.photo_sets import REFERENCES, find, is_packed
from wespe_bench import provenance
from wespe_bench.datasets.packed import Packed
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.training.acceleration import pinned, to_device
from wespe_bench.types import Dataset


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Photos as one flat uint8 tensor, on the device where patches are cut.

    Photo n starts at ``offsets[n]``, int64 (N,), and has height and width ``sizes[n]``, int64
    (N, 2). ``references``, in a paired set, has the same layout. ``revision`` is a hash of the
    photos' files. Batches are made on ``device``, in that memory layout.
    """

    name: str
    revision: str
    pixels: Tensor
    offsets: np.ndarray
    sizes: np.ndarray
    references: Tensor | None = None
    device: str = "cpu"
    channels_last: bool = False

    def __len__(self) -> int:
        return len(self.offsets)

    def to(self, device: str, channels_last: bool = False) -> Photos:
        """The photos with batches on that device.

        They are copied to it, unless they would take more than half of a GPU's free memory:
        then each batch is cut here and copied, and a warning says so.
        """
        blocks = [block for block in (self.pixels, self.references) if block is not None]
        needed = sum(block.nbytes for block in blocks)
        if device == "cuda" and needed > _free_on_gpu() // 2:
            warnings.warn(
                f"{self.name}: {needed / 1e9:,.1f} GB of pixels, more than half of the GPU's free "
                "memory; they stay in main memory, and each batch is copied",
                stacklevel=2,
            )
        else:
            blocks = [block.to(device) for block in blocks]
        references = blocks[1] if len(blocks) > 1 else None
        return dataclasses.replace(
            self,
            pixels=blocks[0],
            references=references,
            device=device,
            channels_last=channels_last,
        )

    def photo(self, number: int) -> np.ndarray:
        """The ``number``-th photo, uint8 (H, W, 3)."""
        height, width = self.sizes[number]
        begin = int(self.offsets[number])
        block = self.pixels[begin : begin + int(height * width) * 3]
        return np.asarray(block.cpu().numpy().reshape(height, width, 3))

    def batch(self, draw: Draw) -> Tensor:
        """float32 (count, 3, side, side) on [0, 1], on ``device``."""
        return self._cut(self.pixels, draw, *self._places(draw))

    def pairs(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """As `batch`, and the references' patches from the same places.

        Raises:
            InputError: The photos have no references.
        """
        if self.references is None:
            raise InputError(f"{self.name}: these photos have no references")
        places = self._places(draw)
        return self._cut(self.pixels, draw, *places), self._cut(self.references, draw, *places)

    def _places(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First byte, bytes per row, and turn (0..7) of each of this process's patches."""
        rng = draw.rng()
        numbers = rng.integers(0, len(self), draw.count)
        corners = rng.integers(0, self.sizes[numbers] - draw.side + 1)
        turns = rng.integers(0, 8, draw.count) if draw.turn else np.zeros(draw.count, np.int64)
        widths = self.sizes[numbers, 1]
        begins = self.offsets[numbers] + 3 * (corners[:, 0] * widths + corners[:, 1])
        mine = slice(draw.rank, None, draw.world)
        return begins[mine], 3 * widths[mine], turns[mine]

    def _cut(
        self, pixels: Tensor, draw: Draw, begins: np.ndarray, strides: np.ndarray, turns: np.ndarray
    ) -> Tensor:
        device, side = pixels.device, draw.side
        places = to_device(np.stack([begins, strides]), device)
        begin, stride = places.view(2, -1, 1, 1, 1)
        row = torch.arange(side, device=device)
        channel = torch.arange(3, device=device).view(3, 1, 1)
        index = begin + stride * row.view(side, 1) + 3 * row + channel
        patches = pixels[index]
        if self.device != device.type:
            patches = pinned(patches).to(self.device, non_blocking=True)
        patches = patches.float().div_(255)
        if turns.any():
            turned = [
                torch.rot90(patch.flip(2) if turn >= 4 else patch, int(turn) % 4, (1, 2))
                for patch, turn in zip(patches, turns, strict=True)
            ]
            patches = torch.stack(turned)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return patches.contiguous(memory_format=layout)


@dataclasses.dataclass(frozen=True, slots=True)
class Draw:
    """Which patches to cut: ``count`` of ``side`` px, from seed, iteration and ``name``.

    With ``turn`` each is mirrored and rotated in one of the eight ways. Process ``rank`` of
    ``world`` takes every ``world``-th patch.
    """

    name: str
    iteration: int
    count: int
    side: int
    seed: int = 0
    turn: bool = False
    rank: int = 0
    world: int = 1

    def rng(self) -> np.random.Generator:
        """A random generator independent of other draws and iterations."""
        key = int.from_bytes(self.name.encode(), "big")
        return np.random.default_rng([self.seed, self.iteration, key])

    def coins(self) -> np.ndarray:
        """A fair coin for each patch of this process: bool (count / world,)."""
        return np.asarray(self.rng().random(self.count) < 0.5)[self.rank :: self.world]


@dataclasses.dataclass(frozen=True, slots=True)
class Draws:
    """Makes the draws of a training of these options, for process ``rank`` of ``world``."""

    config: Any
    rank: int = 0
    world: int = 1

    def __call__(self, name: str, iteration: int) -> Draw:
        """This process's share of a batch."""
        c = self.config
        return Draw(name, iteration, c.batch, c.patch, c.seed, c.turn, self.rank, self.world)

    def common(self, name: str, count: int) -> Draw:
        """``count`` patches for the whole training, the same in every process."""
        return Draw(name, 0, count, self.config.patch, self.config.seed, self.config.turn)


def load(spec: str, side: int, *, data: str | None = None, paired: bool = False) -> Photos:
    """Load the photos of a data set, a folder or a packed set.

    Args:
        spec: A data set's name, a folder of photos, or a folder that `wespe-bench data pack` wrote,
            which is mapped instead of read. ``:reference`` after it takes the references of the
            paired set as the photos.
        side: Side of the patches in pixels; smaller photos are left out with a warning.
        data: Where data sets are.
        paired: Load photos and references.

    Raises:
        InputError: Unknown name, photos that cannot be read, fewer than two of sufficient size, or
            pairs of different sizes.
    """
    if is_packed(spec):
        return from_packed(spec, side, paired=paired)
    return from_dataset(*find(spec, data), side, paired=paired)


def from_dataset(dataset: Dataset, references: bool, side: int, *, paired: bool = False) -> Photos:
    """As `load`, from a data set; with ``references`` its references are the photos."""
    name = dataset.name + (REFERENCES if references else "")
    if (references or paired) and not dataset.paired:
        raise InputError(f"{dataset.name} is not paired: it has no references")
    photos: list[np.ndarray] = []
    truths: list[np.ndarray] = []
    files: list[tuple[str, str, str | None]] = []
    small = 0
    left = free_memory(None) // 2  # they are copied once, into one block
    for sample in dataset.samples:
        path = sample.reference if references and sample.reference else sample.path
        photo = read_rgb(path)
        if min(photo.shape[:2]) < side:
            small += 1
            continue
        if paired and sample.reference is not None:
            truth = read_rgb(sample.reference)
            if truth.shape != photo.shape:
                raise InputError(
                    f"{sample.id}: {photo.shape[1]}x{photo.shape[0]} and its reference "
                    f"{truth.shape[1]}x{truth.shape[0]}; pairs need one size"
                )
            truths.append(truth)
            left -= truth.nbytes
        photos.append(photo)
        left -= photo.nbytes
        if left < 0:
            raise InputError(
                f"{name}: {len(dataset.samples)} photos do not fit into memory (nor do the first "
                f"{len(photos)}); `wespe-bench data pack` makes a file that is mapped, not read"
            )
        files.append((sample.id, provenance.sha256_file(path), None))
    _check_sizes(name, len(photos), small, side)
    revision = dataset.revision if paired else provenance.revision(files)
    return _block(name, revision, photos, truths)


def from_packed(spec: str, side: int, *, paired: bool = False) -> Photos:
    """As `load`, from a packed set, whose pixels stay in their file."""
    folder = Path(spec.removesuffix(REFERENCES))
    references = str(folder) != spec
    packed = Packed.open(folder)
    name = packed.name + (REFERENCES if references else "")
    if (references or paired) and not packed.paired:
        raise InputError(f"{folder}: packed without references")
    large = packed.sizes.min(axis=1) >= side
    _check_sizes(name, int(large.sum()), int((~large).sum()), side)
    revision = packed.revision
    if not paired:
        column = "reference_source_sha256" if references else "source_sha256"
        rows = packed.rows()
        kept = [id_ for id_, fits in zip(packed.ids, list(large), strict=True) if fits]
        revision = provenance.revision([(id_, rows[id_][column], None) for id_ in kept])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of read-only memory, which stays so here
        pixels = torch.from_numpy(packed.block(references))
        truths = torch.from_numpy(packed.block(True)) if paired else None
    return Photos(name, revision, pixels, packed.offsets[large], packed.sizes[large], truths)


def _free_on_gpu() -> int:
    return torch.cuda.mem_get_info()[0]


def _check_sizes(name: str, count: int, small: int, side: int) -> None:
    """Warn of photos that are too small. Raises InputError when fewer than two are left."""
    if count < 2:
        rest = f", {small} are smaller than the patch of {side} px" if small else ""
        raise InputError(
            f"{name}: {count} photos to train on{rest}; at least 2 are needed"
            + (", or a smaller --patch" if small else "")
        )
    if small:
        warnings.warn(
            f"{name}: {small} of {count + small} photos are smaller than {side} px and left out",
            stacklevel=3,
        )


def _block(
    name: str, revision: str, photos: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> Photos:
    sizes = np.array([photo.shape[:2] for photo in photos], np.int64)
    ends = np.cumsum([photo.size for photo in photos], dtype=np.int64)
    offsets = np.concatenate([[0], ends[:-1]]).astype(np.int64)

    def joined(parts: Sequence[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate([part.reshape(-1) for part in parts]))

    return Photos(
        name, revision, joined(photos), offsets, sizes, joined(truths) if truths else None
    )
