"""study.json: a study's pictures and questions, and the hash by which an edit shows."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wespe_bench import atomic, provenance, reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.study import links

#: The file's name in a study's folder, and the layout number this version reads and writes.
FILE = "study.json"
FORMAT = 1

#: Side of a tile in pixels.
TILE = 512

#: What a study's ids look like.
OPAQUE = re.compile(r"[0-9a-f]{16}")

#: Most pixels of a picture, as of a photo, and the widest side.
_PIXELS, _SIDE = 2**28, 2**20


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

    Raises InputError when there is none, when study.json is damaged or of a newer layout, when
    it was edited by hand, which its revision shows, and where `links.check` does.
    """
    path = folder / FILE
    links.check(folder)
    try:
        content = reading.read_json(path)
        number = reading.layout_number(content["format"])
        if number > FORMAT:
            raise InputError(
                f"{path}: written by a newer wespe-bench (layout {number}); upgrade wespe-bench"
            )
        stated = content.pop("revision")
        study = _study(content)
        edited = stated != study.revision or stated != revision_of(content)
    except FileNotFoundError:
        raise InputError(
            f"{folder}: no study here (no {FILE}); wespe-bench study build makes one"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: damaged ({one_line(error)[:120]}); build the study again"
        ) from None
    if edited:
        raise InputError(
            f"{path}: edited after it was built (its revision does not fit); "
            "build the study again, into another --out if there are votes"
        )
    return study


def _study(content: Mapping[str, Any]) -> Study:
    """Raises ValueError, TypeError or KeyError for what is no study."""
    tile = content["tile"]
    if type(tile) is not int or not 1 <= tile <= _SIDE:
        raise ValueError("tile is not a size")
    pictures = {}
    for name, fields in content["pictures"].items():
        levels = tuple(Level(**level) for level in fields["levels"])
        picture = replace(Picture(**fields), levels=levels)
        pictures[_id(name)] = picture
        _check_sizes(f"picture {name}", picture, tile)
        for what in ("dataset", "sample", "method", "sha256"):
            check_text(getattr(picture, what), what)
    questions = tuple(Question(**fields) for fields in content["questions"])
    if len({_id(question.id) for question in questions}) != len(questions) or not questions:
        raise ValueError("no questions, or one twice")
    for question in questions:
        check_text(question.dataset, "dataset")
        check_text(question.sample, "sample")
        if not {question.first, question.second} <= pictures.keys():
            raise ValueError(f"question {question.id}: no such picture")
        if question.check not in (None, "first", "second"):
            raise ValueError(f"question {question.id}: check {question.check!r}")
    if type(content["seed"]) is not int:
        raise ValueError("seed is not a number")
    return Study(
        title=check_text(content["title"], "title"),
        seed=content["seed"],
        pictures=pictures,
        questions=questions,
        tile=tile,
        version=check_text(content["wespe_bench"], "wespe_bench"),
    )


def check_text(value: Any, what: str) -> str:
    """``value``, a text that can be stored, sent and shown. Raises ValueError for another."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise ValueError(f"{what} holds control characters or lone surrogates")
    return value


def _check_sizes(what: str, picture: Picture, tile: int) -> None:
    """Raise ValueError unless the numbers are sizes, and say one thing."""
    numbers = [v for level in picture.levels for v in asdict(level).values()]
    numbers += [picture.width, picture.height]
    if not picture.levels or not all(type(v) is int and 0 < v <= _SIDE for v in numbers):
        raise ValueError(f"{what}: its levels are no sizes")
    if picture.width * picture.height > _PIXELS:
        raise ValueError(f"{what}: more than {_PIXELS} pixels")
    sizes = (picture.width, picture.height), (picture.levels[0].width, picture.levels[0].height)
    if sizes[0] != sizes[1] or len(picture.levels) > 32:
        raise ValueError(f"{what}: its levels are not those of its size")
    for level in picture.levels:
        across, down = math.ceil(level.width / tile), math.ceil(level.height / tile)
        if (level.columns, level.rows) != (across, down):
            raise ValueError(f"{what}: its tiles are not those of its size")


def _id(name: Any) -> str:
    if not isinstance(name, str) or not OPAQUE.fullmatch(name):
        raise ValueError(f"{name!r} is not an id of 16 hexadecimal digits")
    return name
