"""Added cards whose scores are computed again: true ones, and forged ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.cards import _digest, results_digest
from tests.conftest import Command
from tests.reports.test_cards import changed, resigned
from tests.verbs import one_line
from wespe_bench import provenance
from wespe_bench.images import read_rgb, write_png


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs here, and a stranger's method: its card and its pictures."""
    from wespe_bench import enhance, load_dataset, score

    root = tmp_path_factory.mktemp("added")
    rng = np.random.default_rng(1)
    for number in range(6):
        photo = rng.integers(0, 200, (24, 32, 3)).astype(np.uint8)
        write_png(root / "photos" / f"p{number}.png", photo)
        write_png(root / "truth" / f"p{number}.png", photo + np.uint8(number + 20))
    photos = load_dataset("folder", input=root / "photos", reference=root / "truth", name="photos")
    for label, shift in (("identity", 0), ("Theirs", 10)):
        where = "theirs" if shift else "runs"
        run = enhance(
            lambda image, shift=shift: image + np.uint8(shift),
            photos,
            out=root / where / "photos" / label,
            label=label,
        )
        score(run, ["psnr", "ssim", "entropy"])
    from wespe_bench.cli import call

    assert call("leaderboard", ["--runs", str(root / "theirs")]) == 0
    shutil.copy(root / "theirs/leaderboard/cards/photos/Theirs/card.json", root / "card.json")
    return root


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


BOARD = ("leaderboard", "--runs", "runs", "--add", "card.json")


@pytest.mark.parametrize(
    "folder", ["theirs/photos/Theirs", "theirs/photos/Theirs/images", "theirs/photos", "theirs"]
)
def test_true_scores_are_verified_from_pictures(here: Path, verb: Command, folder: str) -> None:
    shown = verb(*BOARD, "--verify", folder)
    assert shown.returncode == 0, shown.stderr
    assert "Theirs (added, verified)" in shown.stdout
    assert "added, verified" in (here / "runs/leaderboard/leaderboard.html").read_text("utf-8")
    board = json.loads((here / "runs/leaderboard/leaderboard.json").read_text())["boards"][0]
    assert {one["label"]: one["state"] for one in board["methods"]} == {
        "Theirs": "verified",
        "identity": "",
    }
    # Nothing is believed the next time: it is not said how it was.
    assert "Theirs (added, not verified)" in verb("leaderboard", "--runs", "runs").stdout


def _refused(verb: Command, *words: str) -> None:
    shown = verb(*BOARD, "--verify", "theirs")
    assert shown.returncode == 3, shown.stdout
    (line,) = shown.stderr.splitlines()
    for word in ("Theirs is left out: ", *words):
        assert word in line
    assert "| Theirs" not in shown.stdout and "Theirs is left out" in shown.stdout


@pytest.mark.parametrize("place", [0, 5])
def test_a_forged_score_is_named_and_the_card_left_out(
    here: Path, verb: Command, place: int
) -> None:
    changed(here / "card.json", resigned(lambda c: c["scores"]["psnr"].__setitem__(place, 45.5)))
    _refused(
        verb, f"its card says 45.5 for psnr of p{place}, and its picture in theirs/", "gives 2"
    )
    assert not (here / "runs/leaderboard/added").exists()
    # Without a check it stands there, and says that nobody checked.
    assert "Theirs (added, not verified)" in verb(*BOARD).stdout


def test_a_tiny_forgery_is_seen_and_rounding_is_not(here: Path, verb: Command) -> None:
    values = json.loads((here / "card.json").read_text())["scores"]["ssim"]
    to = lambda v: resigned(lambda c: c["scores"]["ssim"].__setitem__(2, v))  # noqa: E731
    changed(here / "card.json", to(values[2] + 1e-9))
    assert "Theirs (added, verified)" in verb(*BOARD, "--verify", "theirs").stdout
    shutil.rmtree(here / "runs/leaderboard")
    changed(here / "card.json", to(values[2] + 1e-4))
    _refused(verb, "for ssim of p2")


def test_better_pictures_than_the_cards_do_not_verify_it(here: Path, verb: Command) -> None:
    images = here / "theirs/photos/Theirs/images"
    write_png(images / "p3.png", read_rgb(here / "truth/p3.png") - np.uint8(1))
    _refused(verb, "for psnr of p3")
    # Nor with the scores of those pictures, as the card's own digest names others.
    card = json.loads((here / "card.json").read_text())

    def forge(c: Any) -> None:
        from wespe_bench.registry import load_metric

        image, truth = read_rgb(images / "p3.png"), read_rgb(here / "truth/p3.png")
        for name in c["scores"]:
            metric = load_metric(name)
            against = truth if metric.full_reference else None
            c["scores"][name][3] = metric.compute(image, against)

    changed(here / "card.json", resigned(forge))
    _refused(verb, "are not those that its card was made from")
    hashes = {s: provenance.sha256_file(images / f"{s}.png") for s in card["samples"]}
    changed(here / "card.json", lambda c: c.update(results_sha256=results_digest(hashes)))
    # A card computed again from the swapped pictures is true of those pictures.
    assert "Theirs (added, verified)" in verb(*BOARD, "--verify", "theirs").stdout


def test_pictures_that_are_none_or_of_another_size(here: Path, verb: Command) -> None:
    images = here / "theirs/photos/Theirs/images"
    whole = (images / "p2.png").read_bytes()
    write_png(images / "p2.png", np.zeros((8, 8, 3), np.uint8))
    _refused(verb, "p2 cannot be scored")
    (images / "p2.png").write_bytes(whole[:60])
    _refused(verb, "p2 cannot be scored", "damaged")
    (images / "p2.png").unlink()
    _refused(verb, "p2.png in theirs", "cannot be read (No such file")
    (images / "p2.png").symlink_to("/dev/zero")
    _refused(verb, "p2.png in theirs", "not a regular file")


def test_a_reference_that_has_changed_verifies_nothing(here: Path, verb: Command) -> None:
    from wespe_bench import store

    run = here / "runs/photos/identity"
    rows = store.records(store.load_samples(run))
    for row in rows:
        row["reference"] = str(here / "truth" / f"{row['sample']}.png")
    store.write_samples(run, rows)
    write_png(here / "truth/p1.png", np.zeros((24, 32, 3), np.uint8))
    one_line(verb(*BOARD, "--verify", "theirs"), "p1.png has changed since the runs were scored")


def test_metrics_that_are_not_known_here_are_named(here: Path, verb: Command) -> None:
    def forge(c: Any) -> None:
        c["metrics"]["my.py:BEST"] = c["metrics"]["psnr"] | {"title": "Best"}
        c["scores"]["my.py:BEST"] = [99.0] * 6

    changed(here / "card.json", resigned(forge))
    shown = verb(*BOARD, "--verify", "theirs")
    assert "Theirs (added, verified but for my.py:BEST)" in shown.stdout

    def only(c: Any) -> None:
        c["metrics"] = {"psnr": c["metrics"]["psnr"]}
        c["scores"] = {"psnr": [None] * 5 + [c["scores"]["psnr"][5]]}

    shutil.rmtree(here / "runs/leaderboard")
    changed(here / "card.json", resigned(only))
    assert "Theirs (added, verified)" in verb(*BOARD, "--verify", "theirs").stdout


def test_folders_without_pictures_get_one_line(here: Path, verb: Command) -> None:
    one_line(verb(*BOARD, "--verify", "nowhere"), "--verify nowhere: no such folder")
    one_line(verb(*BOARD, "--verify", "photos/.."), "no pictures of an added card (Theirs)")
    one_line(verb(*BOARD[:3], "--verify", "theirs"), "no card was added")


def test_a_label_that_is_a_path_reads_nothing_elsewhere(here: Path, verb: Command) -> None:
    shutil.move(here / "theirs", here / "elsewhere")
    (here / "theirs").mkdir()
    for label in ("../elsewhere/photos/Theirs", str(here / "elsewhere/photos/Theirs")):
        changed(here / "card.json", lambda c, label=label: c["method"].update(label=label[:100]))
        one_line(verb(*BOARD, "--verify", "theirs"), "no pictures of an added card")


def test_digests_are_the_ones_of_cards() -> None:
    assert results_digest({"b": "2", "a": "1"}) == _digest([["a", "1"], ["b", "2"]])
