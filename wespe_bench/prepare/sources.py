"""The archives that may be fetched: those of the data sets whose terms allow it."""

from __future__ import annotations

from dataclasses import dataclass, replace


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


#: Data set -> its archives. The two hashes are those that TensorFlow Datasets publishes for the
#: official addresses (tensorflow_datasets/datasets/div2k/checksums.tsv).
ARCHIVES = {
    "div2k": (
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
}
