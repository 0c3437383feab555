"""Exact whole-image inference in bounded memory.

The generator's instance norms take their statistics over the whole photo, so processing tiles is
wrong: every tile gets its own brightness. Here the network runs layer by layer over bands of rows.
A band includes the rows that its kernel needs from its neighbours. Each row's mean and squared
deviation are kept and, after the layer, merged in float64 by Chan's formula (Chan, Golub, LeVeque,
"Updating formulae and a pairwise algorithm for computing sample variances", 1979); the next layer
normalises its input with them. Only the photo's own border is padded. The result equals the
whole-image result up to float32 rounding.

Two maps of the photo's size exist at a time, the residual stream and the last convolution's
output; both are overwritten band by band (`reference_models.sweep`). They are kept on the computing
device, in main memory, or in a temporary file (`reference_models.stores`), which the system deletes
in any case.

Memory of a photo of M megapixels at width 64, in GB: whole 1.0 M; banded with stores in
memory 0.52 M in fp32 and 0.26 M in fp16 or bf16; with stores in a file 0.012 M and about 0.1
for the bands. The statistics depend neither on where the stores are nor on the height of the bands;
on the machine measured, neither changed a bit of the result.

Precision, measured with DPED's iPhone generator on a 2048x1536 iPhone photo against the whole
image in float32 (largest difference on [0, 1]; PSNR of the floats; share of 8-bit values that
change, each by one level): fp32 stores 2.4e-7, 150 dB, 0.0004%; fp16 3.1e-4, 93 dB, 0.4%;
bf16 2.2e-3, 75 dB, 3.3%. Tiles of 512 px instead of the whole image: 25 dB.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Literal

import numpy as np

from reference_models.memory import free_memory
from reference_models.stores import Place, open_store
from reference_models.sweep import through_bands
from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb

if TYPE_CHECKING:
    import torch

    from reference_models.wespe.networks import Generator

Precision = Literal["fp32", "fp16", "bf16"]

_TORCH_TYPE = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}

#: Photos up to this size are computed in one piece, with maps no larger than a band's.
WHOLE_PIXELS = 512 * 512

#: Bytes of one float32 map of a band: large enough for full speed, small enough that the
#: allocator reuses the block instead of asking the system for fresh pages each time.
_BAND_BYTES = {"cpu": 16 << 20, "cuda": 256 << 20}

#: torch indexes with 32 bits in places.
_MAX_ELEMENTS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to compute a photo.

    ``mode`` and the result depend on the photo's size alone. Free memory decides where the stores
    are and, when it is scarce, the height of a band. ``bytes`` estimates the main memory needed.
    """

    mode: Literal["whole", "banded"]
    store: Place
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
    """Apply the generator to a photo of any size.

    Args:
        generator: The network.
        image: uint8 (H, W, 3), sRGB.
        device: "cpu" or "cuda".
        precision: Format of the stores, and on CUDA of the convolutions, which a CPU computes in
            float32. "fp32" is exact.
        max_memory: Bound of this process's memory in bytes, and on CUDA of the device's; by
            default four fifths of the free memory.

    Returns:
        float32 (H, W, 3) on [-0.08, 1.08].

    Raises:
        InputError: The photo does not fit in ``max_memory``, or its stores not on disk.
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

    free = free_memory(max_memory)
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
    """Rows of a band: for a fixed number of bytes, independent of the free memory."""
    rows = _BAND_BYTES["cuda" if device == "cuda" else "cpu"] // (4 * width * channels)
    return min(max(rows, 8), _MAX_ELEMENTS // (width * channels) - 8)


# In one piece ----------------------------------------------------------------------------


def whole(
    generator: Generator,
    image: np.ndarray,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
) -> np.ndarray:
    """Apply the generator to the photo in one piece; about 1 GB per megapixel.

    Shapes and ranges as in `infer`. Raises ValueError for maps of 2^31 elements or more, for which
    torch's kernels are unreliable.
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
    store: Place = "memory",
) -> np.ndarray:
    """Apply the generator to the photo in bands of ``rows``; see the module's text.

    Shapes and ranges as in `infer`. Raises InputError when the temporary folder is too full for the
    stores.
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
        kind = getattr(torch, _TORCH_TYPE[precision])
        with (
            closing(open_store(shape, kind, device, store)) as stream,
            closing(open_store(shape, kind, device, store)) as maps,
        ):
            network = _prepared(generator, device, precision)
            return through_bands(network, image, stream, maps, rows, device)


# Common ----------------------------------------------------------------------------------


def _prepared(generator: Generator, device: str, precision: Precision) -> Generator:
    """A copy of the network on the device, in its precision, with channels-last weights."""
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
    """Convolve in exact float32: by default cuDNN rounds inputs to TF32."""
    import torch

    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return flags


def _check_reflection(generator: Generator, height: int, width: int) -> None:
    if generator.padding == "reflect" and min(height, width) < 5:
        raise InputError(
            f"{width}x{height}: a generator that pads by reflection needs at least 5x5 pixels"
        )
