"""A rater's whole study, 70 pairs: clicks, keys, zoom, reloads, a closed and reopened tab."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.wespe_bench.study import studies
from tests.wespe_bench.study.page.conftest import out_folder, since_now
from tests.wespe_bench.study.page.photos import METHODS, build_study
from tests.wespe_bench.study.page.screen import (
    begin,
    choose,
    expect_place,
    pixel,
    seen_pair,
    until,
    wait_for_pair,
)

PAIRS = 70


@pytest.mark.slow
def test_seventy_pairs_are_stored_as_they_were_seen(
    tmp_path: Path, new_page: Callable[[], Page]
) -> None:
    folder, study = build_study(tmp_path, [(700 + number, 500) for number in range(PAIRS)])
    width = {question.id: study.pictures[question.first].width for question in study.questions}
    assert len(set(width.values())) == PAIRS
    draw = random.Random(70)
    expected = []
    with studies.served(folder) as running:
        served = since_now(running.root, folder)
        page = new_page()
        begin(page, served.url)
        for place in range(1, PAIRS + 1):
            if place % 23 == 0:
                link = page.url
                until(page, "study.unsaved === 0")
                page.close()
                page = new_page()
                page.goto(link)
            elif place % 11 == 0:
                until(page, "study.unsaved === 0")
                page.reload()
            wait_for_pair(page)
            expect_place(page, f"{place} of 70")
            if place % 5 == 0:
                for key in ("+", "ArrowRight", "+", "ArrowUp"):
                    page.keyboard.press(key)
                until(page, "rating.stage.view.zoom > 2")
                assert pixel(page, "left")[:2] == pixel(page, "right")[:2]
            if place % 7 == 0:
                page.mouse.move(400, 400)
                page.mouse.wheel(0, -300)
            revised = place % 10 == 0
            if revised:
                choose(page, "left")
                if place < PAIRS:
                    wait_for_pair(page)
                    page.get_by_role("button", name="Back").click()
                else:
                    page.get_by_role("button", name="Back to the last pair").click()
                wait_for_pair(page)
                expect_place(page, f"{place} of 70")
            seen = seen_pair(page)
            question = page.evaluate("rating.question.id")
            size = page.evaluate("rating.question.left.levels[0].width")
            clock = page.evaluate("rating.clock.read(rating.question.id)")
            side = "right" if revised else draw.choice(["left", "right"])
            choose(page, side, draw.choice(["key", "number", "click", "enter"]))
            expected.append((question, seen.left, seen.right, side, place, int(revised)))
            assert size == width[question] and clock >= 250
            expected[-1] = (*expected[-1], clock)
            if place in (1, 35):
                page.screenshot(path=out_folder(tmp_path) / f"session-{place}.png")
        expect(page.get_by_text("Your answers are saved")).to_be_visible()
        page.screenshot(path=out_folder(tmp_path) / "session-end.png")

    votes = served.votes()
    keys = ("question", "left", "right", "choice", "position", "revised")
    assert [tuple(vote[key] for key in keys) for vote in votes] == [row[:6] for row in expected]
    assert len({vote["question"] for vote in votes}) == PAIRS
    # The time stored is the page's clock when the choice was made, not much after it was read.
    late = [vote["milliseconds"] - row[6] for vote, row in zip(votes, expected, strict=True)]
    assert min(late) >= 0
    left = [vote["left"] for vote in votes]
    order = [vote["question"] for vote in votes]
    assert order != sorted(order) and set(left) == set(METHODS)
    print(
        f"{len(votes)} votes; {left.count('wespe')} with wespe left; chosen left "
        f"{sum(vote['choice'] == 'left' for vote in votes)}; revised "
        f"{sum(vote['revised'] for vote in votes)}; milliseconds "
        f"{min(v['milliseconds'] for v in votes)} to {max(v['milliseconds'] for v in votes)}; "
        f"stored after the page's clock was read: {min(late)} to {max(late)} ms"
    )
