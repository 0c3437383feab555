"""What a report cites: BibTeX of the tool, and of the data sets, metrics and enhancers it shows.

`citations.bib` holds the entries. Their keys are names of `wespe_bench.registry`, or what `_CITE`
has for a name; a name that is neither has no work to cite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from wespe_bench.datasets.source import Source
from wespe_bench.registry import DATASETS, OPTIONAL_METRICS, resolve

_CITE: Mapping[str, tuple[str, ...]] = {
    "psnr_dped": ("dped",),
    "ssim_rgb": ("ssim",),
    "ms_ssim_dped": ("ms_ssim", "dped"),
    "delta_e": ("ciede2000",),
    **{name: (name, "pyiqa") for name in OPTIONAL_METRICS},
    "ffs": ("wespe",),
    "samples": ("scikit_image", "scikit_learn"),
    "samples_fit": ("scikit_image", "scikit_learn"),
    "htc_m9": ("wespe",),
    "huawei_p9": ("wespe",),
    "iphone6": ("wespe",),
}


@cache
def entries() -> Mapping[str, str]:
    """key -> entry, as in `citations.bib`."""
    text = Path(__file__).with_suffix(".bib").read_text("utf-8")
    found = [entry.strip() for entry in text.split("\n\n")]
    return {entry.partition("{")[2].partition(",")[0]: entry for entry in found}


def cited(names: Iterable[str]) -> tuple[str, ...]:
    """The entries of the tool, and of data sets, metrics and enhancers by their names or specs.

    >>> cited(["ssim", "dped:a.safetensors", "mine.py:f"])[1].partition(",")[0]
    '@article{ssim'
    """
    found = [entries()["wespe_bench"]]
    for name in names:
        stem = name.partition(":")[0].partition("?")[0]
        if stem in _CITE or stem in entries():
            found += [entries()[key] for key in _CITE.get(stem, (stem,))]
        elif stem in DATASETS:
            found += _page(stem)
    return tuple(dict.fromkeys(found))


def _page(dataset: str) -> list[str]:
    """An entry of a public data set that has only its record's title and page."""
    source = resolve(DATASETS[dataset])
    if not isinstance(source, Source) or not source.page:
        return []
    title, page = source.title, source.page
    return [
        f"@misc{{{dataset},\n  title = {{{{{title}}}}},\n  howpublished = {{\\url{{{page}}}}}\n}}"
    ]
