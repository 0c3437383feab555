"""The generator in plain numpy, float64, one kernel tap at a time: slow and obvious."""

from __future__ import annotations

import numpy as np


def forward(image: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """Float (H, W, 3) on [0, 1] to (H, W, 3); ``state`` holds DPED's own names (W1, b1, ...)."""
    layers = sum(name.startswith("W") for name in state)

    def convolution(x: np.ndarray, k: int) -> np.ndarray:
        kernel = state[f"W{k}"].astype(np.float64)
        size = kernel.shape[0]
        padded = np.pad(x, [(size // 2,) * 2, (size // 2,) * 2, (0, 0)])
        y = np.zeros((*x.shape[:2], kernel.shape[3])) + state[f"b{k}"]
        for i in range(size):
            for j in range(size):
                y += padded[i : i + x.shape[0], j : j + x.shape[1]] @ kernel[i, j]
        return y

    def norm(x: np.ndarray, j: int) -> np.ndarray:
        shift = state["Variable" if j == 0 else f"Variable_{2 * j}"]
        scale = state[f"Variable_{2 * j + 1}"]
        mean = x.mean(axis=(0, 1))
        variance = ((x - mean) ** 2).mean(axis=(0, 1))
        return (x - mean) / np.sqrt(variance + 1e-3) * scale + shift

    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    x = relu(convolution(image.astype(np.float64), 1))
    for block in range((layers - 4) // 2):
        y = relu(norm(convolution(x, 2 * block + 2), 2 * block))
        x = x + relu(norm(convolution(y, 2 * block + 3), 2 * block + 1))
    x = relu(convolution(x, layers - 2))
    x = relu(convolution(x, layers - 1))
    return 0.58 * np.tanh(convolution(x, layers)) + 0.5


def random_state(rng: np.random.Generator, width: int, blocks: int) -> dict[str, np.ndarray]:
    """Variables of a generator by DPED's names, lively enough that no layer is dead."""
    layers = 2 * blocks + 4
    state = {}
    for k in range(1, layers + 1):
        size = 9 if k in (1, layers) else 3
        into, out = (3 if k == 1 else width), (3 if k == layers else width)
        spread = 1 / np.sqrt(size * size * into)
        state[f"W{k}"] = rng.normal(0, spread, (size, size, into, out)).astype(np.float32)
        state[f"b{k}"] = rng.normal(0.05, 0.05, out).astype(np.float32)
    for j in range(2 * blocks):
        shift = "Variable" if j == 0 else f"Variable_{2 * j}"
        state[shift] = rng.normal(0, 0.2, width).astype(np.float32)
        state[f"Variable_{2 * j + 1}"] = rng.normal(0.95, 0.05, width).astype(np.float32)
    return state
