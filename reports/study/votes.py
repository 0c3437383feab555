"""The votes of a study, read and checked: what would make the report lie is refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.text import plain, plural
from wespe_bench import reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.study import database, secret

if TYPE_CHECKING:
    import pandas as pd

#: The table's columns, a row a standing vote. ``first`` is the rival, ``second`` the method
#: under test; ``left`` and ``right`` are methods as shown, ``choice`` is left or right and
#: ``chosen`` the method; ``check`` is empty, or names the better of an attention check, whose
#: ``correct`` is true or false; ``position`` counts from 1 in the rater's order; ``revised`` is
#: how often the vote was changed, ``source`` server or file.
COLUMNS = (
    *("rater", "question", "dataset", "sample", "first", "second", "left", "right", "choice"),
    *("chosen", "check", "correct", "position", "milliseconds", "revised", "source"),
)
_NUMBERS = {"position": 1, "milliseconds": 0, "revised": 0}

#: The file of votes, and the study's own, in a study's folder.
FILE = "votes.csv"
STUDY_FILE = "study.json"

_NO_VOTES = "no votes yet; let people vote (wespe-bench study serve), or import their files"


@dataclass(frozen=True, slots=True)
class Study:
    """What study.json says, where there is one.

    ``questions``: id -> (data set, sample, first method, second method, check). ``hashes``:
    (data set, sample, method) -> SHA-256 of the picture that was shown.
    """

    title: str = ""
    revision: str = ""
    questions: Mapping[str, tuple[str, str, str, str, str]] | None = None
    hashes: Mapping[tuple[str, str, str], str] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The votes that count, and in words what was left out by whose option.

    ``votes`` are of questions that ask, ``checks`` those of attention checks; ``every`` is both
    before anything was left out.
    """

    votes: pd.DataFrame
    checks: pd.DataFrame
    every: pd.DataFrame
    left_out: tuple[str, ...]


def load_votes(path: Path) -> pd.DataFrame:
    """The votes of a study's folder or of a votes.csv, with `COLUMNS` all as they stand there.

    A study's own folder has them in its database; one with a votes.csv alone was exported.

    Raises InputError where there are none, or they are no table.
    """
    import pandas as pd

    if path.is_dir() and (path / database.FILE).exists():
        from wespe_bench.study import votes

        return votes.load_votes(path)
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
        reading.check_regular(file)
        frame = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); name the folder of a study, or its {FILE}"
        ) from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file}: no table of votes ({one_line(error)[:120]})") from None
    for name in frame.columns.intersection(list(COLUMNS[:10])):
        armed = {
            text: text[1:]  # undoes `wespe_bench.runs.disarmed`
            for text in frame[name].unique()
            if text[:1] == "'" and text[1:2] in tuple("=+-@\t\r")
        }
        if armed:
            frame[name] = frame[name].replace(armed)
    return frame


def read_study(folder: Path) -> Study:
    """What study.json in ``folder`` says; an empty `Study` without one. Raises InputError."""
    path = folder / STUDY_FILE
    if not folder.is_dir() or not path.exists():
        return Study()
    try:
        content = reading.read_json(path)
        pictures = content["pictures"]
        questions = {
            str(one["id"]): (
                str(one["dataset"]),
                str(one["sample"]),
                str(pictures[one["first"]]["method"]),
                str(pictures[one["second"]]["method"]),
                str(one.get("check") or ""),
            )
            for one in content["questions"]
        }
        hashes = {
            (str(one["dataset"]), str(one["sample"]), str(one["method"])): str(one["sha256"])
            for one in pictures.values()
        }
        return Study(str(content["title"]), str(content["revision"]), questions, hashes)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({one_line(error)[:120]})") from None


def check_votes(frame: pd.DataFrame, study: Study | None = None) -> pd.DataFrame:
    """The votes with their types, in the order of raters and questions.

    Raises InputError, naming the first vote at fault, for lacking or unknown columns, values that
    are missing or contradict each other, a question voted on twice by one rater, votes on
    questions that the study did not ask, and no votes at all.
    """
    import pandas as pd

    lacking = [name for name in COLUMNS if name not in frame.columns]
    unknown = [plain(name) for name in frame.columns if name not in COLUMNS]
    for what, names in (("lack the columns", lacking), ("have unknown columns:", unknown)):
        if names:
            raise InputError(
                f"the votes {what} {', '.join(names)}; expected are {', '.join(COLUMNS)}"
            )
    if frame.empty:
        raise InputError(_NO_VOTES)
    texts = [name for name in COLUMNS if name not in (*_NUMBERS, "correct")]
    found = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for name in COLUMNS:
        values = frame[name].reset_index(drop=True)
        if name in texts:
            values = values.astype(object)
            missing = values.isna() | (values == "") & (name != "check")
            _refuse(frame, missing, f"no {name}")
            found[name] = pd.Series([str(value) for value in values], dtype=object)
        elif name in _NUMBERS:
            numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
            wrong = ~np.isfinite(numbers) | (numbers % 1 != 0) | (numbers < _NUMBERS[name])
            _refuse(frame, wrong, f"{name} is no whole number from {_NUMBERS[name]}")
            found[name] = numbers.clip(upper=2**53).astype(np.int64)
        else:
            found[name] = pd.Series(list(map(_truth, values)), dtype=object)
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
    """Part checked votes into those that count and attention checks; nothing goes unsaid.

    ``exclude_failed_checks`` leaves out raters who failed an attention check, ``min_ms`` votes
    given sooner. Raises InputError where no vote is left.
    """
    checks = votes[votes["check"] != ""]
    kept = votes[votes["check"] == ""]
    told = []
    if exclude_failed_checks:
        failed = checks.loc[~checks["correct"].astype(bool), "rater"].unique()
        away = kept["rater"].isin(failed)
        told.append(
            f"--exclude-failed-checks left out {plural(len(failed), 'rater')} who failed an "
            f"attention check, with {plural(int(away.sum()), 'vote')}"
        )
        kept = kept[~away]
    if min_ms > 0:
        fast = kept["milliseconds"] < min_ms
        told.append(
            f"--min-ms left out {plural(int(fast.sum()), 'vote')} given in under {min_ms:,} ms"
        )
        kept = kept[~fast]
    if kept.empty:
        reason = f" ({'; '.join(told)})" if told else ": attention checks only"
        raise InputError(f"no votes are left to report{reason}")
    return Kept(kept.reset_index(drop=True), checks.reset_index(drop=True), votes, tuple(told))


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
