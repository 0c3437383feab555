"""A browser of the Chromium family, for tests of pages as people see them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import needs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
PLACES = (
    *("/snap/bin/chromium", "/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge"),
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    *(
        str(Path(os.environ.get(variable, "C:\\"), program))
        for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        for program in (
            "Google/Chrome/Application/chrome.exe",
            "Microsoft/Edge/Application/msedge.exe",
        )
    ),
)
REMEDY = (
    "`uv run playwright install chromium` gets one, or the system's packages "
    "(Debian: apt-get install chromium)"
)


def browsers(playwrights_own: str) -> list[str]:
    """The browsers of this machine, best first."""
    found = [*map(shutil.which, NAMES), *map(shutil.which, PLACES), shutil.which(playwrights_own)]
    return list(dict.fromkeys(filter(None, found)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser that starts for root too."""
    from playwright.sync_api import Error, sync_playwright

    # Chromium's sandbox refuses root and most containers, and the pages are our own.
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    what = "no browser"
    with sync_playwright() as playwright:
        for path in browsers(playwright.chromium.executable_path):
            try:
                started = playwright.chromium.launch(executable_path=path, args=flags)
            except Error as error:  # Ubuntu has a chromium-browser that only asks for snap
                what = f"{path} does not start ({str(error).splitlines()[0]})"
                continue
            yield started
            started.close()
            return
    needs.missing(what, REMEDY)


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


if __name__ == "__main__":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = browsers(playwright.chromium.executable_path)
    print(found[0] if found else "no browser")
    sys.exit(not found)
