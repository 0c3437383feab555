"""What is known of each data set: its page, its terms, how to get it, the paper's counts.

The counts are those the WESPE paper prints in its Tables 1 and 4, of full-size photos. Terms
are a summary to find one's way by; what binds is on the page.
"""

from __future__ import annotations

from dataclasses import dataclass


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
class Facts:
    """Where a data set comes from. ``get`` says how one gets it, step by step."""

    title: str
    page: str
    licence: str
    get: str
    counts: tuple[Counts, ...] = ()


#: Table 1, by DPED's names.
DPED = {
    "iphone": Counts(1, "iPhone 3GS", 2048, 1536, 5614, 113),
    "blackberry": Counts(1, "BlackBerry Passport", 4160, 3120, 5902, 113),
    "sony": Counts(1, "Sony Xperia Z", 2592, 1944, 4427, 76),
    "canon": Counts(1, "Canon 70D", 3648, 2432, 5902, 113),
}

_OWN = "never published as far as we found: a folder of photos of your own with that phone"

FACTS = {
    "dped": Facts(
        "DPED: photos of three phones and a DSLR, aligned patches",
        "http://people.ee.ethz.ch/~ihnatova/",
        "research use; ask the authors for anything else",
        "download the patches (and the originals, for full-size photos) from the page; "
        "unpack so that dped/iphone/training_data is there",
        tuple(DPED.values()),
    ),
    "kitti": Facts(
        "KITTI: frames of a driving car",
        "https://www.cvlibs.net/datasets/kitti/raw_data.php",
        "CC BY-NC-SA 3.0",
        "register, run the page's raw data download script (unsynced+unrectified for the "
        "paper's 1392x512), unpack so that kitti/DATE/DATE_drive_NNNN_extract is there",
        (Counts(4, "KITTI", 1392, 512, 8458, 124),),
    ),
    "cityscapes": Facts(
        "Cityscapes: street scenes of fifty cities",
        "https://www.cityscapes-dataset.com/downloads/",
        "its own: non-commercial research, registration",
        "register, download leftImg8bit_trainvaltest.zip, unpack so that "
        "cityscapes/leftImg8bit/train is there",
        (Counts(4, "Cityscapes", 2048, 1024, 2876, 143),),
    ),
    "div2k": Facts(
        "DIV2K: 900 sharp photos, the high-quality side",
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/",
        "academic research only",
        "wespe-bench data fetch div2k; or download DIV2K_train_HR.zip and DIV2K_valid_HR.zip from "
        "the page, unpack both in div2k/",
        (Counts(4, "DIV2K", None, None, 900, 0),),
    ),
    "htc_m9": Facts(
        "HTC One M9", "", "yours", _OWN, (Counts(4, "HTC One M9", 5376, 3752, 1443, 57),)
    ),
    "huawei_p9": Facts(
        "Huawei P9", "", "yours", _OWN, (Counts(4, "Huawei P9", 3968, 2976, 1386, 57),)
    ),
    "iphone6": Facts("iPhone 6", "", "yours", _OWN, (Counts(4, "iPhone 6", 3264, 2448, 4011, 57),)),
    "ffs": Facts(
        "Flickr photos with views and faves, for the Flickr Faves Score",
        "https://www.flickr.com/services/api/",
        "each photo's own; not to be redistributed",
        "crawl your own with a Flickr key; put the photos in ffs/, or in ffs/train, "
        "ffs/validation and ffs/test",
        (Counts(4, "Flickr Faves Score", None, None, 15600, 400),),
    ),
    "camera": Facts(
        "Any camera's photos",
        "",
        "yours",
        "name the folder, camera:FOLDER, or add a line to wespe-data.toml: mine = '/my/photos'",
    ),
}
