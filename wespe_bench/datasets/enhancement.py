"""The enhancement field's own photo sets: pairs of folders, and photos without references.

Each is a record: folders as its authors release them, counts, page, terms. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import locate, wrong_layout
from wespe_bench.datasets.source import Source
from wespe_bench.datasets.survey import Part, Survey

PAIRED, UNPAIRED = "pairs of the field", "photos of the field, without references"


_UNKNOWN = "none known to us: see the page, or ask its authors"


@dataclass(frozen=True)
class _Folders:
    """A folder of photos below the root, and the one of their references.

    ``pair`` makes a photo's id its reference's, where they differ. ``side`` and ``count`` are the
    release's, ``copies`` and ``group`` as in `survey.Part`; folders of one ``label`` are counted
    together. What has no side where others have is looked at by ``data check`` alone.
    """

    photos: str
    references: str = ""
    side: str = ""
    count: int | None = None
    pair: Callable[[str], str] | None = None
    group: str = ""
    copies: tuple[int, ...] = ()
    label: str = ""

    def part(self, name: str, root: Path) -> Part:
        return Part(
            label=self.label or self.photos or name,
            folder=root / self.photos,
            prefix=f"{self.photos}/" if self.photos else "",
            reference=root / self.references if self.references else None,
            side=self.side,
            expected=self.count,
            copies=self.copies,
            pair=self.pair,
            group=self.group,
        )


def _without_exposure(id_: str) -> str:
    """The reference of one of a scene's exposures.

    >>> _without_exposure("a0001-jmac_DSC1459_N1.5")
    'a0001-jmac_DSC1459'
    """
    return id_.rpartition("_")[0]


def _source(
    name: str,
    title: str,
    page: str,
    licence: str,
    variants: Mapping[str, tuple[_Folders, ...]],
    get: str = "",
) -> Source:
    """A data set of one variant, or of several: ``NAME:VARIANT``, the first by default."""

    def check_parts(
        name: str, argument: str, data: Path | str | None
    ) -> tuple[Path, tuple[Part, ...]]:
        if len(variants) == 1:
            surveys.no_argument(name, argument)
        variant = surveys.one_of("variant", argument or next(iter(variants)), variants)
        root = locate(name, data)
        parts = tuple(folders.part(name, root) for folders in variants[variant])
        if not any(part.folder.is_dir() for part in parts):
            wanted = " and ".join(folders.photos for folders in variants[variant])
            raise wrong_layout(name, root, wanted)
        return root, parts

    def taken(name: str, variant: str, data: Path | str | None) -> Survey:
        root, parts = check_parts(name, variant, data)
        parts = tuple(p for p in parts if p.side) or parts
        split = "test" if any(part.side for part in parts) else "all"
        here = surveys.warn_absent(name, parts)
        return Survey(f"{name}_{variant}" if variant else name, root, here, split=split)

    def survey(name: str, *, data: Path | str | None = None) -> Survey:
        return taken(name, "", data)

    def survey_of(name: str, variant: str = "", *, data: Path | str | None = None) -> Survey:
        return taken(name, variant, data)

    several = len(variants) > 1
    form = f" {name}:{'|'.join(variants)}." if several else ""
    paired = all(folders.references for some in variants.values() for folders in some)
    return Source(
        name=name,
        title=title,
        summary=f"{title}.{form}",
        survey=survey_of if several else survey,
        check_parts=check_parts,
        page=page,
        licence=licence,
        get=get or f"download it from the page, unpack it in {name}/",
        kinds=tuple(variants) if several else (),
        group=PAIRED if paired else UNPAIRED,
    )


LOL = _source(
    "lol",
    "LOL: 485 + 15 pairs of low and normal light, 600x400 (Wei et al., BMVC 2018)",
    "https://daooshee.github.io/BMVC2018website/",
    _UNKNOWN,
    {
        "": (
            _Folders("our485/low", "our485/high", "train", 485),
            _Folders("eval15/low", "eval15/high", "test", 15),
        )
    },
)

LOL_V2 = _source(
    "lol_v2",
    "LOL v2: 689 + 100 real and 900 + 100 synthetic pairs (Yang et al., TIP 2021)",
    "https://github.com/flyywh/CVPR-2020-Semi-Low-Light",
    _UNKNOWN,
    {
        "real": tuple(
            _Folders(
                f"Real_captured/{folder}/Low",
                f"Real_captured/{folder}/Normal",
                side,
                count,
                lambda id_: id_.replace("low", "normal", 1),
            )
            for folder, side, count in (("Train", "train", 689), ("Test", "test", 100))
        ),
        "synthetic": tuple(
            _Folders(f"Synthetic/{folder}/Low", f"Synthetic/{folder}/Normal", side, count)
            for folder, side, count in (("Train", "train", 900), ("Test", "test", 100))
        ),
    },
)

LSRW = _source(
    "lsrw",
    "LSRW: 5,600 + 50 pairs of low and normal light, Huawei and Nikon (Hai et al., JVCIR 2023)",
    "https://github.com/JianghaiSCU/R2RNet",
    _UNKNOWN,
    {
        "": tuple(
            _Folders(f"{folder}/{camera}/low", f"{folder}/{camera}/high", side, count)
            for folder, side, counts in (
                ("Training data", "train", (2450, 3150)),
                ("Eval", "test", (30, 20)),
            )
            for camera, count in zip(("Huawei", "Nikon"), counts, strict=True)
        )
    },
)

FIVEK = _source(
    "fivek",
    "MIT-Adobe FiveK: 5,000 photos and expert C's retouching (Bychkovsky et al., CVPR 2011)",
    "https://data.csail.mit.edu/graphics/fivek/",
    "research only, for most of the photos; see the page",
    {
        "480p": (_Folders("480p/input", "480p/expertC", count=5000),),
        "full": (_Folders("full/input", "full/expertC", count=5000),),
    },
    "raw photos and expert C's 16-bit TIFF files from the page; export the raw ones as sRGB into "
    "fivek/full/input, put the others into fivek/full/expertC; for the usual protocol scale both "
    "to a shorter side of 480 px, in fivek/480p. Which 500 are the test differs between papers: "
    "give a manifest",
)

MSEC = _source(
    "msec",
    "MSEC: five exposures each of FiveK's photos, 17,675 + 5,905 (Afifi et al., CVPR 2021)",
    "https://github.com/mahmoudnafifi/Exposure_Correction",
    "research only, as FiveK",
    {
        "": tuple(
            _Folders(f"{folder}/INPUT_IMAGES", references, side, count, _without_exposure)
            for folder, references, side, count in (
                ("training", "training/GT_IMAGES", "train", 17675),
                ("validation", "validation/GT_IMAGES", "", 750),
                ("testing", "testing/expert_c_testing_set", "test", 5905),
            )
        )
    },
)


SICE = _source(
    "sice",
    "SICE: 589 scenes in 4,413 exposures, each scene with a reference (Cai et al., TIP 2018)",
    "https://github.com/csjcai/SICE",
    _UNKNOWN,
    {
        "": tuple(
            _Folders(
                f"Dataset_Part{number}",
                f"Dataset_Part{number}/Label",
                label="exposures",
                count=4413,
                pair=lambda id_: id_.partition("/")[0],
                group=surveys.FOLDER,
            )
            for number in (1, 2)
        )
    },
    "download both parts from the page and unpack them in sice/, so that "
    "sice/Dataset_Part1/Label is there. Which scenes are the test differs between papers: give a "
    "manifest",
)

PPR10K = _source(
    "ppr10k",
    "PPR10K: 8,875 + 2,286 portraits, retouched by experts a, b and c (Liang et al., CVPR 2021)",
    "https://github.com/csjliang/PPR10K",
    "non-commercial research",
    {
        expert: (
            _Folders("train/source", f"train/target_{expert}", "train", 8875),
            _Folders("val/source", f"val/target_{expert}", "test", 2286),
        )
        for expert in "abc"
    },
    "train_val_images_tif_360p from the page, so that ppr10k/train/source and ppr10k/val/source "
    "are there; the 16-bit source photos are read as 8-bit. ppr10k is expert a's",
)


def _photos(name: str, title: str, page: str, *counts: int, licence: str = _UNKNOWN) -> Source:
    """Photos in one folder; ``counts`` are the release's, then those of its copies."""
    folders = _Folders("", count=counts[0], copies=counts[1:])
    return _source(name, title, page, licence, {"": (folders,)})


_COLLECTION = "https://daooshee.github.io/BMVC2018website/"
DICM = _photos(
    "dicm",
    "DICM: low-light photos of cameras, 69 or 64 or 44 in different copies (Lee et al., 2012)",
    _COLLECTION,
    *(69, 64, 44),
)
LIME = _photos("lime", "LIME: 10 low-light photos (Guo et al., TIP 2017)", _COLLECTION, 10)
MEF = _photos("mef", "MEF: 17 photos of high contrast (Ma et al., TIP 2015)", _COLLECTION, 17)
NPE = _photos(
    "npe",
    "NPE: photos of uneven light, 8 or 84 in different copies (Wang et al., TIP 2013)",
    _COLLECTION,
    *(84, 8),
)
VV = _photos(
    "vv",
    "VV: 24 photos, partly under-exposed (Vonikakis)",
    "https://sites.google.com/site/vonikakis/datasets",
    24,
)
KODAK = _photos(
    "kodak",
    "Kodak: 24 sharp photos, 768x512, the high-quality side",
    "https://r0k.us/graphics/kodak/",
    24,
    licence="released by Kodak for unrestricted use",
)
BSDS500 = _source(
    "bsds500",
    "BSDS500: 300 + 200 photos, 481x321, the high-quality side (Arbelaez et al., TPAMI 2011)",
    "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
    "non-commercial research and education",
    {
        "": tuple(
            _Folders(f"data/images/{folder}", "", side, count)
            for folder, side, count in (
                ("train", "train", 200),
                ("val", "train", 100),
                ("test", "test", 200),
            )
        )
    },
)
