"""A browser, and a served study of six pairs of coded photos."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.wespe_bench.study.page.fake import Fake, serve
from tests.wespe_bench.study.page.photos import coded_photo, write_study

PAIRS = 6
SIZE = (1500, 1000)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True)
class Served:
    """What the tests need of a server. ``votes()`` gives the rows of votes.csv as dicts; ``log``
    holds the requests; ``close()`` ends the study. To test another server, swap `served`."""

    url: str
    votes: Callable[[], list[dict[str, Any]]]
    log: list[str]
    close: Callable[[], None]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Fails where there is none: no test is skipped."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        pytest.fail("no Chromium on PATH; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("study")
    pairs = [(coded_photo(*SIZE, n, 0), coded_photo(*SIZE, n, 1)) for n in range(PAIRS)]
    return folder, write_study(folder, pairs)


@pytest.fixture
def served(study_folder: tuple[Path, dict[str, Any]]) -> Iterator[Served]:
    folder, study = study_folder
    fake = Fake(study)

    def close() -> None:
        fake.closed = True

    with serve(folder, fake) as url:
        yield Served(url, fake.votes, fake.log, close)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window of 1400 x 900 that moves without gliding, so that what it shows is settled."""
    made = browser.new_context(
        viewport={"width": 1400, "height": 900}, reduced_motion="reduce", accept_downloads=True
    )
    made.set_default_timeout(30_000)
    yield made
    made.close()


@pytest.fixture
def faults() -> list[str]:
    """What a page complained of on its console."""
    return []


@pytest.fixture
def new_page(context: BrowserContext, faults: list[str]) -> Iterator[Callable[[], Page]]:
    """Opens tabs; afterwards none of them may have complained."""

    def opened() -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda line: faults.append(line.text) if line.type == "error" else None,
        )
        return page

    yield opened
    assert faults == []


@pytest.fixture
def page(new_page: Callable[[], Page]) -> Page:
    return new_page()


def out_folder(tmp_path: Path) -> Path:
    """Where screenshots go: ``$WESPE_BENCH_SCREENSHOTS``, or a folder that is thrown away."""
    return Path(os.environ.get("WESPE_BENCH_SCREENSHOTS") or tmp_path)
