"""Reads and checks the votes of a study."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.text import plain, plural
from wespe_bench.errors import InputError, one_line
from wespe_bench.study import database, manifest, secret
from wespe_bench.study import votes as standing

if TYPE_CHECKING:
    import pandas as pd

#: The table's columns, a row a vote; `wespe_bench.study.votes.load_votes` says what they hold.
COLUMNS = tuple(standing.COLUMNS)
_MAY_BE_EMPTY = ("check", *standing.SCREEN)
_NUMBERS = {"position": 1, "milliseconds": 0, "revised": 0}

#: The file of votes, and the study's own, in a study's folder.
FILE = "votes.csv"
STUDY_FILE = manifest.FILE

#: Most methods and data sets of one report: its tables grow with their product.
_MOST = 64

_NO_VOTES = "no votes yet; let people vote (wespe-bench study serve), or import their files"


@dataclass(frozen=True, slots=True)
class Study:
    """The content of study.json that a report needs; all empty without the file.

    ``questions``: id -> (data set, sample, first method, second method, check). ``hashes``:
    (data set, sample, method) -> SHA-256 of the picture that was shown.
    """

    title: str = ""
    revision: str = ""
    questions: Mapping[str, tuple[str, str, str, str, str]] | None = None
    hashes: Mapping[tuple[str, str, str], str] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The votes that count, and a line for each option that left some out.

    ``votes`` are of questions, ``checks`` of attention checks; ``every`` is both, before
    anything was left out.
    """

    votes: pd.DataFrame
    checks: pd.DataFrame
    every: pd.DataFrame
    left_out: tuple[str, ...]


def load_votes(path: Path) -> pd.DataFrame:
    """The votes of a study's folder or of a votes.csv, unchecked; see `check_votes`.

    The folder's database is read; without one, its votes.csv. Raises InputError where there are
    no votes, or no table.
    """
    import pandas as pd

    if path.is_dir() and (path / database.FILE).exists():
        return standing.load_votes(path)
    file = path / FILE if path.is_dir() else path
    if not file.exists() and (path / STUDY_FILE).exists():
        raise InputError(_NO_VOTES)
    if file != path and file.exists() and (path / secret.FILE).exists():
        warnings.warn(
            f"{path}: {database.FILE} is gone; the votes are those of {FILE}, as they stood when "
            "it was written",
            stacklevel=2,
        )
    try:
        standing.check_head(file)
        frame = pd.read_csv(
            file, dtype=str, keep_default_na=False, encoding="utf-8-sig", compression=None
        )
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); name the folder of a study, or its {FILE}"
        ) from None
    except ValueError as error:
        raise InputError(f"{file}: no table of votes ({one_line(error)[:120]})") from None
    for name in frame.columns.intersection(list(COLUMNS[:10])):
        escaped = {
            text: text[1:]  # undoes `wespe_bench.runs.escape_csv_formula`
            for text in frame[name].unique()
            if text[:1] == "'" and text[1:2] in tuple("=+-@\t\r")
        }
        if escaped:
            frame[name] = frame[name].replace(escaped)
    return frame


def read_study(folder: Path) -> Study:
    """What study.json in ``folder`` says; an empty `Study` without one. Raises InputError."""
    if not folder.is_dir() or not (folder / STUDY_FILE).exists():
        return Study()
    study = manifest.read(folder)
    return Study(
        study.title,
        study.revision,
        {
            one.id: (
                one.dataset,
                one.sample,
                study.pictures[one.first].method,
                study.pictures[one.second].method,
                one.check or "",
            )
            for one in study.questions
        },
        {(one.dataset, one.sample, one.method): one.sha256 for one in study.pictures.values()},
    )


def check_votes(frame: pd.DataFrame, study: Study | None = None) -> pd.DataFrame:
    """The votes with their types, in the order of raters and questions.

    Raises InputError, naming the first vote at fault, for lacking or unknown columns, values that
    are missing or contradict each other, a question voted on twice by one rater, votes on
    questions that the study did not ask, and no votes at all.
    """
    import pandas as pd

    frame = frame.assign(**{name: "" for name in standing.SCREEN if name not in frame.columns})
    lacking = [name for name in COLUMNS if name not in frame.columns]
    unknown = [plain(name) for name in frame.columns if name not in COLUMNS]
    for what, names in (("lack the columns", lacking), ("have unknown columns:", unknown)):
        if names:
            shown = ", ".join(name[:40] for name in names[:9])
            raise InputError(f"the votes {what} {shown}; expected are {', '.join(COLUMNS)}")
    if frame.empty:
        raise InputError(_NO_VOTES)
    texts = [name for name in COLUMNS if name not in (*_NUMBERS, "correct")]
    found = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for name in COLUMNS:
        values = frame[name].reset_index(drop=True)
        if name in texts:
            values = values.astype(object)
            if name in standing.SCREEN:
                values = values.fillna("")
            missing = values.isna() | (values == "") & (name not in _MAY_BE_EMPTY)
            _refuse(frame, missing, f"no {name}")
            found[name] = pd.Series([str(value) for value in values], dtype=object)
        elif name in _NUMBERS:
            numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
            wrong = ~np.isfinite(numbers) | (numbers % 1 != 0) | (numbers < _NUMBERS[name])
            _refuse(frame, wrong, f"{name} is no whole number from {_NUMBERS[name]}")
            found[name] = numbers.clip(upper=2**53).astype(np.int64)
        else:
            found[name] = pd.Series(list(map(_truth, values)), dtype=object)
    methods = len({*found["first"], *found["second"]})
    for count, what in ((methods, "methods"), (found["dataset"].nunique(), "data sets")):
        if count > _MOST:
            raise InputError(f"votes on {count:,} {what}; a report has at most {_MOST}")
    first, second, left = found["first"], found["second"], found["left"]
    checked = found["check"] != ""
    turned = (left == second) & (found["right"] == first)
    apart = ~turned & ~((left == first) & (found["right"] == second))
    _refuse(frame, apart, "left and right are not the question's two methods")
    _refuse(frame, ~checked & (first == second), "a method against itself")
    _refuse(frame, ~found["choice"].isin(["left", "right"]), "choice is neither left nor right")
    chosen = left.where(found["choice"] == "left", found["right"])
    _refuse(frame, chosen != found["chosen"], "chosen is not what stood on the side of the choice")
    _refuse(frame, ~found["check"].isin(["", "first", "second"]), "check is no first or second")
    _refuse(frame, checked & found["correct"].isna(), "an attention check without true or false")
    doubled = found.duplicated(["rater", "question"])
    _refuse(frame, doubled, "this rater's second vote on one question")
    asked = ["dataset", "sample", "first", "second", "check"]
    unlike = found.drop_duplicates(["question", *asked])
    _refuse(
        frame,
        found["question"].isin(unlike.loc[unlike.duplicated("question"), "question"]),
        "one question stands for different pairs",
    )
    if study is not None and study.questions is not None:
        questions = unlike[["question", *asked]].itertuples(index=False)
        foreign = {one[0] for one in questions if study.questions.get(one[0]) != tuple(one[1:])}
        _refuse(
            frame,
            found["question"].isin(foreign),
            f"a question that {STUDY_FILE} does not ask so: votes of another study",
        )
    return found.sort_values(["rater", "question"], kind="stable", ignore_index=True)


def keep(votes: pd.DataFrame, *, exclude_failed_checks: bool = False, min_ms: int = 0) -> Kept:
    """Split checked votes into those that count and those of attention checks.

    ``exclude_failed_checks`` leaves out raters who failed an attention check, ``min_ms`` votes
    given sooner. Raises InputError where no vote is left.
    """
    checks = votes[votes["check"] != ""]
    kept = votes[votes["check"] == ""]
    left_out = []
    if exclude_failed_checks:
        failed = checks.loc[~checks["correct"].astype(bool), "rater"].unique()
        away = kept["rater"].isin(failed)
        left_out.append(
            f"--exclude-failed-checks left out {plural(len(failed), 'rater')} who failed an "
            f"attention check, with {plural(int(away.sum()), 'vote')}"
        )
        kept = kept[~away]
    if min_ms > 0:
        fast = kept["milliseconds"] < min_ms
        left_out.append(
            f"--min-ms left out {plural(int(fast.sum()), 'vote')} given in under {min_ms:,} ms"
        )
        kept = kept[~fast]
    if kept.empty:
        reason = f" ({'; '.join(left_out)})" if left_out else ": attention checks only"
        raise InputError(f"no votes are left to report{reason}")
    return Kept(kept.reset_index(drop=True), checks.reset_index(drop=True), votes, tuple(left_out))


def _refuse(frame: pd.DataFrame, wrong: Any, what: str) -> None:
    wrong = np.asarray(wrong, dtype=bool)
    if not wrong.any():
        return
    number = int(np.flatnonzero(wrong)[0])
    row = frame.iloc[number]
    more = f" ({int(wrong.sum()) - 1:,} more like it)" if wrong.sum() > 1 else ""
    where = f"rater {plain(row['rater'])[:16]}, question {plain(row['question'])[:16]}"
    raise InputError(f"vote {number + 1} ({where}): {what}{more}; export the votes again")


def _truth(value: Any) -> bool | None:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
