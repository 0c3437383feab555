"""The zoo's networks in plain numpy, float64, whole photo at once: slow and obvious."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

State = dict[str, np.ndarray]


def random_state(rng: np.random.Generator, shapes: dict[str, tuple[int, ...]]) -> State:
    """Weights of these shapes, lively enough that no layer is dead and no result constant."""
    state = {}
    for name, shape in shapes.items():
        spread = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        state[name] = rng.normal(0, spread, shape).astype(np.float32)
        if name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
        if name == "tables":
            state[name] = rng.uniform(0, 1, shape).astype(np.float32)
    return state


def _convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """(H, W, in) with one row of zeros around it, without any for an even kernel."""
    kernel = kernel.astype(np.float64)
    size = kernel.shape[2]
    padded = np.pad(x, [(size % 2,) * 2, (size % 2,) * 2, (0, 0)]) if size > 1 else x
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    return np.einsum("hwcij,ocij->hwo", windows[::stride, ::stride], kernel) + bias


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def zero_dce(x: np.ndarray, state: State) -> np.ndarray:
    def layer(number: int, *inputs: np.ndarray) -> np.ndarray:
        name = f"e_conv{number}"
        joined = np.concatenate(inputs, -1)
        return _convolution(joined, state[f"{name}.weight"], state[f"{name}.bias"], 1)

    x1 = _relu(layer(1, x))
    x2 = _relu(layer(2, x1))
    x3 = _relu(layer(3, x2))
    x4 = _relu(layer(4, x3))
    x5 = _relu(layer(5, x3, x4))
    x6 = _relu(layer(6, x2, x5))
    maps = np.tanh(layer(7, x1, x6))
    for step in range(8):
        x = x + maps[..., 3 * step : 3 * step + 3] * (x**2 - x)
    return x


def sci(x: np.ndarray, state: State) -> np.ndarray:
    def layer(name: str, y: np.ndarray) -> np.ndarray:
        weight, bias = (state[f"enhance.{name}.{part}"] for part in ("weight", "bias"))
        return _convolution(y, weight, bias, 1)

    first = _relu(layer("in_conv.0", x))
    mean, var, scale, shift = (
        state[f"enhance.blocks.0.1.{part}"].astype(np.float64)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    y = (layer("blocks.0.0", first) - mean) / np.sqrt(var + 1e-5) * scale + shift
    illumination = _sigmoid(layer("out_conv.0", first + _relu(y))) + x
    return np.clip(x / np.clip(illumination, 1e-4, 1), 0, 1)


def csrnet(x: np.ndarray, state: State) -> np.ndarray:
    seen = x
    for name in ("cond_net.conv1", "cond_net.conv2", "cond_net.conv3"):
        seen = _relu(_convolution(seen, state[f"{name}.weight"], state[f"{name}.bias"], 2))
    condition = seen.mean(axis=(0, 1))
    for number in (1, 2, 3):
        scale, shift = (
            state[f"cond_{of}{number}.weight"].astype(np.float64) @ condition
            + state[f"cond_{of}{number}.bias"]
            for of in ("scale", "shift")
        )
        y = _convolution(x, state[f"conv{number}.weight"], state[f"conv{number}.bias"], 1)
        x = y * scale + shift + y
        x = _relu(x) if number < 3 else x
    return x


def lut3d(x: np.ndarray, state: State) -> np.ndarray:
    seen = _bilinear(x, 256)
    numbers = sorted({int(name.split(".")[1]) for name in state if name != "tables"})
    for number in numbers[:-1]:
        weight, bias = state[f"model.{number}.weight"], state[f"model.{number}.bias"]
        if weight.ndim == 1:
            mean, var = seen.mean(axis=(0, 1)), seen.var(axis=(0, 1))
            seen = (seen - mean) / np.sqrt(var + 1e-5) * weight + bias
        else:
            seen = _convolution(seen, weight, bias, 2)
            seen = np.where(seen < 0, 0.2 * seen, seen)
    last = f"model.{numbers[-1]}"
    shares = _convolution(seen, state[f"{last}.weight"], state[f"{last}.bias"], 1).reshape(3)
    table = np.tensordot(shares, state["tables"].astype(np.float64), 1)
    at = x * 32
    low = np.minimum(at.astype(int), 31)
    part = at - low
    result = np.zeros_like(x)
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, part, 1 - part), axis=-1, keepdims=True)
        red, green, blue = np.moveaxis(low + corner, -1, 0)
        result += share * table[:, blue, green, red].transpose(1, 2, 0)
    return result


def _bilinear(x: np.ndarray, side: int) -> np.ndarray:
    """Each new pixel's value where its centre falls among the old ones, ends continued."""
    for axis in (0, 1):
        length = x.shape[axis]
        at = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
        low = np.minimum(at.astype(int), max(length - 2, 0))
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
        high = np.minimum(low + 1, length - 1)
        x = x.take(low, axis) * (1 - part) + x.take(high, axis) * part
    return x


NETWORKS: dict[str, Callable[[np.ndarray, State], np.ndarray]] = {
    "zero_dce": zero_dce,
    "sci": sci,
    "csrnet": csrnet,
    "lut3d": lut3d,
}
