"""KITTI: frames of a driving car (Geiger et al., IJRR 2013).

    kitti/DATE/DATE_drive_NNNN_extract/image_02/data/0000000000.png    1392x512, the paper's
    kitti/DATE/DATE_drive_NNNN_sync/image_02/data/0000000000.png       rectified, about 1242x375
    kitti/training/image_2/000000.png, kitti/testing/image_2/          object

The paper's 8458 + 124 frames fit no official split. Here the test frames are drawn by seed
from whole drives, because the frames of a drive are near-duplicates; what these drives have
besides is held back. Drives may lie at any depth: ids name the drive, not the folders above.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import locate, wrong_layout
from wespe_bench.datasets.source import Counts, Source
from wespe_bench.datasets.survey import Part, Survey, one_of
from wespe_bench.errors import InputError
from wespe_bench.paths import OUTSIDE, UNREADABLE, walk

KINDS = ("extract", "sync", "object")
CAMERAS = ("image_02", "image_03")

#: Frames of the object benchmark's two folders.
OBJECT = {"training": 7481, "testing": 7518}

_DEPTH = 4


def survey(
    name: str,
    kind: str = "extract",
    *,
    data: Path | str | None = None,
    camera: str = "image_02",
) -> Survey:
    """One part a drive; for object, one a folder. Raises InputError.

    ``kind`` is one of `KINDS`; ``camera`` is image_02 (left) or image_03.
    """
    root, parts = check_parts(name, kind, data, camera=camera)
    counts = SOURCE.counts[0]
    note = "object frames name no drive: near-duplicates can be on both sides"
    return Survey(
        f"{name}_{kind}",
        root,
        surveys.warn_absent(name, parts),
        counts.train,
        counts.test,
        split="test",
        note=note if kind == "object" else "",
    )


def check_parts(
    name: str, argument: str, data: Path | str | None, *, camera: str = "image_02"
) -> tuple[Path, tuple[Part, ...]]:
    """The root, and the parts of one kind. Raises InputError when there are none."""
    kind = one_of(name, argument or "extract", KINDS)
    one_of("camera", camera, CAMERAS)
    root = locate(name, data)
    if kind == "object":
        images = "image_2" if camera == "image_02" else "image_3"
        folders = {part: root / part / images for part in OBJECT}
        found = tuple(
            Part(f"object {part}", folder, f"{part}/", expected=OBJECT[part], numbered=True)
            for part, folder in folders.items()
        )
        if not any(part.folder.is_dir() for part in found):
            raise wrong_layout("kitti:object", root, f"training/{images} and testing/{images}")
        return root, found
    size = (1392, 512) if kind == "extract" else None
    there = _drives(root)
    drives = {name: path for name, path in there.items() if name.endswith(f"_{kind}")}
    if not drives:
        others = sorted({name.rpartition("_")[2] for name in there} & set(KINDS))
        hint = f" (there are {others[0]} drives: kitti:{others[0]})" if others else ""
        raise wrong_layout(
            f"kitti:{kind}", root, f"DATE/DATE_drive_NNNN_{kind}/{camera}/data{hint}"
        )
    (other,) = set(CAMERAS) - {camera}
    return root, tuple(
        Part(
            f"{kind} {camera}",
            path / camera / "data",
            f"{drive}/{camera}/",
            size=size,
            group=drive.removesuffix(f"_{kind}"),
            beside=path / other / "data",
        )
        for drive, path in sorted(drives.items())
    )


def _drives(root: Path) -> dict[str, Path]:
    """The folders called ..._drive_..., a few levels deep at most, by name.

    Raises InputError for a folder that cannot be listed, and for two drives of one name: their
    frames would have the same ids.
    """
    found: dict[str, Path] = {}

    def skipped(path: Path, why: str) -> None:
        if why == UNREADABLE:
            raise InputError(f"{path}: {why}; make it readable, or move it out of {root}")
        if why == OUTSIDE:
            warnings.warn(f"{path}: {why}", stacklevel=4)

    for listing in walk(root, skipped, within=root):
        for name in [name for name in listing.folders if "_drive_" in name]:
            path = listing.path / name
            other = found.setdefault(name, path)
            if path.resolve() != other.resolve():
                raise InputError(f"{other} and {path} are two drives of one name; keep one")
            listing.folders.remove(name)
        if len(listing.path.relative_to(root).parts) >= _DEPTH:
            listing.folders.clear()
    return found


SOURCE = Source(
    name="kitti",
    title="KITTI: frames of a driving car",
    summary="KITTI's frames: kitti (unrectified, the paper's), kitti:sync or kitti:object.",
    survey=survey,
    check_parts=check_parts,
    kinds=KINDS,
    page="https://www.cvlibs.net/datasets/kitti/raw_data.php",
    licence="CC BY-NC-SA 3.0",
    get="register, run the page's raw data download script (unsynced+unrectified for the "
    "paper's 1392x512), unpack so that kitti/DATE/DATE_drive_NNNN_extract is there; "
    "kitti:object instead is one archive, the left colour images (12 GB by its page)",
    counts=(Counts(4, "KITTI", 1392, 512, 8458, 124),),
)
