"""A study without a server: a folder for a plain web host, a disk or a USB stick.

Only what raters may see is in it: no method's name, no file's name, no votes.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from wespe_bench import atomic
from wespe_bench.study.manifest import Study
from wespe_bench.study.server import PAGE

#: The folder's name inside the study's.
FOLDER = "static"

#: Where the page loads the study's data, in index.html.
_PLACE = "<!-- study-data -->"


def write_static(folder: Path, study: Study, page: Path = PAGE) -> Path:
    """Write ``folder/static`` and return it.

    Holds index.html, page/, tiles/ (hard links where the file system has them) and
    study-data.js: ``window.STUDY`` with title, tile, revision, the pictures' levels, and the
    questions' ids and pictures. Attention checks are not marked.
    """
    out = folder / FOLDER
    data = {
        "title": study.title,
        "tile": study.tile,
        "revision": study.revision,
        "pictures": {
            name: {"levels": [asdict(level) for level in picture.levels]}
            for name, picture in study.pictures.items()
        },
        "questions": [
            {"id": question.id, "first": question.first, "second": question.second}
            for question in study.questions
        ],
    }
    # "<" is written so that no title can end the script.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    for name in study.pictures:
        _copy(folder / "tiles" / name, out / "tiles" / name)
    for path in sorted((out / "tiles").iterdir()):
        if path.name not in study.pictures:
            shutil.rmtree(path)
    for path in sorted(page.glob("*")):
        if path.name == "index.html":
            html = path.read_text("utf-8").replace(_PLACE, '<script src="study-data.js"></script>')
            atomic.write_text(out / "index.html", html)
        elif path.is_file():
            atomic.write_bytes(out / "page" / path.name, path.read_bytes())
    atomic.write_text(out / "study-data.js", f"window.STUDY = {text};\n")
    return out


def _copy(source: Path, target: Path) -> None:
    """The tiles of a picture, which never change: what is there is right."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:  # another file system, or one without links
            shutil.copyfile(one, other)

    if target.is_dir():
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, temporary, copy_function=link)
    temporary.rename(target)
