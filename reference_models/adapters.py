"""Other people's enhancers: a folder of results they made."""

from __future__ import annotations

import functools
import warnings
from multiprocessing import parent_process
from pathlib import Path

import numpy as np

from wespe_bench import provenance
from wespe_bench.datasets.folder import composed, find_photos
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.paths import to_path
from wespe_bench.types import Dataset, Sample

_LOSSY = (".jpg", ".jpeg", ".jfif", ".jpe")


class ResultsFolder:
    """A folder of somebody's PNG or JPEG outputs, one per photo, named by the photo's id.

    ``results:FOLDER`` or ``results:FOLDER?suffix=_enhanced``. The outputs are decoded and
    copied into the run, so the run stands when the folder has gone.
    """

    works_elsewhere = True

    def __init__(self, argument: str) -> None:
        folder, _, query = argument.partition("?")
        suffix = ""
        if query:
            key, _, suffix = query.partition("=")
            if key != "suffix":
                raise InputError(
                    f"results:{argument}: unknown option {key!r}; only suffix=... is known"
                )
        if not folder:
            raise InputError("results: needs a folder, for instance results:outputs/")
        self.folder = to_path(folder)
        self.suffix = suffix
        self.fingerprint = "results"
        self._files()  # a missing or empty folder is said at once

    @functools.cache  # noqa: B019 - one instance per process, as long-lived as its cache
    def _files(self) -> dict[str, Path]:
        # Workers look too, and need not say it again.
        return find_photos(self.folder, self.suffix, every=parent_process() is None)

    def _file(self, sample: Sample) -> Path:
        path = self._files().get(composed(sample.id))
        if path is None:
            raise InputError(f"{self.folder} has no result named {sample.id}{self.suffix}.*")
        return path

    def fingerprint_for(self, sample: Sample) -> str:
        """SHA-256 of this sample's result file, so that a replaced one is read again."""
        return provenance.sha256_file(self._file(sample))

    def check(self, dataset: Dataset) -> None:
        """Warn of results that were compressed with loss."""
        files = [self._files().get(composed(sample.id)) for sample in dataset.samples]
        lossy = sum(file is not None and file.suffix.lower() in _LOSSY for file in files)
        if lossy:
            warnings.warn(
                f"{lossy} of {len(files)} results in {self.folder.name} are JPEG files: their "
                "entropy and bpp are those of compressed photos, not of the method's",
                stacklevel=2,
            )

    def for_sample(self, sample: Sample, image: np.ndarray) -> np.ndarray:
        """The stored result, uint8 (H, W, 3). Raises InputError when there is none."""
        return read_rgb(self._file(sample))

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        raise InputError("a results folder holds finished photos; it cannot enhance a new one")


def results(argument: str) -> ResultsFolder:
    """Finished photos from a folder, named like the inputs (?suffix=_enhanced)."""
    return ResultsFolder(argument)
