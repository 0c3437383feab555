"""A run folder may be somebody else's: no link in it may lead out of it.

Reading through such a link would show another's file; writing would overwrite it.
"""

from __future__ import annotations

import os
from pathlib import Path

from wespe_bench import paths
from wespe_bench.errors import InputError

_OWN = ("run.json", "samples.parquet", "images", "enhanced", "scores", "failures")


def check_run(run: Path) -> None:
    """Raise InputError where a file or folder that a run is made of is a link out of it."""
    if paths.is_remote(run):
        return
    for name in _OWN:
        if (run / name).is_symlink():
            check_file(run / name, run)


def check_file(path: Path, run: Path) -> None:
    """Raise InputError where a link at or above ``path``, which is below ``run``, leads out."""
    if paths.is_remote(run):
        return
    if not paths.inside(os.path.realpath(path), os.path.realpath(run)):
        raise InputError(f"{path}: leads out of the run folder by a link; delete the link")


def check_tree(run: Path) -> None:
    """As `check_file`, for everything below ``run``: before a verb writes there.

    Raises InputError also for a folder that cannot be listed.
    """
    if paths.is_remote(run) or not run.exists():
        return

    def skipped(folder: Path, why: str) -> None:
        if why == paths.OUTSIDE:
            check_file(folder, run)
        if why == paths.UNREADABLE:
            raise InputError(f"{folder} cannot be listed; is it yours?")

    for listing in paths.walk(run, skipped, within=run):
        for name in listing.links:
            check_file(listing.path / name, run)
