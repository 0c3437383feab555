"""Whitening and codewords from unlabelled patches (Coates and Ng's recipe, as CORNIA's authors)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wespe_bench.errors import InputError
from wespe_bench.metrics.patches import normalise, one_thread

# Added to the eigenvalues; the released whitening has it too (SPEC 4.5).
_EPSILON = 0.1


@dataclass(frozen=True, eq=False, slots=True)
class Codebook:
    """``words`` float64 (K, 49), rows of length 1; ``mean`` (49,); ``whitening`` (49, 49)."""

    words: np.ndarray
    mean: np.ndarray
    whitening: np.ndarray


def whitening(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ZCA of normalised patches (n, 49): their mean (49,), and V diag(1/sqrt(l + 0.1)) V'."""
    mean = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(patches, rowvar=False))
    return mean, (vectors / np.sqrt(np.maximum(values, 0) + _EPSILON)) @ vectors.T


def learn(patches: np.ndarray, words: int, seed: int) -> Codebook:
    """Whitening, and k-means centres brought to length 1, from grey patches uint8 (n, 49).

    One thread, so that the same patches and seed give the same words. Words are rounded to
    float32, as they are stored. Raises InputError for fewer patches than words, and when the
    patches are all alike.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    if len(patches) < 2 * words:
        raise InputError(
            f"{len(patches)} patches are too few for {words} words; give more or bigger "
            "photos, or fewer --words"
        )
    with one_thread(), threadpool_limits(limits=1):
        normal = normalise(patches)
        mean, matrix = whitening(normal)
        white = (normal - mean) @ matrix
        if len(np.unique(white[: 20 * words], axis=0)) < words:
            raise InputError(
                f"the photos have too few different patches for {words} words; are they flat?"
            )
        clusters = MiniBatchKMeans(
            words, random_state=seed, batch_size=4096, n_init=1, max_iter=50, init="k-means++"
        ).fit(white.astype(np.float32))
    centres = clusters.cluster_centers_.astype(np.float64)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    unit = centres / np.where(lengths > 0, lengths, 1)
    return Codebook(unit.astype(np.float32).astype(np.float64), mean, matrix)
