"""DPED's generator as an enhancer: ``dped:CHECKPOINT``.

    wespe-bench import dped models_orig/iphone_orig --out iphone.safetensors
    wespe-bench enhance dped:iphone.safetensors --input photos/

Options go after a question mark: ``dped:CHECKPOINT?device=cpu&precision=fp16&max_memory=2GB``.
A folder with the three phones' generators enhances each photo with its phone's: ``dped:FOLDER``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_models import banded
from reference_models.cameras import other_camera
from reference_models.memory import parse_size
from wespe_bench.fingerprints import version_of
from wespe_bench.images import check_rgb
from wespe_bench.options import split_options

if TYPE_CHECKING:
    from wespe_bench.types import Dataset


#: The files of ``dped:demo`` and ``wespe:demo``, made by `reference_models.demo`.
SHIPPED = {
    name: Path(__file__).parents[1] / name / "demo.safetensors" for name in ("dped", "wespe")
}

#: By precision, raised when this code's numbers change.
VERSIONS = {"fp32": 1, "fp16": 2, "bf16": 2}


class GeneratorEnhancer:
    """A generator's checkpoint, applied to photos of any size.

    ``device`` is "auto" (CUDA when there), "cpu" or "cuda"; ``precision`` "fp32", "fp16" or
    "bf16" and ``max_memory`` (bytes) as in `reference_models.banded.infer`.

    Raises InputError for a file that is no such checkpoint, an unknown option, or a device
    that is not there.
    """

    def __init__(
        self,
        checkpoint: Path,
        device: str = "auto",
        precision: banded.Precision = "fp32",
        max_memory: int | None = None,
    ) -> None:
        from reference_models import checkpoints
        from wespe_bench.training import acceleration

        self.generator, self.card, sha256 = checkpoints.read(checkpoint)
        self.checkpoint = checkpoint
        self.device = acceleration.choose_device(device, "device=")
        self.precision = precision
        self.max_memory = max_memory
        #: All that the pixels depend on; memory is no part, because it does not change them.
        self.fingerprint = (
            f"{self.card.model}:{sha256}:{precision}:{VERSIONS[precision]}"
            f":torch{version_of('torch')}"
        )

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to float32 of the same shape on [-0.08, 1.08]."""
        return banded.infer(
            self.generator,
            image,
            device=self.device,
            precision=self.precision,
            max_memory=self.max_memory,
        )

    def batch(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, 3) to float32 of that shape: the network applied to each patch.

        One by one: on a CPU a batch is no faster, and a patch's result cannot depend on the others.
        """
        for image in images:
            check_rgb(image)
        return np.stack([self(image) for image in images])

    @property
    def about(self) -> dict[str, Any]:
        """The checkpoint's model and camera, and how it was made, for run.json and tables."""
        shown = ("iterations", "photos", "targets", "features")
        # Every convolution keeps the photo's size.
        kernels = sum(p.numel() for p in self.generator.parameters() if p.dim() == 4)
        return {
            "model": self.card.model,
            "camera": self.card.camera,
            "parameters": self.card.parameters,
            "multiply_adds": kernels * 1000 * 1000,
            "note": self.card.note,
            **{name: self.card.training[name] for name in shown if name in self.card.training},
        }

    def check(self, dataset: Dataset) -> None:
        """Warn when the photos name another camera than the checkpoint's."""
        if warning := other_camera(self.checkpoint.name, self.card.camera, dataset):
            warnings.warn(warning, stacklevel=2)


#: Of ``dped:`` and ``wespe:``, with their values.
OPTIONS: Mapping[str, Sequence[str]] = {
    "device": ["auto", "cpu", "cuda"],
    "precision": ["fp32", "fp16", "bf16"],
    "max_memory": [""],
}


def of_spec(prefix: str, argument: str) -> GeneratorEnhancer:
    """The enhancer of ``PREFIX:CHECKPOINT?options``."""
    path, options = split_options(prefix, argument, OPTIONS)
    return made(SHIPPED[prefix] if path == "demo" else Path(path), options)


def made(checkpoint: Path, options: Mapping[str, str]) -> GeneratorEnhancer:
    """The enhancer of a checkpoint; ``options`` as `split_options` gives them."""
    memory = options["max_memory"]
    return GeneratorEnhancer(
        checkpoint,
        options["device"],
        options["precision"],  # pyrefly: ignore[bad-argument-type]
        parse_size(memory) if memory else None,
    )


def wespe(argument: str) -> GeneratorEnhancer:
    """A WESPE generator, photos of any size: wespe:CHECKPOINT?precision=fp32, or wespe:demo.

    ``?max_memory=2GB`` bounds its memory. ``wespe:demo`` is the small one that ships
    (`reference_models.demo`).
    """
    return of_spec("wespe", argument)
