"""Tone matching as an enhancer: ``tone:FILE``.

wespe-bench train tone --source phone/ --target dslr/ --out runs/tone
wespe-bench enhance tone:runs/tone/tone.safetensors --input photos/
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_models.cameras import other_camera
from reference_models.tone import files, match
from wespe_bench.images import check_rgb
from wespe_bench.options import split_options

if TYPE_CHECKING:
    from wespe_bench.types import Dataset

#: The file of ``tone:demo``, made by `reference_models.demo`.
SHIPPED = Path(__file__).with_name("demo.safetensors")

#: Raised when this code's results change.
VERSION = 1


class ToneEnhancer:
    """The curves of a tone file, applied to photos of any size.

    Raises InputError for a file that is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.curves, self.card, sha256 = files.read(path)
        self.fingerprint = f"tone:{sha256}:{VERSION}"

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to uint8 of the same shape."""
        check_rgb(image)
        return match.apply(self.curves, image)

    @property
    def about(self) -> dict[str, Any]:
        """The model, and the photos it was fitted on, for run.json and tables."""
        training = self.card.training
        return {
            "model": self.card.model,
            "camera": self.card.camera,
            "note": self.card.note,
            **{name: training[name] for name in ("photos", "targets") if name in training},
        }

    def check(self, dataset: Dataset) -> None:
        """Warn when the photos name another camera than the file's."""
        if warning := other_camera(self.path.name, self.card.camera, dataset):
            warnings.warn(warning, stacklevel=2)


def tone(argument: str) -> ToneEnhancer:
    """Unpaired global tone matching, a curve per channel: tone:FILE of `train tone`, or tone:demo.

    ``tone:demo`` is the one that ships (`reference_models.demo`).
    """
    path, _ = split_options("tone", argument, {})
    return ToneEnhancer(SHIPPED if path == "demo" else Path(path))
