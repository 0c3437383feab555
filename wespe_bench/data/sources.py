"""Where the paper's data sets come from: archives that may be fetched, pages for the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to download.

    ``sha256`` and ``size`` (bytes) are empty where nobody has published them. ``folder`` is
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


@dataclass(frozen=True, slots=True)
class Source:
    """One data set: official page, terms in our words, and either archives or steps."""

    title: str
    page: str
    terms: str
    archives: tuple[Archive, ...] = ()
    how: tuple[str, ...] = ()

    def steps(self, name: str, root: Path) -> str:
        """What to do by hand, as text."""
        lines = [f"{name}: {self.title}", f"  page:  {self.page}", f"  terms: {self.terms}"]
        lines += [f"  {n}. {step}" for n, step in enumerate(self.how, 1)]
        return "\n".join(lines).replace("{folder}", str(root / name))


_UNPACK = "unpack: wespe-bench data fetch ARCHIVE --out {folder} (or any other program)"
_OWN = (
    "photos of such a phone were never published: take your own",
    "use them: wespe-bench run --input FOLDER",
)

#: name -> its source. The two hashes are those that TensorFlow Datasets publishes for the
#: official addresses (tensorflow_datasets/datasets/div2k/checksums.tsv).
SOURCES = {
    "div2k": Source(
        "DIV2K, 800 + 100 photos of 2K (Agustsson and Timofte, 2017)",
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/",
        "academic research only; the photographers keep their rights",
        (
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
    ),
    "dped": Source(
        "DPED, photos of three phones and a DSLR (Ignatov et al., 2017)",
        "http://people.ee.ethz.ch/~ihnatova/",
        "research only, as its page says",
        how=("download the patches, or the original photos, from the page", _UNPACK),
    ),
    "kitti": Source(
        "KITTI, frames from a driving car (Geiger et al., 2013)",
        "https://www.cvlibs.net/datasets/kitti/raw_data.php",
        "CC BY-NC-SA 3.0; registration required",
        how=(
            "register, and download the unsynced+unrectified drives of the raw data",
            _UNPACK,
        ),
    ),
    "cityscapes": Source(
        "Cityscapes, frames of street scenes (Cordts et al., 2016)",
        "https://www.cityscapes-dataset.com/downloads/",
        "non-commercial, its own licence; registration required",
        how=("register, and download leftImg8bit_trainvaltest.zip", _UNPACK),
    ),
    "htc_m9": Source("HTC One M9 photos of the paper", "(none)", "(none)", how=_OWN),
    "huawei_p9": Source("Huawei P9 photos of the paper", "(none)", "(none)", how=_OWN),
    "iphone6": Source("iPhone 6 photos of the paper", "(none)", "(none)", how=_OWN),
    "ffs": Source(
        "Flickr photos with the share of viewers who liked them",
        "https://www.flickr.com/services/api/",
        "each photo's own licence, and Flickr's API terms",
        how=("the photos are not handed on: they are collected anew with your own API key",),
    ),
}
