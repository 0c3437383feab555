"""Names of methods, data sets and photos, and the title, are text to a browser, never markup."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.hostile import studies as forged
from tests.hostile.cases_of_names import SCRIPT
from tests.wespe_bench.study import studies
from tests.wespe_bench.study.page.screen import begin
from wespe_bench.cli import call

# Did markup of the name's come to be? Its script would say 1 in a dialog.
_MADE = "document.querySelectorAll('img[src=x], [onerror]').length"


pytestmark = pytest.mark.slow


def test_a_name_is_text(tmp_path: Path, page: Page, context: BrowserContext) -> None:
    names = dict.fromkeys(("method", "dataset", "sample", "title"), SCRIPT)
    folder = tmp_path / "study"
    forged.voted(folder, rival=f"{SCRIPT} 2", **names)
    said: list[str] = []
    context.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    with studies.served(folder) as running:
        begin(page, running.root)
        page.goto("about:blank")
        page.goto(running.root)
        assert page.evaluate(_MADE) == 0
        markup = page.content()
        assert "alert(1)" not in markup.replace(
            "&lt;script&gt;alert(1)&lt;/script&gt;", ""
        ).replace("onerror=alert(1)&gt;", "")
    assert call("study report", [str(folder), "--out", str(tmp_path / "report")]) == 0
    page.goto((tmp_path / "report" / "report.html").as_uri())
    expect(page.get_by_text(SCRIPT).first).to_be_visible()
    assert page.evaluate(_MADE) == 0
    assert said == []
