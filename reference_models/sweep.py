"""Run a generator layer by layer, each layer over the whole photo in bands of rows.

On the way the statistics of the instance norms are gathered; see `reference_models.banded`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from reference_models.stores import Store
    from reference_models.wespe.networks import Block, Convolution, Generator

    #: fills ``out`` (rows, W, C) with the rows ``top`` to ``bottom`` of a convolution's input
    _Source = Callable[[Tensor, int, int], None]
    #: takes rows (rows, W, C) of its output, the first of which is ``top``
    _Sink = Callable[[Tensor, int], None]
    #: puts the normalised first into the second, and returns that
    _Affine = Callable[[Tensor, Tensor], Tensor]

#: Bytes that element-wise work handles at once: about the size of the caches, and not so small
#: that threads wait for each other longer than for memory.
_BLOCK_BYTES = 4 << 20


def through_bands(
    network: Generator,
    image: np.ndarray,
    stream: Store,
    maps: Store,
    rows: int,
    device: str,
) -> np.ndarray:
    """Apply the network in bands.

    Args:
        network: The generator, on ``device``.
        image: uint8 (H, W, 3).
        stream: A store (H, W, network.width), overwritten with the residual stream.
        maps: Another one, overwritten with convolutions' outputs.
        rows: Height of a band.
        device: Where bands are computed.

    Returns:
        float32 (H, W, 3) on [-0.08, 1.08].
    """
    import torch

    from reference_models.wespe.networks import colour

    height, width = image.shape[:2]
    result = np.empty((height, width, 3), np.float32)
    sweep = _Sweep(height, width, rows, network.padding, device, network.first.weight.dtype)

    def photo(out: Tensor, top: int, bottom: int) -> None:
        out.copy_(torch.from_numpy(image[top:bottom].astype(np.float32)).div_(255))

    def residual(out: Tensor, top: int, bottom: int) -> None:
        out.copy_(stream.read(top, bottom, out))

    def plain(out: Tensor, top: int, bottom: int) -> None:
        out.copy_(maps.read(top, bottom, out))

    def normalised(norm: _Affine) -> _Source:
        def source(out: Tensor, top: int, bottom: int) -> None:
            norm(maps.read(top, bottom, out), out).relu_()

        return source

    def updated(norm: _Affine) -> _Source:
        """End a block: add the normalised map to the stream."""

        def source(out: Tensor, top: int, bottom: int) -> None:
            norm(maps.read(top, bottom, out), out).relu_()
            out.add_(stream.read(top, bottom, out))
            stream.write(out, top)

        return source

    def into(store: Store) -> _Sink:
        def sink(band: Tensor, top: int) -> None:
            store.write(band.relu_(), top)

        return sink

    def measured(norm: torch.nn.Module) -> tuple[_Sink, _Statistics]:
        statistics = _Statistics(norm, height, width)

        def sink(band: Tensor, top: int) -> None:
            statistics.add(band, top)
            maps.write(band, top)

        return sink, statistics

    def finish(band: Tensor, top: int) -> None:
        result[top : top + band.shape[0]] = colour(band).float().cpu().numpy()

    sweep(network.first, photo, into(stream))
    source: _Source = residual
    for block in cast("Iterable[Block]", network.blocks):
        sink, statistics = measured(block.norm1)
        sweep(block.conv1, source, sink)
        source = normalised(statistics.affine())
        sink, statistics = measured(block.norm2)
        sweep(block.conv2, source, sink)
        source = updated(statistics.affine())
    sweep(network.middle1, source, into(maps))
    sweep(network.middle2, plain, into(maps))
    sweep(network.last, plain, finish)
    return result


class _Sweep:
    """One convolution over the whole photo, band by band.

    It reads every row of the input once, in order, and keeps it while later bands need it. So a
    source may overwrite what it has read, and a sink the rows above.
    """

    def __init__(
        self, height: int, width: int, rows: int, padding: str, device: str, kind: torch.dtype
    ) -> None:
        self.height, self.width, self.rows = height, width, min(rows, height)
        self.padding, self.device, self.kind = padding, device, kind

    def __call__(self, layer: Convolution, source: _Source, sink: _Sink) -> None:
        import torch

        radius, channels = layer.radius, layer.weight.shape[1]
        window = torch.zeros(
            (self.rows + 2 * radius, self.width, channels), dtype=self.kind, device=self.device
        )
        block = self._block(channels)
        ready = 0  # rows of the input read so far
        for top in range(0, self.height, self.rows):
            bottom = min(top + self.rows, self.height)
            start = top - radius  # the photo's row in the window's first row
            if top:
                window[: 2 * radius] = window[self.rows : self.rows + 2 * radius].clone()
            while ready < min(bottom + radius, self.height):
                end = min(ready + block, bottom + radius, self.height)
                source(window[ready - start : end - start], ready, end)
                ready = end
            used = window[: bottom - top + 2 * radius]
            self._pad(used, start)
            band = layer.band(used.permute(2, 0, 1).unsqueeze(0))[0].permute(1, 2, 0)
            block_out = self._block(band.shape[2])
            for first in range(0, bottom - top, block_out):
                sink(band[first : first + block_out], top + first)

    def _block(self, channels: int) -> int:
        """Rows that element-wise work handles at once."""
        if self.device != "cpu":
            return self.rows + 8
        return max(_BLOCK_BYTES // (4 * self.width * channels), 1)

    def _pad(self, window: Tensor, start: int) -> None:
        """Pad the rows of the window that are outside the photo."""
        last = self.height - 1
        for i in range(len(window)):
            row = start + i
            if 0 <= row <= last:
                continue
            if self.padding == "zero":
                window[i] = 0
            else:
                window[i] = window[(-row if row < 0 else 2 * last - row) - start]


class _Statistics:
    """Mean and variance of each channel from those of the rows, merged in float64."""

    def __init__(self, norm: torch.nn.Module, height: int, width: int) -> None:
        from reference_models.wespe.networks import InstanceNorm

        self.norm = norm if isinstance(norm, InstanceNorm) else None
        self.height, self.width = height, width
        # In place: small results between large blocks would fragment the heap.
        self.means: Tensor | None = None
        self.deviations: Tensor | None = None
        self.scratch: Tensor | None = None

    def add(self, band: Tensor, top: int) -> None:
        import torch

        if self.norm is None:
            return
        band = band.float()
        if self.means is None or self.deviations is None or self.scratch is None:
            self.means = band.new_empty((self.height, 1, band.shape[2]))
            self.deviations = torch.empty_like(self.means[:, 0])
            self.scratch = torch.empty_like(band)
        rows = slice(top, top + band.shape[0])
        scratch = self.scratch[: band.shape[0]]
        torch.mean(band, dim=1, keepdim=True, out=self.means[rows])
        torch.sub(band, self.means[rows], out=scratch).square_()
        torch.sum(scratch, dim=1, out=self.deviations[rows])

    def affine(self) -> _Affine:
        """The norm as one multiplication and one addition."""
        import torch

        from reference_models.wespe.networks import EPSILON

        if self.norm is None or self.means is None or self.deviations is None:
            return lambda x, out: out.copy_(x)
        means = self.means[:, 0].double()
        mean = means.mean(dim=0)
        within = self.deviations.double().sum(dim=0)
        between = (means - mean).square().sum(dim=0) * self.width
        variance = (within + between) / (self.width * self.height)
        scale = self.norm.weight.double() * torch.rsqrt(variance + EPSILON)
        shift = (self.norm.bias.double() - mean * scale).float()
        scale = scale.float()

        def apply(x: Tensor, out: Tensor) -> Tensor:
            if out.dtype == torch.float32:
                return torch.addcmul(shift, x, scale, out=out)
            return out.copy_(torch.addcmul(shift, x.float(), scale))

        return apply
