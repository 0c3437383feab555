"""What makes training fast on an accelerator, and changes nothing on a CPU.

bf16 for convolutions only: autocast surrounds the networks, losses and statistics stay
float32, and so do weights and optimiser. Compiling falls back to plain execution with a
warning. Written for CUDA; measured by benchmarks/train.py where there is one.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from wespe_bench.errors import InputError, one_line

PRECISIONS = ("auto", "fp32", "tf32", "bf16")
COMPILES = ("auto", "off", "default", "reduce-overhead")


def choose_device(name: str, option: str = "--device ") -> str:
    """ "auto" is CUDA where there is one. Raises InputError for a device that is not there.

    ``option`` is how the user says it.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"{option}{name}: expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{option}cuda: no CUDA device here; use {option}cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def choose_precision(name: str, device: str) -> str:
    """ "auto" is bf16 on CUDA and fp32 on a CPU, which must not compute in less.

    Sets whether float32 products may be rounded to TF32. Raises InputError for another name.
    """
    if name not in PRECISIONS:
        raise InputError(f"--precision {name}: expected one of {', '.join(PRECISIONS)}")
    if name == "auto":
        name = "bf16" if device == "cuda" else "fp32"
    if device == "cpu" and name != "fp32":
        raise InputError(f"--precision {name} needs --device cuda; a CPU trains in fp32")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = name != "fp32"
    torch.backends.cudnn.benchmark = device == "cuda"
    return name


def call(
    network: nn.Module, mode: str = "off", precision: str = "fp32", device: str = "cpu"
) -> Callable[[Tensor], Tensor]:
    """``network`` as a function of float32 that gives float32, compiled as `compiled` says.

    With precision "bf16" autocast surrounds it, and nothing else.
    """
    fast = compiled(network, mode, device)
    if precision != "bf16":
        return fast

    def cast(x: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            y = fast(x)
        return y.float()

    return cast


def compiled(network: nn.Module, mode: str, device: str) -> Callable[[Tensor], Tensor]:
    """``network``, compiled; as it is when ``mode`` is "off", or "auto" on a CPU.

    When the first call fails in the compiler, the network is run as it is, with a warning.
    """
    if mode not in COMPILES:
        raise InputError(f"--compile {mode}: expected one of {', '.join(COMPILES)}")
    if mode == "off" or (mode == "auto" and device == "cpu"):
        return network
    fast: Callable[[Tensor], Tensor] = torch.compile(
        network, mode="default" if mode == "auto" else mode, dynamic=False
    )
    proven = False

    def call(x: Tensor) -> Tensor:
        nonlocal fast, proven
        if proven:
            return fast(x)
        try:
            result = fast(x)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # the compiler's many ways to fail
            warnings.warn(
                f"torch.compile failed, running as it is ({one_line(error)[:160]})", stacklevel=2
            )
            fast = network
            result = network(x)
        proven = True
        return result

    return call


def begin_iteration(mode: str) -> None:
    """Tell CUDA graphs that what the last iteration computed is no longer needed."""
    if mode == "reduce-overhead":
        torch.compiler.cudagraph_mark_step_begin()


@contextlib.contextmanager
def out_of_memory(remedy: str) -> Iterator[None]:
    """Say a lack of memory in one line; ``remedy`` names what lowers the need."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(f"CUDA is out of memory; lower {remedy}") from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error) and "out of memory" not in str(error):
            raise
        raise InputError(f"out of memory; lower {remedy}") from None
