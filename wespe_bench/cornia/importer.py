"""The verbs ``import cornia`` and ``import hosa``: the authors' .mat files -> one model file.

The files belong to their authors, under their terms (CORNIA: non-commercial use, with their
notice); none of them is part of wespe-bench.

    wespe-bench import cornia CORNIA_release/ --out cornia_live.safetensors
    wespe-bench import hosa HOSA_release/
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from wespe_bench import atomic
from wespe_bench import matlab as mat
from wespe_bench.cornia import outputs
from wespe_bench.cornia.outputs import readable
from wespe_bench.errors import InputError
from wespe_bench.metrics import cornia, hosa, models
from wespe_bench.metrics.patches import LENGTH
from wespe_bench.provenance import sha256_file

#: The releases' files -> how their SHA-256 begins.
CORNIA_FILES = {
    "CSIQ_codebook_BS7.mat": "bb7876c156e1",
    "CSIQ_whitening_param.mat": "90c57a38a9e6",
    "LIVE_soft_svm_model.mat": "66c42cd1e641",
}
HOSA_FILES = {
    "codebook_hosa.mat": "cd9fa3565a11",
    "whitening_param.mat": "f32638468d43",
    "hosa_live_model.mat": "c9353d9a2b38",
}

# Where scores are about 0 to 100, what is above comes from damaged numbers.
_MOST_SCORE = 1e9

# libsvm's numbers for what a model is.
_REGRESSIONS, _LINEAR = (3, 4), 0


def convert_cornia(folder: Path, out: Path) -> dict[str, Any]:
    """Write the three files of CORNIA's release below ``folder`` as the model ``out``.

    Codewords are brought to length 1; the support vectors are summed up to one weight per
    feature. Returns the card. Raises InputError for whatever is wrong with the files.
    """
    outputs.check(out, plot=False)
    codebook, whitening, svr = (folder / name for name in CORNIA_FILES)
    found = mat.read(codebook, ["codebook0"])
    words = mat.matrix(
        mat.variable(found, "codebook0", codebook), (LENGTH, None), "codebook0", codebook
    ).T
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(words, axis=1, keepdims=True)
    if not (lengths > 1e-100).all():
        raise InputError(f"{codebook}: codebook0 has a word of zeros")
    if not np.isfinite(lengths).all():
        raise InputError(f"{codebook}: codebook0 has a word too long to be brought to length 1")
    found = mat.read(svr, ["soft_model", "soft_scale_param"])
    features = 2 * len(words)
    ranges = mat.matrix(
        mat.variable(found, "soft_scale_param", svr), (features, 2), "soft_scale_param", svr
    )
    if (ranges[:, 0] > ranges[:, 1]).any():
        raise InputError(f"{svr}: soft_scale_param has minima above their maxima")
    weights, bias = _linear_svr(mat.variable(found, "soft_model", svr), features, svr)
    tensors = {
        "words": words / lengths,
        **_whitening(whitening),
        "low": ranges[:, 0],
        "high": ranges[:, 1],
        "weights": weights,
        "bias": np.array([bias]),
    }
    title, sources = _provenance("CORNIA", folder, CORNIA_FILES)
    card = {
        "title": title,
        "unit": "LIVE DMOS",
        "summary": "fitted by its authors on LIVE; about 0 (good) to 100 (bad), not clipped",
        "higher_is_better": False,
        "words": len(words),
        "sources": sources,
    }
    _check_score(tensors, folder, lambda parts: cornia.Model(**parts, card=card), cornia.cornia)
    return _write(out, "cornia", tensors, card)


def _linear_svr(model: Any, features: int, path: Path) -> tuple[np.ndarray, float]:
    """The weights (features,) and the constant of a libsvm regression with a linear kernel."""
    parameters = mat.matrix(
        mat.field(model, "Parameters", path), (5, 1), "soft_model.Parameters", path
    ).ravel()
    if parameters[0] not in _REGRESSIONS or parameters[1] != _LINEAR:
        raise InputError(
            f"{path}: soft_model is of libsvm type {parameters[0]:.0f} with kernel "
            f"{parameters[1]:.0f}; expected a regression (3 or 4) with a linear kernel (0)"
        )
    coefficients = mat.matrix(
        mat.field(model, "sv_coef", path), (None, 1), "soft_model.sv_coef", path
    )
    vectors = mat.matrix(
        mat.field(model, "SVs", path), (len(coefficients), features), "soft_model.SVs", path
    )
    rho = mat.number(mat.field(model, "rho", path), "soft_model.rho", path)
    with np.errstate(over="ignore", invalid="ignore"):
        return (vectors.T @ coefficients).ravel(), -rho


def convert_hosa(folder: Path, out: Path) -> dict[str, Any]:
    """Write the three files of HOSA's release below ``folder`` as the model ``out``.

    Returns the card. Raises InputError for whatever is wrong with the files.
    """
    outputs.check(out, plot=False)
    codebook, whitening, linear = (folder / name for name in HOSA_FILES)
    found = mat.read(codebook, ["codebook_hosa"])
    struct = mat.variable(found, "codebook_hosa", codebook)
    tensors = {
        ours: mat.matrix(
            mat.field(struct, theirs, codebook), (LENGTH, hosa.WORDS), theirs, codebook
        ).T
        for ours, theirs in (
            ("centroids", "centroid_cb"),
            ("variances", "variance_cb"),
            ("skewnesses", "skewness_cb"),
        )
    }
    found = mat.read(linear, ["hosa_live_model"])
    model = mat.variable(found, "hosa_live_model", linear)
    size = 3 * hosa.WORDS * LENGTH
    weights = mat.matrix(mat.field(model, "w", linear), (1, size + 1), "w", linear).ravel()
    bias = mat.number(mat.field(model, "bias", linear), "bias", linear)
    tensors |= _whitening(whitening)
    with np.errstate(over="ignore"):
        tensors |= {"weights": weights[:size], "bias": weights[size:] * bias}
    title, sources = _provenance("HOSA", folder, HOSA_FILES)
    card = {
        "title": title,
        "unit": "LIVE DMOS",
        "summary": "fitted by its authors on LIVE; about 0 (good) to 100 (bad), not clipped",
        "higher_is_better": False,
        "words": hosa.WORDS,
        "sources": sources,
    }
    _check_score(tensors, folder, lambda parts: hosa.Model(**parts, card=card), hosa.hosa)
    return _write(out, "hosa", tensors, card)


def _whitening(path: Path) -> dict[str, np.ndarray]:
    found = mat.read(path, ["M", "P"])
    return {
        "mean": mat.matrix(mat.variable(found, "M", path), (1, LENGTH), "M", path).ravel(),
        "whitening": mat.matrix(mat.variable(found, "P", path), (LENGTH, LENGTH), "P", path),
    }


def _provenance(name: str, folder: Path, files: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The title that tables show, and the files' hashes; a warning when these are not theirs."""
    sources = {file: sha256_file(folder / file) for file in files}
    others = [file for file, start in files.items() if not sources[file].startswith(start)]
    if not others:
        return f"{name} (authors')", sources
    warnings.warn(
        f"not the released {', '.join(others)} (other SHA-256): tables will call the model "
        f"{name} (not as released)",
        stacklevel=2,
    )
    return f"{name} (not as released)", sources


def _check_score(
    tensors: Mapping[str, np.ndarray],
    folder: Path,
    model: Callable[[dict[str, Any]], Any],
    score: Callable[..., Any],
) -> None:
    """Raise InputError unless the model gives a small photo of noise a score of some sense."""
    bits = np.random.PCG64(0).random_raw(24 * 32 * 3) >> np.uint64(56)
    image = bits.astype(np.uint8).reshape(24, 32, 3)
    parts = {name: tensor for name, tensor in tensors.items() if name != "bias"}
    with np.errstate(all="ignore"):
        try:
            found = score(image, model=model(parts | {"bias": float(tensors["bias"][0])}))
        except (ArithmeticError, ValueError):  # sums that overflow
            found = math.nan
    value = found["value"] if isinstance(found, dict) else found
    if not abs(value) < _MOST_SCORE:  # NaN too
        raise InputError(
            f"{folder}: with these numbers a photo's score is {value:g}; are the files whole?"
        )


def _write(
    out: Path, kind: str, tensors: Mapping[str, np.ndarray], card: dict[str, Any]
) -> dict[str, Any]:
    digest = models.write(out, kind, tensors, card)
    terms = "The numbers belong to their authors; this file changes their format, not their terms."
    atomic.write_text(outputs.card_of(out), readable(out.name, card, digest, terms))
    return card


@dataclass(frozen=True)
class ImportCornia:
    """Turn the authors' CORNIA files into a model for the metric cornia:FILE.

    FOLDER holds CSIQ_codebook_BS7.mat, CSIQ_whitening_param.mat and LIVE_soft_svm_model.mat.

    Example:
      wespe-bench import cornia CORNIA_release/ --out cornia_live.safetensors
    """

    folder: Path
    """The folder of the three .mat files."""
    out: Annotated[str, "FILE"] = ""
    """The model to write (default: cornia_live.safetensors beside hosa's)."""


@dataclass(frozen=True)
class ImportHosa:
    """Turn the authors' HOSA files into the model of the metric hosa.

    FOLDER holds codebook_hosa.mat, whitening_param.mat and hosa_live_model.mat.

    Example:
      wespe-bench import hosa HOSA_release/
    """

    folder: Path
    """The folder of the three .mat files."""
    out: Annotated[str, "FILE"] = ""
    """The model to write (default: where the metric hosa looks, $WESPE_DATA/models or your data
    folder, ~/.local/share/wespe-bench/models)."""


def main_cornia(config: ImportCornia) -> int:
    """The verb ``import cornia``."""
    _check_folder(config.folder)
    out = Path(config.out) if config.out else models.models_folder() / "cornia_live.safetensors"
    card = convert_cornia(config.folder, out)
    print(f"{out}: {card['title']}, {card['words']} words; score with --metrics cornia:{out}")
    return 0


def main_hosa(config: ImportHosa) -> int:
    """The verb ``import hosa``."""
    _check_folder(config.folder)
    out = Path(config.out) if config.out else models.models_folder() / hosa.NAME
    card = convert_hosa(config.folder, out)
    spec = f"hosa:{out}" if config.out else "hosa"
    print(f"{out}: {card['title']}; score with --metrics {spec}")
    return 0


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
