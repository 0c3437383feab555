"""One record for each data set with a layout: what it is, how to get it, how to read it.

Counts are those the WESPE paper prints in its Tables 1 and 4, of full-size photos. Terms are a
summary to find one's way by; what binds is on the data set's page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.survey import Part, Survey
from wespe_bench.errors import InputError
from wespe_bench.registry import DATASETS, resolve
from wespe_bench.types import Dataset

# The options of `survey.load`, which every source has besides those of its own.
_SPLIT = {"split": "", "seed": 0, "train": "", "test": "", "manifest": ""}


@dataclass(frozen=True, slots=True)
class Counts:
    """One row of Table 1 or 4: width and height (pixels), photos for training and test."""

    table: int
    camera: str
    width: int | None
    height: int | None
    train: int
    test: int


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to download.

    ``sha256`` and ``size`` (bytes) are empty where they are not published. ``folder`` is
    what it unpacks to.
    """

    url: str
    sha256: str = ""
    size: int = 0
    folder: str = ""

    def at(self, mirror: str | None) -> Archive:
        """The same file at another address, the one given when there is no mirror."""
        if not mirror:
            return self
        return replace(self, url=f"{mirror.rstrip('/')}/{self.url.rpartition('/')[2]}")


@dataclass(frozen=True)
class Source:
    """A data set of the registry. Calling it loads it.

    ``summary`` is what ``list`` shows, ``title`` what ``data list`` does; ``get`` says step by
    step how one gets the photos.

    ``check_parts(name, argument, data, **options)`` gives the root and every part that
    ``data check`` looks at; ``survey(name, [argument,] *, data, **options)`` gives the parts
    that a run takes. Both raise InputError. A call takes survey's options and those of
    `survey.load`. ``kinds`` are other forms that one may have instead of the default. ``archives``
    are what ``data fetch`` downloads, where the terms allow it. ``gigabytes`` is the size of the
    download as its page states it (or is quoted to), 0 where none is known. ``group`` is its
    heading in ``data list``.
    """

    name: str
    title: str
    summary: str
    survey: Callable[..., Survey]
    check_parts: Callable[..., tuple[Path, tuple[Part, ...]]]
    get: str
    licence: str = "yours"
    page: str = ""
    counts: tuple[Counts, ...] = ()
    kinds: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    gigabytes: float = 0.0
    group: str = "the paper's, and your own"

    def __post_init__(self) -> None:
        own = list(inspect.signature(self.survey).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        split = [inspect.Parameter(k, keyword, default=value) for k, value in _SPLIT.items()]
        # What the registry checks options against, and `list` prints.
        object.__setattr__(self, "__signature__", inspect.Signature([*own, *split]))
        object.__setattr__(self, "__doc__", self.summary)

    def __call__(self, *argument: str, **options: Any) -> Dataset:
        """The data set. Raises InputError."""
        chosen = {name: options.pop(name) for name in _SPLIT if name in options}
        manifest = chosen.pop("manifest", "")
        found = self.survey(self.name, *argument, **options)
        return surveys.load(found, manifest_file=manifest, **chosen)

    def take_argument(self, options: dict[str, Any]) -> list[str]:
        """What follows the colon, removed from the options of `dataset_specs.parse_dataset`."""
        own = list(inspect.signature(self.survey).parameters)[1]
        return [options.pop(own)] if own != "data" and own in options else []


def sources() -> dict[str, Source]:
    """Every `Source` of the registry, by name."""
    found = {name: resolve(target) for name, target in DATASETS.items()}
    return {name: source for name, source in found.items() if isinstance(source, Source)}


def find(name: str, why: str) -> Source:
    """The source of that name; raises InputError with ``why`` for a data set without layout."""
    source = resolve(DATASETS[name])
    if not isinstance(source, Source):
        raise InputError(why)
    return source


def source_name(dataset: str) -> str:
    """The registry's name of a data set as runs call it; empty where it is none of the registry's.

    >>> source_name("dped_iphone_patches_test"), source_name("samples"), source_name("mine")
    ('dped', 'samples', '')
    """
    known = sorted(DATASETS, key=len, reverse=True)
    return next((n for n in known if dataset == n or dataset.startswith(f"{n}_")), "")


def terms_of(name: str) -> str:
    """The licence of a public data set of the registry; empty for photos of the user's own."""
    if name in ("samples", "samples_fit"):
        return "as packaged with scikit-image and scikit-learn"
    source = resolve(DATASETS[name]) if name in DATASETS else None
    return source.licence if isinstance(source, Source) and source.licence != "yours" else ""
