"""A study for invited people: the code in the link, or typed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.wespe_bench.study import studies
from tests.wespe_bench.study.page.screen import begin, expect_place, wait_for_pair
from wespe_bench.study.manifest import Study

pytestmark = pytest.mark.slow


def test_the_code_is_asked_for_where_the_link_lacks_it(
    tmp_path: Path, built: tuple[Path, Study], page: Page, faults: list[str]
) -> None:
    folder = tmp_path / "invited"
    shutil.copytree(built[0], folder, ignore=shutil.ignore_patterns("votes.sqlite*"))
    with studies.served(folder, "--token", "river-42-bend-river-42-bend") as running:
        page.goto(running.root)
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("Enter the code from your invitation")).to_be_visible()
        page.get_by_label("Code from your invitation").fill("lake-1")
        page.keyboard.press("Enter")
        expect(page.get_by_text("ask whoever sent it for the link")).to_be_visible()
        page.get_by_label("Code from your invitation").fill("river-42-bend-river-42-bend")
        page.keyboard.press("Enter")
        wait_for_pair(page)
        expect_place(page, "1 of 6")
        page.evaluate("localStorage.clear()")
        page.goto("about:blank")
        begin(page, f"{running.root}#t={running.token}")
        assert "#r=" in page.url and "river" not in page.url
    assert faults and all("403" in fault for fault in faults)
    faults.clear()
