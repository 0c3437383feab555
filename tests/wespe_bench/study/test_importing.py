from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from reports.study import votes as reported
from reports.study.votes import check_votes
from tests.conftest import Command
from tests.wespe_bench.study.studies import make_study
from wespe_bench.cli import call
from wespe_bench.errors import InputError
from wespe_bench.study.importing import MOST_BYTES, read
from wespe_bench.study.manifest import Study
from wespe_bench.study.votes import load_votes, to_csv


def filled(study: Study, seed: int = 0, count: int | None = None) -> dict[str, Any]:
    """What the static page lets a rater download."""
    draw = random.Random(seed)
    questions = draw.sample(study.questions, len(study.questions))
    votes = []
    for place, question in enumerate(questions, 1):
        left, right = draw.sample([question.first, question.second], 2)
        votes.append(
            {
                "question": question.id,
                "left": left,
                "right": right,
                "choice": draw.choice(["left", "right"]),
                "milliseconds": draw.randrange(9000),
                "position": place,
                "revised": 0,
                "screen": {"surround": "#777777", "width": 800, "height": 600, "ratio": 1},
            }
        )
    votes_file = {"format": 1, "study": study.revision, "rater": f"{seed:022d}", "seed": seed}
    return {**votes_file, "votes": votes[:count]}


def put(path: Path, content: dict[str, Any]) -> str:
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Study]:
    return make_study(tmp_path, questions=5)


def test_merged_once(place: tuple[Path, Study], tmp_path: Path, verb: Command) -> None:
    folder, study = place
    votes_file = filled(study)
    part = put(tmp_path / "part.json", {**votes_file, "votes": votes_file["votes"][:3]})
    whole, other = put(tmp_path / "a.json", votes_file), put(tmp_path / "b.json", filled(study, 1))
    first = verb("study", "import", folder, part)
    assert (first.returncode, first.stdout.split()[0]) == (0, "3"), first.stderr
    for expected, files in ((7, [whole, other, part]), (0, [part, other, whole, whole])):
        assert call("study import", [str(folder), *files]) == 0
        rows = load_votes(folder)
        assert len(rows) == 10
        assert expected in (0, 7)
    mine = rows[rows["rater"] == rows["rater"].iloc[0]]
    assert list(mine["choice"]) == [vote["choice"] for vote in votes_file["votes"]]
    assert list(mine["question"]) == [vote["question"] for vote in votes_file["votes"]]
    assert [study.pictures[vote["left"]].method for vote in votes_file["votes"]] == list(
        mine["left"]
    )
    assert set(rows["source"]) == {"file"}
    # An answer that was changed after the first download counts as changed.
    changed = copy.deepcopy(votes_file)
    last = changed["votes"][4]
    last["choice"] = "left" if last["choice"] == "right" else "right"
    last["revised"] = 1
    assert call("study import", [str(folder), put(tmp_path / "c.json", changed), whole]) == 0
    rows = load_votes(folder)
    assert len(rows) == 10
    assert rows["choice"].iloc[4] == last["choice"]
    assert rows["revised"].iloc[4] == 1


def altered(study: Study) -> dict[str, dict[str, Any]]:
    """Files that no page gave out, by what is wrong."""
    good = filled(study)
    found: dict[str, dict[str, Any]] = {
        "of another study": {**good, "study": "0" * 64},
        "format 2": {**good, "format": 2},
        "rater is not an id": {**good, "rater": "Ann"},
        "more votes than questions": {**good, "votes": good["votes"] * 2},
        "altered": {**good, "votes": None},
        "'rater'": {key: value for key, value in good.items() if key != "rater"},
    }
    changes: dict[str, dict[str, Any]] = {
        "no such question": {"question": "0" * 16},
        "not the pictures": {"left": good["votes"][1]["left"]},
        "choice is left or right": {"choice": "both"},
        "a place is missing or doubled": {"position": 2},
        "'1' is no number": {"milliseconds": "1"},
        "-1 is no number": {"revised": -1},
        "True is no number": {"position": True},
        "its fields": {"name": "Ann"},
        "surround is no colour": {
            "screen": {"surround": "grey", "width": 800, "height": 600, "ratio": 1}
        },
    }
    for said, change in changes.items():
        votes = [good["votes"][0] | change, *good["votes"][1:]]
        found[said] = {**good, "votes": votes}
    again = [{**good["votes"][0], "position": 1}, {**good["votes"][0], "position": 2}]
    found["a question twice"] = {**good, "votes": again}
    return found


def test_altered_files_are_refused(place: tuple[Path, Study], tmp_path: Path) -> None:
    folder, study = place
    for said, content in altered(study).items():
        path = put(tmp_path / "x.json", content)
        with pytest.raises(InputError, match=said):
            read(Path(path), study)
        with pytest.raises(InputError, match=said):
            call("study import", [str(folder), path])
    for data in (b"", b"\xff", b"[" * 9999, b"[]", b"3", b" " * (MOST_BYTES + 1)):
        (tmp_path / "x.json").write_bytes(data)
        with pytest.raises(InputError, match="no file of votes"):
            read(tmp_path / "x.json", study)
    assert not len(load_votes(folder))


def test_one_bad_file_of_three(
    place: tuple[Path, Study], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, study = place
    votes_file = filled(study)
    good = put(tmp_path / "a.json", votes_file)
    forged = copy.deepcopy(votes_file)
    forged["votes"][2]["milliseconds"] += 1
    bad = put(tmp_path / "b.json", forged)
    assert call("study import", [str(folder), good, bad, str(tmp_path / "none.json")]) == 3
    _, *lines = capsys.readouterr().err.splitlines()
    assert ["contradicts an earlier file" in lines[0], "no such file" in lines[1]] == [True, True]
    assert len(load_votes(folder)) == 5


def test_a_wrong_file_leaves_no_votes_behind(
    place: tuple[Path, Study], tmp_path: Path, verb: Command
) -> None:
    folder, _ = place
    before = set(folder.iterdir())
    result = verb("study", "import", folder, put(tmp_path / "x.json", {"a": 1}))
    assert result.returncode == 2 and "no file of votes" in result.stderr
    assert set(folder.iterdir()) == before


def test_why_none_of_several_files_counts(place: tuple[Path, Study], tmp_path: Path) -> None:
    folder, study = place
    other = put(tmp_path / "b.json", filled(study) | {"study": "0" * 64})
    files = [str(tmp_path / "a.json"), other, str(tmp_path / "c.json")]
    with pytest.raises(InputError) as caught:
        call("study import", [str(folder), *files])
    assert str(caught.value) == (
        f"3 files refused: 2 no such file ({files[0]} ...), 1 votes of another study, or of "
        f"another revision of this one ({other})"
    )


def test_csv_escapes_formulas_and_reads_back(tmp_path: Path) -> None:
    from dataclasses import replace

    from wespe_bench.study import manifest

    folder, study = make_study(tmp_path, questions=3, checks=1)
    named = {
        name: replace(picture, method="=1+1") if picture.method == "rival" else picture
        for name, picture in study.pictures.items()
    }
    study = replace(study, pictures=named)
    manifest.write(folder, study)
    assert call("study import", [str(folder), put(tmp_path / "a.json", filled(study))]) == 0
    text = to_csv(folder)
    assert ",'=1+1," in text and ",=1+1," not in text
    (tmp_path / "votes.csv").write_text(text)
    rows = check_votes(load_votes(folder))
    assert check_votes(reported.load_votes(tmp_path / "votes.csv")).equals(rows)
    assert "=1+1" in set(rows["first"])
    for damage in ("rater,question\n1,2\n", "", text.replace("left", "lift"), "\x00"):
        (tmp_path / "votes.csv").write_text(damage)
        with pytest.raises(InputError):
            check_votes(reported.load_votes(tmp_path / "votes.csv"))


def test_no_votes_yet(place: tuple[Path, Study]) -> None:
    rows = load_votes(place[0])
    assert len(rows) == 0
    assert str(rows["correct"].dtype) == "boolean"
