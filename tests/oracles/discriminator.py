"""The discriminator in plain numpy, float64, one kernel tap at a time: slow and obvious."""

from __future__ import annotations

import math

import numpy as np


def forward(image: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """Float (H, W, C) on [0, 1] to the logits; ``state`` holds our names as float64."""
    x = image.astype(np.float64)
    for layer, stride in enumerate((4, 2, 1, 1, 2)):
        kernel = state[f"convolutions.{layer}.weight"]  # out, in, height, width
        size = kernel.shape[2]
        height, width = math.ceil(x.shape[0] / stride), math.ceil(x.shape[1] / stride)
        # TensorFlow's SAME: what is missing, the smaller half first.
        down = max((height - 1) * stride + size - x.shape[0], 0)
        right = max((width - 1) * stride + size - x.shape[1], 0)
        padded = np.pad(x, [(down // 2, (down + 1) // 2), (right // 2, (right + 1) // 2), (0, 0)])
        y = np.zeros((height, width, kernel.shape[0])) + state[f"convolutions.{layer}.bias"]
        for i in range(size):
            for j in range(size):
                tap = padded[i::stride, j::stride][:height, :width]
                y += tap @ kernel[:, :, i, j].T
        x = np.where(y > 0, y, 0.2 * y)
        if layer:
            mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1))
            x = (x - mean) / np.sqrt(variance + 1e-3)
            x = x * state[f"norms.{layer}.weight"] + state[f"norms.{layer}.bias"]
    flat = x.transpose(2, 0, 1).reshape(-1)
    hidden = state["hidden.weight"] @ flat + state["hidden.bias"]
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
    return np.asarray(state["out.weight"] @ hidden + state["out.bias"])
