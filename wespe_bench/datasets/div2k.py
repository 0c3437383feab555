"""DIV2K: 900 sharp photos, about 2K wide (Agustsson and Timofte, CVPRW 2017).

    div2k/DIV2K_train_HR/0001.png .. 0800.png
    div2k/DIV2K_valid_HR/0801.png .. 0900.png

The paper trains on all 900 as its high-quality side and tests on none.
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import locate, unnested, wrong_layout
from wespe_bench.datasets.source import Archive, Counts, Source
from wespe_bench.datasets.survey import Part, Survey

#: Folder -> photos in it.
FOLDERS = {"DIV2K_train_HR": 800, "DIV2K_valid_HR": 100}


def survey(name: str, *, data: Path | str | None = None) -> Survey:
    """The two folders, of which one may be missing. Raises InputError."""
    root, parts = check_parts(name, "", data)
    counts = SOURCE.counts[0]
    return Survey(name, root, surveys.warn_absent(name, parts), counts.train, counts.test)


def check_parts(name: str, argument: str, data: Path | str | None) -> tuple[Path, tuple[Part, ...]]:
    """The root, and the two folders. Raises InputError when neither is there."""
    surveys.no_argument(name, argument)
    root = locate(name, data)
    parts = tuple(
        Part(name, unnested(root / name), expected=count, numbered=True)
        for name, count in FOLDERS.items()
    )
    if not any(part.folder.is_dir() for part in parts):
        raise wrong_layout(name, root, " and ".join(FOLDERS))
    return root, parts


SOURCE = Source(
    name="div2k",
    title="DIV2K: 900 sharp photos, the high-quality side",
    summary="DIV2K's 900 photos, the high-quality side of unpaired training.",
    survey=survey,
    check_parts=check_parts,
    page="https://data.vision.ee.ethz.ch/cvl/DIV2K/",
    licence="academic research only",
    get="wespe-bench data fetch div2k; or download DIV2K_train_HR.zip and DIV2K_valid_HR.zip from "
    "the page, unpack both in div2k/",
    counts=(Counts(4, "DIV2K", None, None, 900, 0),),
    # The hashes are those that TensorFlow Datasets publishes for the official addresses
    # (tensorflow_datasets/datasets/div2k/checksums.tsv).
    archives=(
        Archive(
            "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip",
            "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
            3530603713,
            "DIV2K_train_HR",
        ),
        Archive(
            "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_valid_HR.zip",
            "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
            448993893,
            "DIV2K_valid_HR",
        ),
    ),
)
