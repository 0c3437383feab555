"""Votes that would make the report lie: refused in one line, or named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.study.report import votes_csv
from reports.study.votes import COLUMNS, Study, check_votes, keep, load_votes, read_study
from tests.hostile import studies
from tests.reports.study.simulated import table, write
from wespe_bench.errors import InputError
from wespe_bench.study import manifest

VOTES = table([[1, 0, 1], [1, 1, 0]])


def refused(frame: pd.DataFrame, study: Study | None = None) -> str:
    with pytest.raises(InputError) as caught:
        check_votes(frame, study)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("rater", None, "no rater"),
        ("dataset", "", "no dataset"),
        ("milliseconds", np.nan, "milliseconds is no whole number from 0"),
        ("milliseconds", -5, "milliseconds is no whole number from 0"),
        ("position", "x", "position is no whole number from 1"),
        ("choice", "middle", "choice is neither left nor right"),
        ("left", "c", "left and right are not the question's two methods"),
        ("chosen", "c", "chosen is not what stood on the side of the choice"),
        ("check", "third", "check is no first or second"),
        ("check", "first", "an attention check without true or false"),
        ("question", "q0", "second vote on one question"),
        ("sample", "other", "one question stands for different pairs"),
    ],
)
def test_a_wrong_value_is_named_with_its_vote(column: str, value: Any, complaint: str) -> None:
    frame = VOTES.astype(object)
    frame.loc[1, column] = value
    message = refused(frame)
    assert complaint in message and message.startswith(("vote 2 (", "vote 1 (", "vote 5 ("))


def test_columns_emptiness_and_other_studies_are_refused() -> None:
    assert "lack the columns choice" in refused(VOTES.drop(columns="choice"))
    assert "unknown columns: name" in refused(VOTES.assign(name="x"))
    assert refused(VOTES.iloc[:0]).startswith("no votes yet")
    asked = {f"q{i}": ("set", f"s{i}", "a", "b", "") for i in range(3)}
    assert len(check_votes(VOTES, Study(questions=asked))) == 6
    asked["q2"] = ("set", "s2", "a", "another", "")
    assert "votes of another study (1 more like it)" in refused(VOTES, Study(questions=asked))


def test_what_options_leave_out_is_said_and_nothing_left_is_refused() -> None:
    checks = table([[1], [0]]).assign(
        check="second", question="c", sample="c", correct=lambda f: f["chosen"] == "b"
    )
    votes = check_votes(pd.concat([VOTES, checks], ignore_index=True))
    assert len(keep(votes).votes) == 6 and keep(votes).left_out == ()
    kept = keep(votes, exclude_failed_checks=True)
    assert set(kept.votes["rater"]) == {"r0"} and len(kept.checks) == 2
    assert kept.left_out == (
        "--exclude-failed-checks left out 1 rater who failed an attention check, with 3 votes",
    )
    assert keep(votes, min_ms=4005).left_out == (
        "--min-ms left out 3 votes given in under 4,005 ms",
    )
    with pytest.raises(InputError, match="no votes are left"):
        keep(votes, min_ms=10**6)


def test_a_votes_csv_comes_back_as_it_was_also_with_formulas_and_words_for_nothing(
    tmp_path: Path,
) -> None:
    frame = table([[1, 0, 1], [1, 1, 0]], rival="=cmd|' /C calc'!A0", method="NA")
    frame["sample"] = frame["sample"].replace({"s0": "null", "s1": "-1+1"})
    votes = check_votes(frame)
    text = votes_csv(votes)
    assert "'=cmd|" in text and ",=cmd" not in text and ",'-1+1," in text
    (tmp_path / "votes.csv").write_text(text, "utf-8")
    pd.testing.assert_frame_equal(check_votes(load_votes(tmp_path)), votes)
    pd.testing.assert_frame_equal(check_votes(load_votes(tmp_path / "votes.csv")), votes)


def test_a_report_has_a_bound() -> None:
    votes = pd.concat([table([[1]], method=f"m{number}") for number in range(64)])
    assert "votes on 65 methods; a report has at most 64" in refused(votes)


def test_files_that_are_no_votes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_votes(tmp_path)
    (tmp_path / "votes.csv").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(InputError, match="no table of votes"):
        load_votes(tmp_path)
    (tmp_path / "votes.csv").write_text("")
    with pytest.raises(InputError, match="no table of votes"):
        load_votes(tmp_path)
    assert read_study(tmp_path) == Study()
    (tmp_path / "votes.csv").unlink()
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(InputError, match="no votes yet"):
        load_votes(tmp_path)
    with pytest.raises(InputError, match="damaged"):
        read_study(tmp_path)


def test_study_json_names_questions_and_pictures(tmp_path: Path) -> None:
    write(tmp_path, VOTES)
    made = studies.study()
    manifest.write(tmp_path, made)
    study = read_study(tmp_path)
    first = made.questions[0]
    methods = [made.pictures[name].method for name in (first.first, first.second)]
    assert study.questions is not None and study.hashes is not None
    assert study.questions[first.id] == (first.dataset, first.sample, *methods, first.check or "")
    assert len(study.questions) == len(made.questions)
    assert {p.sha256 for p in made.pictures.values()} == set(study.hashes.values())
    assert tuple(load_votes(tmp_path).columns) == COLUMNS
    text = (tmp_path / "study.json").read_text()
    (tmp_path / "study.json").write_text(text.replace(made.title, "another title"))
    with pytest.raises(InputError, match="edited after it was built"):
        read_study(tmp_path)


def test_a_lost_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text(votes_csv(VOTES))
    assert len(load_votes(tmp_path)) == 6  # an exported folder has no more
    (tmp_path / "secret.json").write_text("{}")
    with pytest.warns(
        UserWarning, match=r"votes\.sqlite is gone; the votes are those of votes\.csv"
    ):
        assert len(load_votes(tmp_path)) == 6
    assert len(load_votes(tmp_path / "votes.csv")) == 6
