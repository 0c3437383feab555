"""Cards: written, taken from other people, and refused where they lie."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from reports.cards import _digest, read_card
from tests.conftest import Command
from tests.reports.test_markdown import HOSTILE, tokens
from tests.reports.test_page import Elements
from tests.verbs import one_line
from wespe_bench.cli import call
from wespe_bench.errors import InputError


@pytest.fixture
def added(runs: Path, tmp_path: Path) -> Path:
    """A card as somebody else would send it."""
    assert call("leaderboard", ["--runs", str(runs)]) == 0
    card = json.loads(
        (runs / "leaderboard" / "cards" / "photos" / "good" / "card.json").read_text()
    )
    card["method"]["label"] = "Theirs"
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(card))
    return path


def test_a_card_is_taken_and_kept(runs: Path, added: Path, verb: Command) -> None:
    assert verb("leaderboard", "--runs", runs, "--add", added).returncode == 0
    added.unlink()
    again = verb("leaderboard", "--runs", runs)
    assert "Theirs (added, not verified)" in again.stdout
    page = (runs / "leaderboard" / "leaderboard.html").read_text("utf-8")
    assert "added/photos/Theirs.html" in page
    card = (runs / "leaderboard" / "added" / "photos" / "Theirs.html").read_text("utf-8")
    assert 'href="Theirs.json"' in card
    assert "the others are not checked" in page


def changed(path: Path, change: Any) -> Path:
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))
    return path


def resigned(change: Any) -> Any:
    """A forger's change, who also writes the new digest."""

    def forge(card: Any) -> None:
        change(card)
        card["scores_sha256"] = _digest([card["samples"], card["scores"]])

    return forge


def test_a_card_with_fewer_photos_is_its_makers_to_mend(
    runs: Path, added: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(added, resigned(lambda c: c["scores"]["psnr"].__setitem__(0, None)))
    assert call("leaderboard", ["--runs", str(runs), "--add", str(added)]) == 3
    said = capsys.readouterr().err
    assert "Theirs is not ranked by psnr" in said and "the sender of its card" in said
    assert "added/Theirs" not in said  # no command for a folder that is not there


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["dataset"].update(revision="0" * 64), "other photos"),
        (lambda c: c["metrics"]["psnr"].update(version="2"), "must be scored again"),
        (lambda c: c["dataset"].update(name="else"), "no run here"),
        (lambda c: c["method"].update(label="good"), "called 'good' on 'photos' already"),
        (lambda c: c["method"].update(label="a\nb"), "control characters"),
        (lambda c: c["method"].update(label="x" * 101), "101 characters"),
        (lambda c: c["method"].update(label=7), "method.label is missing or of the wrong kind"),
        (lambda c: c["scores"]["psnr"].pop(), "11 scores for 12 samples"),
        (lambda c: c["scores"]["psnr"].__setitem__(0, 99.0), "scores_sha256"),
        (lambda c: c["scores"]["psnr"].__setitem__(0, "=1+1"), "'=1+1' is not a score"),
        (lambda c: c["scores"]["psnr"].__setitem__(0, True), "is not a score"),
        (lambda c: c["scores"]["psnr"].__setitem__(0, math.nan), "'nan' is not a score"),
        (lambda c: c["samples"].__setitem__(0, "../../x"), "no plain relative path"),
        (lambda c: c["samples"].__setitem__(0, "s01"), "lists one twice"),
        (lambda c: c.update(schema=99), "newer wespe-bench"),
        (lambda c: c.pop("scores"), "scores is missing"),
        (lambda c: c["metrics"].clear(), "no scores"),
        (
            resigned(lambda c: c["scores"].update(psnr=[-5e300] * 12)),
            "not a score that psnr can give",
        ),
        (
            resigned(lambda c: c["scores"].update(entropy=[8.5] * 12)),
            "8.5 is not a score that entropy",
        ),
        (resigned(lambda c: c["scores"].update(entropy=["inf"] * 12)), "inf is not a score that"),
        (resigned(lambda c: c["scores"].update(psnr=[None] * 12)), "psnr has no score of any"),
        (resigned(lambda c: c.update(samples=[f"z{i}" for i in range(12)])), "other photos"),
        (lambda c: c["method"].update(label="good\u200b"), "already"),
    ],
)
def test_cards_that_do_not_belong_or_lie_are_refused(
    runs: Path, added: Path, change: Any, words: str
) -> None:
    changed(added, change)
    with pytest.raises(InputError) as caught:
        call("leaderboard", ["--runs", str(runs), "--add", str(added)])
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (runs / "leaderboard" / "added").exists()


def test_files_that_are_no_cards_get_one_line(
    runs: Path, added: Path, verb: Command, tmp_path: Path
) -> None:
    text = added.read_text()
    for number, content in enumerate(("", "[]", "{}", "[" * 100_000, "\xff", text[:-9])):
        path = tmp_path / f"{number}.json"
        path.write_text(content)
        with pytest.raises(InputError, match="not a usable card"):
            read_card(path)
    one_line(verb("leaderboard", "--runs", runs, "--add", tmp_path / "gone"), "cannot be read")
    one_line(verb("leaderboard", "--runs", tmp_path / "nowhere"), "no such folder")
    one_line(verb("leaderboard", "--runs", runs, "--metrics", "pnsr"), "did you mean 'psnr'?")


@pytest.mark.slow
def test_hostile_cards_inject_nothing(runs: Path, added: Path) -> None:
    hostile = [name for name in HOSTILE if name.isprintable()]
    for number, name in enumerate(hostile):
        card = json.loads(added.read_text())
        card["method"] = {"label": name[:100], "enhancer": name, "fingerprint": name}
        card["metrics"]["psnr"].update(title=name, unit=name)
        path = added.with_name(f"h{number}.json")
        path.write_text(json.dumps(card))
        assert call("leaderboard", ["--runs", str(runs), "--add", str(path)]) == 0
    out = runs / "leaderboard"
    elements = Elements((out / "leaderboard.html").read_text("utf-8"))
    assert len(elements.all("script")) == 1
    # Thumbnails are in the page.
    assert all(image["src"].startswith("data:image/") for image in elements.all("img"))
    for link in elements.all("a"):
        assert link["href"].startswith(("cards/", "added/")) and ":" not in link["href"]
        assert ".." not in link["href"]
    kinds = {token.type for token in tokens((out / "leaderboard.md").read_text("utf-8"))}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "code_inline"}
    with (out / "leaderboard.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert not row["label"].startswith(("=", "+", "-", "@"))
