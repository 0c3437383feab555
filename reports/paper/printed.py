"""The numbers that the paper printed. Nothing in this file was measured by us.

Ignatov, Kobyshev, Timofte, Vanhoey, Van Gool: "WESPE: Weakly Supervised Photo Enhancer for
Digital Cameras", arXiv 1709.01118, CVPR Workshops 2018. The text these
numbers were taken from has no bold type, so the best of a group is computed. Counts of Tables 1
and 4 are kept with the data sets (`wespe_bench.datasets.source`), which need them too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wespe_bench.datasets import cityscapes, div2k, dped, ffs, kitti, phones
from wespe_bench.datasets.source import Counts

#: The columns' methods, by our names for them.
METHODS = {
    "original": "Original",
    "ape": "APE",
    "wespe_dped": "WESPE [DPED]",
    "wespe_div2k": "WESPE [DIV2K]",
    "dped": "DPED [13]",
}

#: The rows of the tables of scores.
CAMERAS = {"iphone": "iPhone 3GS", "blackberry": "BlackBerry Passport", "sony": "Sony Xperia Z"}
WILD = {
    "cityscapes": "Cityscapes",
    "kitti": "KITTI",
    "htc_m9": "HTC One M9",
    "huawei_p9": "Huawei P9",
    "iphone6": "iPhone 6",
}
ROWS = CAMERAS | WILD

#: What a row of Table 5 compares WESPE [DIV2K] with.
RIVALS = {"original": "WESPE [DIV2K] against the original", "ape": "WESPE [DIV2K] against APE"}


@dataclass(frozen=True, slots=True)
class Printed:
    """A table of scores: ``values[row, method, quantity]``; ``averages[method]`` where printed.

    Quantities are the paper's words for them: psnr (dB), ssim, entropy (bit), bpp (bit/px),
    cornia (lower is better) and ffs (0 to 1).
    """

    number: int
    title: str
    rows: tuple[str, ...]
    methods: tuple[str, ...]
    quantities: tuple[str, ...]
    values: Mapping[tuple[str, str, str], float]
    averages: Mapping[str, float]


def _scores(
    number: int,
    title: str,
    methods: Sequence[str],
    quantities: Sequence[str],
    rows: Mapping[str, Sequence[float]],
    averages: Sequence[float] = (),
) -> Printed:
    """``rows`` as printed: for each method in turn, its quantities."""
    places = [(method, quantity) for method in methods for quantity in quantities]
    return Printed(
        number,
        title,
        tuple(rows),
        tuple(methods),
        tuple(quantities),
        {
            (row, *place): value
            for row, values in rows.items()
            for place, value in zip(places, values, strict=True)
        },
        dict(zip(methods, averages, strict=True)) if averages else {},
    )


TABLE2 = _scores(
    2,
    "PSNR and SSIM on DPED's test images",
    ("ape", "wespe_div2k", "wespe_dped", "dped"),
    ("psnr", "ssim"),
    {
        "iphone": (17.28, 0.86, 17.76, 0.88, 18.11, 0.90, 21.35, 0.92),
        "blackberry": (18.91, 0.89, 16.71, 0.91, 16.78, 0.91, 20.66, 0.93),
        "sony": (19.45, 0.92, 20.05, 0.89, 20.29, 0.93, 22.01, 0.94),
    },
)

_BLIND = ("entropy", "bpp", "cornia")

TABLE3 = _scores(
    3,
    "Scores without reference on DPED's test images",
    ("original", "ape", "dped", "wespe_dped", "wespe_div2k"),
    _BLIND,
    {
        "iphone": (
            *(7.29, 10.67, 30.85, 7.40, 9.33, 43.65, 7.55, 10.94, 32.35),
            *(7.52, 14.17, 27.90, 7.52, 15.13, 27.40),
        ),
        "blackberry": (
            *(7.51, 12.00, 11.09, 7.55, 10.19, 23.19, 7.51, 11.39, 20.62),
            *(7.43, 12.64, 23.93, 7.60, 12.72, 9.18),
        ),
        "sony": (
            *(7.51, 11.63, 32.69, 7.62, 11.37, 34.85, 7.53, 10.90, 30.54),
            *(7.59, 12.05, 34.77, 7.46, 12.33, 34.56),
        ),
    },
)

TABLE6 = _scores(
    6,
    "Scores without reference on five data sets in the wild",
    ("original", "ape", "wespe_div2k"),
    _BLIND,
    {
        "cityscapes": (6.73, 8.44, 43.42, 7.30, 6.74, 46.73, 7.56, 11.59, 32.53),
        "kitti": (7.12, 7.76, 55.69, 7.58, 10.21, 37.64, 7.55, 11.88, 39.09),
        "htc_m9": (7.51, 9.52, 23.31, 7.64, 9.64, 28.46, 7.69, 12.99, 26.35),
        "huawei_p9": (7.71, 10.60, 20.63, 7.78, 10.27, 25.85, 7.70, 12.61, 27.52),
        "iphone6": (7.56, 11.65, 24.67, 7.57, 9.25, 35.82, 7.53, 13.44, 28.51),
    },
)

TABLE7 = _scores(
    7,
    "FFS on DPED's test images",
    ("original", "dped", "wespe_dped", "wespe_div2k"),
    ("ffs",),
    {
        "iphone": (0.3190, 0.5093, 0.5341, 0.6155),
        "blackberry": (0.4765, 0.5366, 0.5904, 0.6001),
        "sony": (0.5694, 0.6572, 0.6774, 0.6828),
    },
    (0.4550, 0.5677, 0.6006, 0.6328),
)

TABLE8 = _scores(
    8,
    "FFS on five data sets in the wild",
    ("original", "wespe_div2k"),
    ("ffs",),
    {
        "cityscapes": (0.4075, 0.4339),
        "kitti": (0.3792, 0.5415),
        "htc_m9": (0.5194, 0.6193),
        "huawei_p9": (0.5322, 0.5705),
        "iphone6": (0.5516, 0.7412),
    },
    (0.4780, 0.5813),
)

#: The tables of scores, by number.
SCORES = {table.number: table for table in (TABLE2, TABLE3, TABLE6, TABLE7, TABLE8)}


@dataclass(frozen=True, slots=True)
class Camera:
    """A row of Table 1 or 4. ``sensor`` in megapixels; ``size`` where it is no pair of numbers."""

    counts: Counts
    quality: str
    sensor: int | None = None
    size: str = ""


TABLE1 = {
    "iphone": Camera(dped.COUNTS["iphone"], "Poor", 3),
    "blackberry": Camera(dped.COUNTS["blackberry"], "Mediocre", 13),
    "sony": Camera(dped.COUNTS["sony"], "Good", 13),
    "canon": Camera(dped.COUNTS["canon"], "Excellent", 20),
}

TABLE4 = {
    "kitti": Camera(kitti.SOURCE.counts[0], "Poor"),
    "cityscapes": Camera(cityscapes.SOURCE.counts[0], "Poor"),
    "htc_m9": Camera(phones.COUNTS["htc_m9"], "Good", 20),
    "huawei_p9": Camera(phones.COUNTS["huawei_p9"], "Good", 12),
    "iphone6": Camera(phones.COUNTS["iphone6"], "Good", 8),
    "ffs": Camera(ffs.SOURCE.counts[0], "Poor-to-Excellent", None, "> 1600x1200"),
    "div2k": Camera(div2k.SOURCE.counts[0], "Excellent", None, "~ 2040x1500"),
}

TITLE1 = "DPED: cameras and photos"
TITLE4 = "The other data sets: cameras and photos"
TITLE5 = "User study: the share of votes for WESPE [DIV2K]"

#: Table 5: (rival, data set) -> the share of votes for WESPE [DIV2K], and what follows its ±.
TABLE5 = {
    (rival, dataset): cell
    for rival, cells in {
        "original": ((0.94, 0.03), (0.81, 0.10), (0.73, 0.08), (0.63, 0.11), (0.70, 0.10)),
        "ape": ((0.96, 0.03), (0.65, 0.16), (0.53, 0.09), (0.44, 0.12), (0.62, 0.15)),
    }.items()
    for dataset, cell in zip(WILD, cells, strict=True)
}


@dataclass(frozen=True, slots=True)
class Study:
    """How Table 5 was made."""

    participants: int = 38
    datasets: int = 5
    photos_per_dataset: int = 7
    comparisons_per_photo: int = 2

    @property
    def votes_per_participant(self) -> int:
        return self.datasets * self.photos_per_dataset * self.comparisons_per_photo

    @property
    def votes_per_cell(self) -> int:
        return self.participants * self.photos_per_dataset


STUDY = Study()

#: The paper's other numbers, by a name of ours.
OTHER: Mapping[str, float] = {
    "ffs_test_accuracy": 0.6875,
    "ffs_lr": 5e-5,
    "ffs_batch": 25,
    "ffs_patch": 224,
    "ffs_images": 16_000,
    "ffs_train": 15_200,
    "ffs_validation": 400,
    "ffs_test": 400,
    "ffs_crops_at_scoring": 5,
    "train_iterations": 20_000,
    "train_batch": 30,
    "train_patch": 100,
    "weight_content": 1,
    "weight_colour": 5e-3,
    "weight_texture": 5e-3,
    "weight_tv": 10,
    "blur_factor": 0.053,
    "blur_sigma": 3,
    "blur_mean": 0,
}
