"""Our CORNIA model compares versions of one photo: tables show paired changes, and say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.compare import as_markdown
from reports.comparison import compare_methods
from reports.intervals import bootstrap_interval
from tests.conftest import Command
from tests.reports.paper_store import add, cell, one
from tests.reports.paper_store import scores as plausible
from tests.reports.runs import make_run, scores
from tests.reports.runs import one as table_of

RNG = np.random.default_rng(6)
#: Photos differ by tens, versions of one photo by one.
PHOTOS = RNG.uniform(0, 47, 12)
BETTER = PHOTOS - 1 + RNG.normal(0, 0.2, 12)


def test_a_cell_shows_the_change_of_each_photo() -> None:
    table = table_of(scores({"identity": {"cornia": PHOTOS}, "a": {"cornia": BETTER}}), 12)
    change = table.cell("a", "cornia").change
    assert change is not None
    assert change[0] == pytest.approx((BETTER - PHOTOS).mean())
    assert change[1:] == bootstrap_interval(BETTER - PHOTOS)
    assert change[2] < 0 < table.cell("a", "cornia").high, "the photos' spread hides it"
    (column,) = table.columns
    mean, interval = column.show_cell(table.cell("a", "cornia"))
    assert mean == f"{BETTER.mean():.2f}" and interval.startswith("−0.97 [−1.")
    assert table.cell("identity", "cornia").change is None
    assert table.cell("a", "cornia").place == 1


def test_photos_that_lack_a_score_and_other_metrics_have_none() -> None:
    table = table_of(scores({"a": {"cornia": PHOTOS}, "b": {"cornia": BETTER}}), 12)
    assert table.cell("a", "cornia").change is None, "without the originals"
    table = table_of(
        scores({"identity": {"entropy": PHOTOS / 9}, "a": {"entropy": PHOTOS / 8}}), 12
    )
    assert table.cell("a", "entropy").change is None


def test_it_is_said_where_it_is_shown(tmp_path: Path, verb: Command) -> None:
    make_run(tmp_path, "identity", {"cornia": PHOTOS, "psnr": PHOTOS})
    make_run(tmp_path, "a", {"cornia": BETTER, "psnr": PHOTOS})
    said = "our model compares versions of one photo, not photos"
    for words in (("report", tmp_path), ("leaderboard", "--runs", tmp_path)):
        shown = verb(*words).stdout
        assert said in shown and "stands the mean change from the original photos" in shown
    text = as_markdown(compare_methods(["a", "identity"], runs=tmp_path))
    assert said in text and "the differences are of the two versions of each photo" in text
    (tmp_path / "report.md").read_text("utf-8")


def test_the_papers_tables_show_it_too(tmp_path: Path) -> None:
    for label in ("identity", "APE"):
        values = plausible(len(label), 6, ("entropy", "bpp", "cornia"))
        add(tmp_path, "dped_iphone_full", label, values)
    entry = cell(one(3, tmp_path), "iphone", "ape", "cornia")
    assert any("from the original, photo by photo, with a 95% interval" in n for n in entry.notes)
    assert not any(
        "from the original" in n for n in cell(one(3, tmp_path), "iphone", "ape", "bpp").notes
    )
