"""Small models for the tests: random, but whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wespe_bench.metrics import cornia, hosa, models

CARD = {
    "title": "own CORNIA model",
    "unit": "own scale",
    "summary": "made by a test",
    "higher_is_better": False,
}


def cornia_tensors(words: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of a CORNIA model with unit words and one feature that is constant."""
    rng = np.random.default_rng(seed)
    book = rng.standard_normal((words, 49))
    low = rng.uniform(0, 1, 2 * words)
    high = low + rng.uniform(1, 9, 2 * words)
    high[1] = low[1]
    return {
        "words": book / np.linalg.norm(book, axis=1, keepdims=True),
        "mean": rng.normal(0, 0.1, 49),
        "whitening": np.eye(49) + rng.normal(0, 0.1, (49, 49)),
        "low": low,
        "high": high,
        "weights": rng.standard_normal(2 * words),
        "bias": rng.standard_normal(1),
    }


def write_cornia(path: Path, words: int = 6, seed: int = 0) -> Path:
    models.write(path, "cornia", cornia_tensors(words, seed), CARD)
    return path


def cornia_model(folder: Path, words: int = 6, seed: int = 0) -> cornia.Model:
    return cornia.read(write_cornia(folder / f"model{words}-{seed}.safetensors", words, seed))


def hosa_tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of a HOSA model."""
    rng = np.random.default_rng(seed)
    shape = (hosa.WORDS, 49)
    return {
        "centroids": rng.standard_normal(shape),
        "variances": rng.uniform(0, 2, shape),
        "skewnesses": rng.standard_normal(shape),
        "mean": rng.normal(0, 0.1, 49),
        "whitening": np.eye(49) + rng.normal(0, 0.1, (49, 49)),
        "weights": rng.standard_normal(3 * hosa.WORDS * 49),
        "bias": rng.standard_normal(1),
    }


def write_hosa(path: Path, seed: int = 0) -> Path:
    models.write(path, "hosa", hosa_tensors(seed), CARD | {"title": "HOSA (test)"})
    return path
