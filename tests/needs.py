"""What some tests cannot do without and a machine may lack.

A test that lacks something is skipped, and the last lines of pytest say how many, why, and what
to do about it. With ``WESPE_BENCH_NO_SKIPS=1``, as in CI, it fails instead, unless the platform
has no such thing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NoReturn

import pytest

CLEAR_REFS = Path("/proc/self/clear_refs")


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test for want of something that can be had; fail where no test may be skipped."""
    if os.environ.get("WESPE_BENCH_NO_SKIPS"):
        pytest.fail(f"{what}: {remedy}", pytrace=False)
    pytest.skip(f"{what}: {remedy}")


def platform(suits: bool, reason: str) -> None:
    """Skip the test on a platform that it is not for."""
    if not suits:
        pytest.skip(f"not on this platform: {reason}")


def peak_memory() -> None:
    """Linux's high-water mark of a process's memory, which can be reset."""
    platform(sys.platform == "linux", "only Linux tells a process its peak of memory")
    if not CLEAR_REFS.exists():
        missing(f"no {CLEAR_REFS}", "use a kernel with CONFIG_PROC_PAGE_MONITOR")


def mounts() -> list[str]:
    """The start of a command line whose program may mount what it likes, unseen by others."""
    platform(sys.platform == "linux", "only Linux has mount namespaces")
    for own in ([], ["--user", "--map-root-user"]):
        start = ["unshare", *own, "--mount"]
        try:
            subprocess.run(
                [*start, *["mount", "-t", "tmpfs", "none", "/tmp"]], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return start
    missing(
        "no right to mount",
        "run as root, or allow user namespaces (a container needs --cap-add SYS_ADMIN)",
    )


def networks() -> None:
    """The right to make network namespaces and cables between them."""
    platform(sys.platform == "linux", "only Linux has network namespaces")
    name = f"try{os.getpid()}"
    for verb in ("add", "delete"):
        try:
            subprocess.run(["ip", "netns", verb, name], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            missing(
                "no right to make a network",
                "apt install iproute2 and run as root (a container needs --cap-add SYS_ADMIN)",
            )


def latex() -> str:
    """A program that turns LaTeX into a PDF."""
    for name in ("pdflatex", "tectonic"):
        if found := shutil.which(name):
            return found
    missing("no LaTeX", "apt install texlive-latex-recommended")


def shared_photos() -> Path:
    """The folder of third-party photos and weights."""
    folder = os.environ.get("WESPE_BENCH_SHARED")
    if folder:
        path = Path(folder).resolve() / "data"
        if not path.is_dir():
            pytest.fail(f"WESPE_BENCH_SHARED is {folder}, which has no data folder", pytrace=False)
        return path
    if os.environ.get("CI"):
        pytest.fail("WESPE_BENCH_SHARED is not set, and in CI these tests must run", pytrace=False)
    pytest.skip("real photos, which are not ours to give: see WESPE_BENCH_SHARED, CONTRIBUTING.md")


def summary(skipped: list[pytest.TestReport]) -> list[str]:
    """A line for each reason of skipped tests, the commonest first."""
    reasons = Counter(report.longrepr[2] for report in skipped)
    return [
        f"{count} skipped: {reason.removeprefix('Skipped: ')}"
        for reason, count in reasons.most_common()
    ]
