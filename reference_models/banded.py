"""Exact whole-image inference in bounded memory.

The generator's instance norms take their statistics over the whole photo, so a photo cut
into tiles is wrong: every tile gets its own brightness. Here the network runs layer by
layer over bands of rows. A band brings the rows that its kernel reaches into its neighbours
along; each row's mean and squared deviation are kept and merged in float64 by Chan's formula
(Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
variances", 1979) once the layer is done; the next layer normalises what it reads. The
photo's own border alone is padded. The result is the whole-image result up to float32
rounding.

Two maps of the photo's size exist at a time, the residual stream and the last convolution's
output, each overwritten band by band. They lie on the computing device, in main memory or in
a temporary file, which the system deletes however the program ends.

Memory of a photo of M megapixels at width 64, in GB: whole 1.0 M; banded with stores in
memory 0.52 M in fp32 and 0.26 M in fp16 or bf16; with stores in a file 0.012 M and about 0.1
for the bands. Neither where the stores lie nor how high the bands are enters the statistics; on
the machine measured, it did not change a bit of the result.

Precision, measured with DPED's iPhone generator on a 2048x1536 iPhone photo against the whole
image in float32 (largest difference on [0, 1]; PSNR of the floats; share of 8-bit values that
change, each by one level): fp32 stores 2.4e-7, 150 dB, 0.0004%; fp16 3.1e-4, 93 dB, 0.4%;
bf16 2.2e-3, 75 dB, 3.3%. Tiles of 512 px instead of the whole image: 25 dB.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, cast

import numpy as np

from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from reference_models.wespe.networks import Block, Convolution, Generator

Precision = Literal["fp32", "fp16", "bf16"]
Store = Literal["device", "memory", "file"]

#: Photos up to this size go through in one piece, whose maps are no larger than a band's.
WHOLE_PIXELS = 512 * 512

#: Bytes of one float32 map of a band: large enough for full speed, small enough that the
#: allocator reuses the block instead of asking the system for fresh pages each time.
_BAND_BYTES = {"cpu": 16 << 20, "cuda": 256 << 20}

#: Bytes that element-wise work handles at once: near the caches' size, yet not so small that
#: waiting for each other costs the threads more than memory does.
_BLOCK_BYTES = 4 << 20

#: torch indexes with 32 bits in places.
_MAX_ELEMENTS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a photo will be computed.

    ``mode`` and the result depend on the photo's size alone; the free memory decides
    only where the stores lie, and in need on the height of a band. ``bytes`` estimates what
    is allocated in main memory.
    """

    mode: Literal["whole", "banded"]
    store: Store
    rows: int
    bytes: int


def infer(
    generator: Generator,
    image: np.ndarray,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
    max_memory: int | None = None,
) -> np.ndarray:
    """The generator applied to a photo of any size.

    ``image`` is uint8 (H, W, 3), sRGB; the result float32 of the same shape on
    [-0.08, 1.08]. ``max_memory`` bounds the memory of this process in bytes (on CUDA also
    that of the device); without it, four fifths of what is free are used.

    ``precision`` is the format of the stores; on CUDA also that of the convolutions. "fp32"
    is exact. On the CPU convolutions are always computed in float32.

    Raises InputError when the photo does not fit in ``max_memory``, or its stores not on disk.
    """
    check_rgb(image)
    chosen = plan(image.shape[0], image.shape[1], generator, device, precision, max_memory)
    if chosen.mode == "whole":
        return whole(generator, image, device=device, precision=precision)
    return banded(
        generator,
        image,
        device=device,
        precision=precision,
        rows=chosen.rows,
        store=chosen.store,
    )


def plan(
    height: int,
    width: int,
    generator: Generator,
    device: str = "cpu",
    precision: Precision = "fp32",
    max_memory: int | None = None,
) -> Plan:
    """Choose how a photo of this size is computed; see `infer`."""
    channels = generator.width
    pixels = height * width
    item = 4 if precision == "fp32" else 2
    # The photo as floats and the result, and the result's conversion on its way out.
    result = pixels * 3 * 4 * 2
    if pixels <= WHOLE_PIXELS:
        return Plan("whole", "device", height, result + 4 * pixels * channels * 4)
    stores = 2 * pixels * channels * item
    rows = default_rows(width, channels, device)

    def working(rows: int) -> int:
        # The window with its margin, the convolution's output, and scratch of the library;
        # on CUDA element-wise work needs two more, because it takes a band at once.
        copies = 3 if device == "cpu" else 6
        return 4 * width * channels * copies * (rows + 8) + (64 << 20)

    free = _free_memory(max_memory)
    if device == "cuda":
        import torch

        on_device = int(torch.cuda.mem_get_info()[0] * 0.8)
        on_device = min(on_device, max_memory) if max_memory is not None else on_device
        while rows > 1 and working(rows) > on_device // 2:
            rows = math.ceil(rows / 2)
        if stores + working(rows) <= on_device:
            return Plan("banded", "device", rows, result)
        if stores + result <= free:
            return Plan("banded", "memory", rows, stores + result)
        return Plan("banded", "file", rows, result)
    if stores + working(rows) + result <= free:
        return Plan("banded", "memory", rows, stores + working(rows) + result)
    while rows > 1 and working(rows) + result > free:
        rows = math.ceil(rows / 2)
    needed = working(rows) + result
    if needed > free:
        limit = "free" if max_memory is None else "left by max_memory"
        raise InputError(
            f"a photo of {width}x{height} needs at least {needed / 1e9:.2f} GB of memory; "
            f"{max(free, 0) / 1e9:.2f} GB are {limit}"
        )
    return Plan("banded", "file", rows, needed)


def default_rows(width: int, channels: int, device: str = "cpu") -> int:
    """Rows of a band: a fixed number of bytes, whatever memory is free."""
    rows = _BAND_BYTES["cuda" if device == "cuda" else "cpu"] // (4 * width * channels)
    return min(max(rows, 8), _MAX_ELEMENTS // (width * channels) - 8)


def parse_size(text: str) -> int:
    """Bytes from a size with a unit.

    >>> parse_size("2GB"), parse_size("1.5 GiB"), parse_size("800M")
    (2000000000, 1610612736, 800000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text, re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise InputError(f"size {text!r}: expected a number with a unit, such as 2GB or 800MB")
    power = " kmgt".index(match[2].lower() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def _free_memory(max_memory: int | None) -> int:
    import psutil

    free = int(min(psutil.virtual_memory().available, _group_limit()) * 0.8) // _workers()
    if max_memory is None:
        return free
    return min(free, max_memory - int(psutil.Process().memory_info().rss))


def _workers() -> int:
    """Processes of the pool this one belongs to: they share what is free."""
    import multiprocessing

    import psutil

    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return 1
    try:
        return max(len(psutil.Process(parent.pid).children()), 1)
    except psutil.Error:
        return 1


def _group_limit() -> int:
    """What a container's limit leaves; psutil sees the machine only."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        cache = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text(), re.M)
    except (OSError, ValueError):
        return 1 << 62
    if limit == "max":
        return 1 << 62
    return int(limit) - used + (int(cache[1]) if cache else 0)


# In one piece ----------------------------------------------------------------------------


def whole(
    generator: Generator,
    image: np.ndarray,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
) -> np.ndarray:
    """The generator applied to the photo in one piece; about 1 GB a megapixel.

    Shapes and ranges as in `infer`. Raises ValueError beyond 2^31 elements a map, where
    torch's kernels are not to be trusted.
    """
    import torch

    check_rgb(image)
    if image.shape[0] * image.shape[1] * generator.width > _MAX_ELEMENTS:
        raise ValueError(f"{image.shape[1]}x{image.shape[0]}: too large for one piece; use banded")
    _check_reflection(generator, image.shape[0], image.shape[1])
    network = _prepared(generator, device, precision)
    with torch.inference_mode(), _exact_float32():
        x = torch.from_numpy(image.astype(np.float32)).div_(255)
        x = x.to(device, _compute_type(device, precision)).permute(2, 0, 1).unsqueeze(0)
        y = network(x)[0].permute(1, 2, 0).float().cpu()
        return np.ascontiguousarray(y.numpy())


# In bands --------------------------------------------------------------------------------


def banded(
    generator: Generator,
    image: np.ndarray,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
    rows: int | None = None,
    store: Store = "memory",
) -> np.ndarray:
    """The generator applied to the photo in bands of ``rows``; see the module's text.

    Shapes and ranges as in `infer`. Raises InputError when the temporary folder lacks the
    room for the stores.
    """
    import torch

    check_rgb(image)
    height, width = image.shape[:2]
    _check_reflection(generator, height, width)
    if rows is None:
        rows = default_rows(width, generator.width, device)
    if rows < 1 or (rows + 8) * width * generator.width > _MAX_ELEMENTS:
        raise InputError(f"bands of {rows} rows of {width} pixels: choose another number of rows")
    with torch.inference_mode(), _exact_float32():
        shape = (height, width, generator.width)
        kind = torch.float32 if precision == "fp32" else getattr(torch, _TORCH_TYPE[precision])
        stream = _open_store(shape, kind, device, precision, store)
        maps = _open_store(shape, kind, device, precision, store)
        try:
            return _run(_prepared(generator, device, precision), image, stream, maps, rows, device)
        finally:
            stream.close()
            maps.close()


def _run(
    network: Generator,
    image: np.ndarray,
    stream: _MemoryStore | _FileStore,
    maps: _MemoryStore | _FileStore,
    rows: int,
    device: str,
) -> np.ndarray:
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
        """The block's end: the stream gains the normalised map."""

        def source(out: Tensor, top: int, bottom: int) -> None:
            norm(maps.read(top, bottom, out), out).relu_()
            out.add_(stream.read(top, bottom, out))
            stream.write(out, top)

        return source

    def into(store: _MemoryStore | _FileStore) -> _Sink:
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


if TYPE_CHECKING:
    #: fills ``out`` (rows, W, C) with the rows ``top`` to ``bottom`` of a convolution's input
    _Source = Callable[[Tensor, int, int], None]
    #: takes rows (rows, W, C) of its output, the first of which is ``top``
    _Sink = Callable[[Tensor, int], None]
    #: puts the normalised first into the second, and returns that
    _Affine = Callable[[Tensor, Tensor], Tensor]


class _Sweep:
    """One convolution over the whole photo, band by band.

    Every row of the input is asked for once, in order, and kept while a later band needs it:
    so a source may overwrite what it reads, and a sink what lies above.
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
        ready = 0  # rows of the input that have been asked for
        for top in range(0, self.height, self.rows):
            bottom = min(top + self.rows, self.height)
            start = top - radius  # the photo's row in the window's first
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
        """Rows that element-wise work takes at once."""
        if self.device != "cpu":
            return self.rows + 8
        return max(_BLOCK_BYTES // (4 * self.width * channels), 1)

    def _pad(self, window: Tensor, start: int) -> None:
        """Fill the rows of the window that lie outside the photo."""
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
        # Everything in place: small results between large blocks would tear the heap.
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


# Stores ----------------------------------------------------------------------------------

_TORCH_TYPE = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


class _MemoryStore:
    """A map (H, W, C) on a device or in main memory."""

    def __init__(self, shape: tuple[int, int, int], kind: torch.dtype, device: str) -> None:
        import torch

        self.data = torch.empty(shape, dtype=kind, device=device)

    def read(self, top: int, bottom: int, like: Tensor) -> Tensor:
        """The rows in the format and on the device of ``like``; to be left unchanged."""
        return self.data[top:bottom].to(like.device, like.dtype)

    def write(self, rows: Tensor, top: int) -> None:
        self.data[top : top + rows.shape[0]].copy_(rows)

    def close(self) -> None:
        del self.data


class _FileStore:
    """A map (H, W, C) in a temporary file without a name.

    Read and written, not mapped: mapped pages count as the process's memory.
    """

    def __init__(self, shape: tuple[int, int, int], kind: torch.dtype) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 - `close` below
            buffering=0, prefix="wespe-bench-"
        )
        self.kind = kind
        self.row_bytes = shape[1] * shape[2] * kind.itemsize

    def read(self, top: int, bottom: int, like: Tensor) -> Tensor:
        """The rows in the format and on the device of ``like``."""
        import torch

        rows = torch.empty((bottom - top, *like.shape[1:]), dtype=self.kind)
        left = _bytes_of(rows)
        self.file.seek(top * self.row_bytes)
        while left:
            count = self.file.readinto(left)  # type: ignore[attr-defined]
            if not count:
                raise InputError("the temporary file of a store was cut short")
            left = left[count:]
        return rows.to(like.device, like.dtype)

    def write(self, rows: Tensor, top: int) -> None:
        left = _bytes_of(rows.to(device="cpu", dtype=self.kind).contiguous())
        self.file.seek(top * self.row_bytes)
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:
            raise InputError(
                f"cannot write to the temporary folder {tempfile.gettempdir()} "
                f"({error.strerror}); set TMPDIR to one with more room"
            ) from None

    def close(self) -> None:
        self.file.close()


def _bytes_of(rows: Tensor) -> memoryview:
    import torch

    flat: np.ndarray = rows.reshape(-1).view(torch.uint8).numpy()
    return flat.data


def _open_store(
    shape: tuple[int, int, int], kind: torch.dtype, device: str, precision: Precision, where: Store
) -> _MemoryStore | _FileStore:
    if where != "file":
        return _MemoryStore(shape, kind, device if where == "device" else "cpu")
    folder = tempfile.gettempdir()
    needed = math.prod(shape) * kind.itemsize
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the temporary folder {folder} has {free / 1e9:.1f} GB free, a store needs "
            f"{needed / 1e9:.1f} GB; set TMPDIR to another folder, or use precision=fp16"
        )
    return _FileStore(shape, kind)


# Common ----------------------------------------------------------------------------------


def _prepared(generator: Generator, device: str, precision: Precision) -> Generator:
    """A copy for computing: on its device, in its format, weights in the maps' layout."""
    import torch

    network = copy.deepcopy(generator).eval().requires_grad_(False).to(device)
    kind = _compute_type(device, precision)
    for name, module in network.named_modules():
        if name.rpartition(".")[2].startswith("norm"):
            continue  # norms work in float32
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.data.to(kind)
    return network.to(memory_format=torch.channels_last)


def _compute_type(device: str, precision: Precision) -> torch.dtype:
    import torch

    kind: torch.dtype = getattr(torch, _TORCH_TYPE[precision])
    return kind if device != "cpu" else torch.float32


def _exact_float32() -> AbstractContextManager[None]:
    """Convolutions in float32 as such: cuDNN would round their inputs to TF32 by default."""
    import torch

    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return flags


def _check_reflection(generator: Generator, height: int, width: int) -> None:
    if generator.padding == "reflect" and min(height, width) < 5:
        raise InputError(
            f"{width}x{height}: a generator that pads by reflection needs at least 5x5 pixels"
        )
