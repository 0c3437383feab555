"""study.json: a study's pictures and questions, and the hash by which an edit shows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wespe_bench import atomic, provenance, reading
from wespe_bench.errors import InputError, one_line

#: The file's name in a study's folder, and the layout number this version reads and writes.
FILE = "study.json"
FORMAT = 1

#: Side of a tile in pixels.
TILE = 512

#: What a study's ids look like.
OPAQUE = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Level:
    """One size of a picture: pixels, and how many tiles across and down."""

    width: int
    height: int
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One method's image of one sample; ``sha256`` is of the file that is scored.

    ``levels[0]`` is the full size, each next one half of it, until one tile holds it.
    """

    dataset: str
    sample: str
    method: str
    sha256: str
    width: int
    height: int
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One pair: the rival's picture first, the method's second; ``check`` names the better one
    of an attention check ("first" or "second"), and is None for a question that asks."""

    id: str
    dataset: str
    sample: str
    first: str
    second: str
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """All of study.json. Pictures by their opaque ids."""

    title: str
    seed: int
    pictures: Mapping[str, Picture]
    questions: tuple[Question, ...]
    tile: int = TILE
    version: str = ""

    def content(self) -> dict[str, Any]:
        """What study.json holds, without the revision."""
        return {
            "format": FORMAT,
            "title": self.title,
            "seed": self.seed,
            "wespe_bench": self.version,
            "tile": self.tile,
            "pictures": {name: asdict(picture) for name, picture in self.pictures.items()},
            "questions": [asdict(question) for question in self.questions],
        }

    @property
    def revision(self) -> str:
        """SHA-256 of the content as canonical JSON: keys sorted, no spaces, ASCII."""
        return revision_of(self.content())


def revision_of(content: Mapping[str, Any]) -> str:
    """The SHA-256, as hex, of the canonical JSON of study.json without its revision."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return provenance.sha256_bytes(text.encode("ascii"))


def write(folder: Path, study: Study) -> None:
    """Write study.json, atomically."""
    content = {"format": FORMAT, "revision": study.revision, **study.content()}
    atomic.write_text(folder / FILE, json.dumps(content, indent=1) + "\n")


def read(folder: Path) -> Study:
    """The study in ``folder``.

    Raises InputError when there is none, when study.json is damaged or of a newer layout, and
    when it was edited by hand, which its revision shows.
    """
    path = folder / FILE
    try:
        content = reading.read_json(path)
        number = reading.layout_number(content["format"])
        if number > FORMAT:
            raise InputError(
                f"{path}: written by a newer wespe-bench (layout {number}); upgrade wespe-bench"
            )
        stated = content.pop("revision")
        study = _study(content)
    except FileNotFoundError:
        raise InputError(
            f"{folder}: no study here (no {FILE}); wespe-bench study build makes one"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: damaged ({one_line(error)[:120]}); build the study again"
        ) from None
    if stated != study.revision or stated != revision_of(content):
        raise InputError(
            f"{path}: edited after it was built (its revision does not fit); "
            "build the study again, into another --out if there are votes"
        )
    return study


def _study(content: Mapping[str, Any]) -> Study:
    """Raises ValueError, TypeError or KeyError for what is no study."""
    pictures = {}
    for name, told in content["pictures"].items():
        levels = tuple(Level(**level) for level in told["levels"])
        pictures[_id(name)] = Picture(**{**told, "levels": levels})
        numbers = [v for level in levels for v in asdict(level).values()]
        if not levels or not all(type(v) is int and v > 0 for v in numbers):
            raise ValueError(f"picture {name}: its levels are no sizes")
    questions = tuple(Question(**told) for told in content["questions"])
    if len({_id(question.id) for question in questions}) != len(questions) or not questions:
        raise ValueError("no questions, or one twice")
    for question in questions:
        if not {question.first, question.second} <= pictures.keys():
            raise ValueError(f"question {question.id}: no such picture")
        if question.check not in (None, "first", "second"):
            raise ValueError(f"question {question.id}: check {question.check!r}")
    if type(content["seed"]) is not int or not isinstance(content["title"], str):
        raise ValueError("title or seed is of the wrong kind")
    if type(content["tile"]) is not int or content["tile"] < 1:
        raise ValueError("tile is no size")
    return Study(
        title=content["title"],
        seed=content["seed"],
        pictures=pictures,
        questions=questions,
        tile=content["tile"],
        version=str(content["wespe_bench"]),
    )


def _id(name: Any) -> str:
    if not isinstance(name, str) or not OPAQUE.fullmatch(name):
        raise ValueError(f"{name!r} is no id of 16 hexadecimal digits")
    return name
