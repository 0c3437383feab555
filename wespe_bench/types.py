"""The nouns of the harness: Sample, Dataset, Metric, Enhancer."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Sample:
    """One photo to judge: paths, no pixels.

    ``id`` is a relative POSIX path without extension ("iphone/test/0042"); it names the
    photo everywhere and is what pairs an output with its input and its reference. A path may be
    an address in a store (`wespe_bench.paths.to_path`).
    """

    id: str
    path: Path
    reference: Path | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named, ordered set of samples with a revision that changes when any byte of it does.

    ``revision`` is the SHA-256 over the sorted (id, content hash, reference hash) triples.
    ``note`` travels with every table and page that shows the data set, for instance
    "simulated camera". Large data sets make their ``samples`` when they are asked for
    (`wespe_bench.sample_list.SampleList`); a tuple will do.
    """

    name: str
    revision: str
    paired: bool
    samples: Sequence[Sample]
    note: str = ""

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, place: int | slice) -> Sample | tuple[Sample, ...]:
        return tuple(self.samples[place]) if isinstance(place, slice) else self.samples[place]

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Photo and reference of each sample, uint8 (H, W, 3), decoded when they are asked for.

        The reference is None where there is none. Raises InputError for a photo that cannot be
        read.
        """
        from wespe_bench.images import read_rgb

        for sample in self.samples:
            reference = None if sample.reference is None else read_rgb(sample.reference)
            yield read_rgb(sample.path), reference


class Enhancer(Protocol):
    """RGB in, RGB out. A plain function will do; there is no base class.

    ``image`` is uint8 of shape (H, W, 3), sRGB. The result has the same shape, either as
    uint8 or as floating point on [0, 1]; floats may leave that range and are clamped,
    scaled by 255 and rounded half to even by `wespe_bench.images.quantize`.

    Optional attributes the harness looks for:

    - ``batch(images)``: uint8 (N, H, W, 3) in and out, for photos of one size;
    - ``for_sample(sample, image)``: called instead of the function when present, for
      enhancers that need to know which photo it is;
    - ``fingerprint``: a string that changes when the enhancer would answer differently
      (by default a hash of all code it can reach, see `wespe_bench.fingerprints`);
    - ``fingerprint_for(sample)``: the same for one sample;
    - ``works_elsewhere``: true where other processes do the work, whose memory nobody here sees;
    - ``about``: a dict that JSON knows, kept in run.json: what its checkpoint was made from;
      reports show its texts "model", "paper", "note", "page" and "terms";
    - ``check(dataset)``: called before a run, to warn (``warnings.warn``) or raise InputError
      when the data set does not suit;
    - ``inspect(image, result)``: called after each photo, outside of its time, with the photo
      and the result before it is rounded: gives one line to warn of, the same for every photo
      that it is about, or "", and raises InputError for a result that must not be scored.

    What ``check`` and ``inspect`` warn of stands in run.json, reports and cards.
    """

    def __call__(self, image: np.ndarray, /) -> np.ndarray: ...


@dataclass(frozen=True, slots=True)
class Metric:
    """A function with a label.

    ``compute(image, reference=None, *, sample_id="", seed=0)`` takes uint8 (H, W, 3) arrays
    and returns the score, or a dict whose "value" is the score and whose other numbers are
    stored with the row. ``version`` changes whenever the numbers do; tables refuse to mix
    two versions. ``aggregate`` turns the rows of one table cell into its number (default:
    the mean of ``value``), or raises `wespe_bench.errors.Missing` with the reason why there
    is none. ``batch(images, references, *, sample_ids, seed)`` scores uint8 (N, H, W, 3) pairs
    of one size at once, with the same numbers to the last bit. ``prepare()`` is called once
    before any photo is scored, to download weights for instance; what it raises ends the run
    before it begins.

    `conventions` lists the metric under its ``quantity`` ("SSIM"), with what sets it apart from
    others of that name, ``convention``. `doctor` compares it with ``golden``: a version and the
    value for `wespe_bench.doctor.golden_pair`. Cards refuse scores outside of ``possible``,
    lowest and highest. ``rates_quality`` is False for what describes a photo without rating it
    (entropy, bits per pixel, a stand-in): the leaderboard orders by it only when it is asked to.
    """

    name: str
    version: str
    unit: str
    higher_is_better: bool
    full_reference: bool
    compute: Callable[..., float | dict[str, float]]
    title: str = ""
    summary: str = ""
    aggregate: Callable[[pd.DataFrame], float] | None = None
    batch: Callable[..., list[Any]] | None = None
    prepare: Callable[[], object] | None = None
    quantity: str = ""
    convention: str = ""
    golden: tuple[str, float] | None = None
    possible: tuple[float, float] = (-math.inf, math.inf)
    rates_quality: bool = True

    def score(
        self,
        image: np.ndarray,
        reference: np.ndarray | None = None,
        *,
        sample_id: str = "",
        seed: int = 0,
    ) -> float:
        """The score of one photo: what ``compute`` gives, without the numbers beside it."""
        result = self.compute(image, reference, sample_id=sample_id, seed=seed)
        return float(result["value"] if isinstance(result, dict) else result)


# Ids of which nothing else has to be asked.
_USUAL = r"\A[0-9A-Za-z_-][0-9A-Za-z_.-]*(?:/[0-9A-Za-z_-][0-9A-Za-z_.-]*)*\z"


def check_id(sample: object) -> None:
    """Raise ValueError unless ``sample`` is fit to be a file's path below a run folder."""
    if not isinstance(sample, str):
        raise ValueError(f"sample id {sample!r} is no text")
    parts = sample.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in sample or sample[1:2] == ":":
        raise ValueError(f"sample id {sample!r} is no plain relative path")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in sample):  # no table holds half a one
        raise ValueError(f"sample id {sample!r} holds control characters or lone surrogates")


def check_column(column: pa.ChunkedArray) -> None:
    """`check_id` of every id in a column of texts; a million of them take a second.

    Raises ValueError.
    """
    import pyarrow.compute as pc

    found = column.unique()
    for sample in found.filter(pc.invert(pc.match_substring_regex(found, _USUAL))).to_pylist():
        check_id(sample)
    if found.null_count:
        check_id(None)
