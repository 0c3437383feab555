"""A study for invited people: the code in the link, or typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.wespe_bench.study.page.fake import Fake, serve
from tests.wespe_bench.study.page.screen import begin, expect_place, wait_for_pair


def test_the_code_is_asked_for_where_the_link_lacks_it(
    study_folder: tuple[Path, dict[str, Any]], page: Page, faults: list[str]
) -> None:
    folder, study = study_folder
    with serve(folder, Fake(study, token="river-42")) as url:
        page.goto(url)
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("Enter the code from your invitation")).to_be_visible()
        page.get_by_label("Code from your invitation").fill("lake-1")
        page.keyboard.press("Enter")
        expect(page.get_by_text("That is not the code of this study")).to_be_visible()
        page.get_by_label("Code from your invitation").fill("river-42")
        page.keyboard.press("Enter")
        wait_for_pair(page)
        expect_place(page, "1 of 6")
        page.evaluate("localStorage.clear()")
        page.goto("about:blank")
        begin(page, f"{url}#t=river-42")
        assert "#r=" in page.url and "river" not in page.url
    assert faults and all("403" in fault for fault in faults)
    faults.clear()
