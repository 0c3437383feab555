"""Device, precision and compilation of a training. On a CPU the defaults change nothing.

bf16 is for convolutions only: autocast surrounds the networks, while losses, statistics, weights
and optimisers stay float32. A CPU takes it when it multiplies bf16 itself (AVX512_BF16 or AMX);
elsewhere bf16 is emulated and slower. Measured by benchmarks/train.py.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wespe_bench.errors import InputError, one_line

PRECISIONS = ("auto", "fp32", "tf32", "bf16")
COMPILES = ("auto", "off", "default", "reduce-overhead")

#: A network as it is called in training.
Call = Callable[[Tensor], Tensor]


def choose_device(name: str, option: str = "--device ") -> str:
    """The device to use, "cpu" or "cuda"; "auto" is CUDA where there is one.

    Args:
        name: "auto", "cpu" or "cuda".
        option: What stands before the name in an error message.

    Raises:
        InputError: Another name, or CUDA where there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"{option}{name}: expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{option}cuda: no CUDA device here; use {option}cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def choose_precision(name: str, device: str) -> str:
    """The precision to use; "auto" is bf16 on CUDA and fp32 on a CPU.

    Sets torch's switches for TF32 and cuDNN's search for the fastest algorithm.

    Raises:
        InputError: Another name than `PRECISIONS`, or one that the device does not take.
    """
    if name not in PRECISIONS:
        raise InputError(f"--precision {name}: expected one of {', '.join(PRECISIONS)}")
    if name == "auto":
        name = "bf16" if device == "cuda" else "fp32"
    if device == "cpu" and name == "tf32":
        raise InputError("--precision tf32 needs --device cuda; use fp32")
    if device == "cpu" and name == "bf16" and not cpu_has_bf16():
        raise InputError("--precision bf16: this CPU has neither AVX512_BF16 nor AMX; use fp32")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = name != "fp32"
    torch.backends.cudnn.benchmark = device == "cuda"
    return name


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 itself."""
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # not in every torch
    return any(getattr(torch.cpu, test, lambda: False)() for test in tests)


def channels_last(config: Any, device: str) -> bool:
    """Whether maps are kept channels-last: as the option says, else on CUDA, whose tensor cores
    want it; Inductor leaves networks of so few channels as they are."""
    wanted: bool | None = getattr(config, "channels_last", None)
    return device == "cuda" if wanted is None else wanted


def to_device(values: np.ndarray, device: str | torch.device) -> Tensor:
    """A copy on the device. On CUDA it is made from pinned memory, so that nothing waits for it."""
    tensor = torch.from_numpy(values)
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return pinned(tensor).to(device, non_blocking=True)


def pinned(tensor: Tensor) -> Tensor:
    """The tensor in pinned memory, which CUDA copies while the processor goes on."""
    return tensor.pin_memory()


def compiles(mode: str, device: str) -> bool:
    """Whether networks are compiled: "auto" does so on CUDA only.

    Raises:
        InputError: ``mode`` is none of `COMPILES`.
    """
    if mode not in COMPILES:
        raise InputError(f"--compile {mode}: expected one of {', '.join(COMPILES)}")
    return mode != "off" and not (mode == "auto" and device == "cpu")


def compile_networks(
    networks: Mapping[str, nn.Module],
    rehearse: Callable[[Mapping[str, Call]], None],
    mode: str = "off",
    precision: str = "fp32",
    device: str = "cpu",
) -> dict[str, Call]:
    """The networks as functions, compiled together or not at all.

    With compilation, ``rehearse`` runs first. When it fails, one warning says so and every network
    runs uncompiled. Its gradients are deleted and the networks' buffers restored afterwards.

    Args:
        networks: The networks by name.
        rehearse: Runs every graph that the training will run, forward and backward, on functions
            like those returned here.
        mode: One of `COMPILES`.
        precision: "bf16" puts autocast around each network, and around nothing else.
        device: "cpu" or "cuda".

    Returns:
        Functions by name, from float32 tensors to float32 tensors.

    Raises:
        InputError: An unknown ``mode``.
    """
    plain = {name: _cast(network, precision, device) for name, network in networks.items()}
    if not compiles(mode, device):
        return plain
    how = "default" if mode == "auto" else mode
    compiled = {
        name: _cast(torch.compile(network, mode=how, dynamic=False), precision, device)
        for name, network in networks.items()
    }
    buffers = [b for network in networks.values() for b in network.buffers()]
    before = [b.clone() for b in buffers]
    try:
        # A CUDA graph warms up in its first run, is recorded in the second and replayed after.
        for _ in range(3 if mode == "reduce-overhead" else 1):
            begin_iteration(mode)
            rehearse(compiled)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # the compiler fails in many ways
        warnings.warn(
            f"torch.compile failed ({one_line(error)[:160]}); the training runs uncompiled",
            stacklevel=2,
        )
        return plain
    finally:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
        for network in networks.values():
            network.zero_grad()
    return compiled


def _cast(network: Call, precision: str, device: str) -> Call:
    if precision != "bf16":
        return network

    def call(x: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            y = network(x)
        return y.float()

    return call


def begin_iteration(mode: str) -> None:
    """Let CUDA graphs reuse the memory of the last iteration's results."""
    if mode == "reduce-overhead":
        torch.compiler.cudagraph_mark_step_begin()


def to_floats(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Scalars as Python's floats, in one copy from the device."""
    stacked = torch.stack([value.detach().float() for value in values.values()])
    return dict(zip(values, stacked.tolist(), strict=True))


@contextlib.contextmanager
def out_of_memory(options: str) -> Generator[None]:
    """Turn a lack of memory into an InputError of one line that says to lower ``options``."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(f"CUDA is out of memory; lower {options}") from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error) and "out of memory" not in str(error):
            raise
        raise InputError(f"out of memory; lower {options}") from None
