"""Anyone's camera: a folder of photos, nested or not, split by seed where a split is wanted.

    --dataset camera:FOLDER             all of them
    --dataset camera:FOLDER?split=test  a tenth, drawn by seed

A line ``pixel8 = "/photos/pixel8"`` in wespe-data.toml gives the folder a name, and from then
on ``--dataset pixel8`` is the same. Shots taken within seconds of each other stay on one side;
``group=folder`` keeps each folder's photos together, ``group=none`` each photo alone.
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import named
from wespe_bench.datasets.source import Source
from wespe_bench.datasets.survey import CAPTURE, FOLDER, Part, Survey, one_of
from wespe_bench.errors import InputError

#: Photos with a shorter side than this (pixels) are too small for every metric here.
SMALLEST = 100

_GROUPS = {"capture": CAPTURE, "folder": FOLDER, "none": ""}


def survey(
    name: str, folder: str = "", *, data: Path | str | None = None, group: str = "capture"
) -> Survey:
    """One part, the folder; ``group`` is capture, folder or none. Raises InputError."""
    root, parts = check_parts(name, folder, data, group=group)
    own = parts[0].label
    return Survey(own if own != name else root.resolve().name or name, root, parts)


def check_parts(
    name: str, argument: str, data: Path | str | None, *, group: str = "capture"
) -> tuple[Path, tuple[Part, ...]]:
    """The root, and the folder as the one part. Raises InputError."""
    one_of("group", group, _GROUPS)
    root, own = find(argument, data)
    return root, (Part(own or name, root, group=_GROUPS[group], smallest=SMALLEST),)


def find(folder: str, data: Path | str | None) -> tuple[Path, str]:
    """A folder, with the name that wespe-data.toml gives it if ``folder`` is such a name."""
    if not folder:
        raise InputError("camera: which folder? camera:FOLDER, or a name of wespe-data.toml")
    own = named(data)
    if folder in own:
        if not own[folder].is_dir():
            raise InputError(f"wespe-data.toml says that {folder} is in {own[folder]}, no folder")
        return own[folder], folder
    return surveys.folder_of("camera", folder), ""


SOURCE = Source(
    name="camera",
    title="Any camera's photos",
    summary="Any camera's photos: camera:FOLDER, or a name that wespe-data.toml gives a folder.",
    survey=survey,
    check_parts=check_parts,
    get="name the folder, camera:FOLDER, or add a line to wespe-data.toml: mine = '/my/photos'",
)
