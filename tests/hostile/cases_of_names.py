"""Hostile names: of files, methods, data sets and metrics, on the way to pages and spreadsheets."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

from tests.hostile import photos
from tests.hostile.cases import Case

TITLE = "Names"

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
LINK = "[click](javascript:alert(1)) `x` **b** | c"
FORMULA = "=HYPERLINK(1)+cmd|' /C calc'!A0"
_TEX = r"\input{/etc/passwd}\write18{touch pwned}"
TURNED = "a\u202egnp.exe"

_RUN = "enhance identity --input photos --out out --jobs 0"
_DONE = "1 photos enhanced with ... -> out"
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _photo(name: str | bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        from wespe_bench.images import encode_png

        (folder / "photos").mkdir()
        path = folder / "photos" / os.fsdecode(name)
        with open(path, "wb") as file:
            file.write(encode_png(photos.pixels()))

    return make


def _copier(name: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _photo(name)(folder)
        (folder / "copy.py").write_text("import shutil, sys; shutil.copy(*sys.argv[1:3])")

    return make


_COPY = "enhance 'C=cmd:python3 copy.py {input} {output}{}' --input photos --out out --jobs 0"


def _linked(target: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _photo("a.png")(folder)
        (folder / "photos" / "b.png").symlink_to(target)

    return make


def _pipe(folder: Path) -> None:
    (folder / "photos").mkdir()
    os.mkfifo(folder / "photos" / "x.png")


def _loop(folder: Path) -> None:
    _photo("a.png")(folder)
    (folder / "photos" / "again").symlink_to("..")


def runs_called(name: str) -> Callable[[Path], object]:
    """Two runs in which everything that is a name is this one."""

    def make(folder: Path) -> None:
        from tests.reports.runs import make_run

        for number, label in enumerate(("identity", name)):
            make_run(
                folder / "theirs",
                label,
                {"psnr": [20.0, 21.0, 22.0 + number], name: [1.0, 2.0, 3.0 + number]},
                folder=f"run{number}",
                dataset=name.replace("/", "∕"),
                samples=[f"{n}{name.replace('/', '∕')}" for n in "abc"],
                note=name,
                version=name,
                revision=name,
                failures=[(f"a{name.replace('/', '∕')}", "score", name)],
                enhancer=name,
                fingerprint=name.replace("|", "¦"),  # what follows a bar is the photo's own
                device=name,
                platform=name,
                command=name,
                created=name,
                versions={name: name},
                metrics={
                    name: {"title": name, "unit": name, "summary": name, "higher_is_better": True}
                },
            )

    return make


def _texts(folder: Path, ending: str) -> list[str]:
    found = [path.read_text("utf-8") for path in sorted((folder / "out").rglob(f"*{ending}"))]
    assert found
    return found


def page_is_inert(folder: Path, scripts: int = 1) -> None:
    from tests.reports.test_page import Elements

    for text in _texts(folder, ".html"):
        elements = Elements(text)
        assert len(elements.all("script")) == scripts
        for tag, attributes in elements.found:
            assert tag not in ("iframe", "object", "embed", "base", "form")
            assert not any(name.startswith("on") for name in attributes)
            for name in ("src", "srcset", "href"):
                value = attributes.get(name, "#")
                assert value.startswith(("data:", "#", "cards/", "added/", "card.json")), value
        (policy,) = (m["content"] for m in elements.all("meta") if "http-equiv" in m)
        assert "default-src 'none'" in policy and "unsafe" not in policy


def markdown_is_text(folder: Path) -> None:
    from tests.reports.test_markdown import tokens

    allowed = {"code_inline"} if any("`wespe-bench" in t for t in _texts(folder, ".md")) else set()
    for text in _texts(folder, ".md"):
        # What to cite is a block of ours, and holds no name of theirs.
        ours = [t for t in tokens(text) if t.type == "fence" and t.info == "bibtex"]
        assert not any(name in t.content for t in ours for name in (SCRIPT, LINK, FORMULA))
        # The second best of a column is underlined.
        ours += [t for t in tokens(text) if t.content in ("<ins>", "</ins>")]
        kinds = {token.type for token in tokens(text) if token not in ours} - allowed
        assert not kinds & {"html_inline", "html_block", "link_open", "image", "fence", "em_open"}


def cells_are_text(folder: Path) -> None:
    for path in sorted((folder / "out").rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for cell in row.values():
                    if cell and cell.startswith(_FORMULA_SIGNS):
                        float(cell)  # a number may be negative


def _tex_is_text(folder: Path) -> None:
    for text in _texts(folder, ".tex"):
        assert r"\input" not in text and r"\write" not in text


def _page_and_markdown(folder: Path) -> None:
    page_is_inert(folder)
    markdown_is_text(folder)


def _board(folder: Path) -> None:
    _page_and_markdown(folder)
    cells_are_text(folder)


def _no_shell(folder: Path) -> None:
    assert not list(folder.rglob("pwned*"))


def _named(offered: str, name: str | bytes, answer: str, code: int = 2) -> Case:
    return Case(offered, _photo(name), _RUN, answer, code)


def _copied(offered: str, name: str, more: str = "") -> Case:
    return Case(offered, _copier(name), _COPY.replace("{}", more), _DONE, 0, _no_shell)


def _shown(what: str, name: str, verb: str, check: Callable[[Path], None], answer: str) -> Case:
    return Case(
        f"{what} as every name of two runs, to `{verb.split()[0]}`",
        runs_called(name),
        verb,
        answer,
        0,
        check,
    )


_UNUSABLE = "a name with control characters, a backslash or bytes that are not UTF-8; rename it"
_REPORT = "report theirs --out out"
_BOARD = "leaderboard --runs theirs --out out"

CASES = (
    _named("a photo with a line break in its name", "a\nb.png", f"'photos/a\\nb.png': {_UNUSABLE}"),
    _named(
        "a photo with the terminal's escape in its name",
        "a\x1b[31mb.png",
        f"'photos/a\\x1b[31mb.png': {_UNUSABLE}",
    ),
    _named(
        "a photo whose name is no UTF-8", b"caf\xe9.png", f"'photos/caf\\udce9.png': {_UNUSABLE}"
    ),
    _named("a photo with a backslash in its name", "a\\b.png", f"'photos/a\\\\b.png': {_UNUSABLE}"),
    _named("a photo whose name runs backwards (U+202E)", f"{TURNED}.png", _DONE, 0),
    _copied("a photo called `$(touch pwned).png`, given to a program", "$(touch pwned).png"),
    _copied("a photo called `; touch pwned;.png`, given to a program", "; touch pwned;.png"),
    _copied("a photo called `-rf.png`, given to a program", "-rf.png"),
    _copied("a command with `; touch pwned`: words, no shell", "a.png", " ; touch pwned"),
    _copied(
        "a command with `$(touch pwned) | sh`: words, no shell", "a.png", " $(touch pwned) | sh"
    ),
    Case(
        "a link to a file of another's among photos",
        _linked("/etc/passwd"),
        _RUN,
        "enhance out: b: photos/b.png: not a photo in a known format (JPEG, PNG, TIFF, WebP, AVIF, "
        "BMP)",
        3,
    ),
    Case("a link to an endless device among photos", _linked("/dev/zero"), _RUN, _DONE, 0),
    Case(
        "a link to itself among photos",
        _linked("b.png"),
        _RUN,
        "enhance out: b: photos/b.png: cannot be read (Too many levels of symbolic links)",
        3,
    ),
    Case("a link to the folder above", _loop, _RUN, _DONE, 0),
    Case("a pipe called x.png", _pipe, _RUN, "no photos in photos (...)"),
    Case(
        "a label with a path in it",
        _photo("a.png"),
        "enhance '../../escaped=identity' --input photos --out out --jobs 0",
        "...",
    ),
    _shown("`<script>`", SCRIPT, _REPORT, _page_and_markdown, "out/report.tex"),
    _shown("a Markdown link", LINK, _REPORT, _page_and_markdown, "out/report.tex"),
    _shown("`<script>`", SCRIPT, _BOARD, _board, "out/leaderboard.html"),
    _shown("a Markdown link", LINK, _BOARD, _board, "out/leaderboard.html"),
    _shown("a formula", FORMULA, _BOARD, _board, "out/leaderboard.html"),
    _shown(
        "a formula",
        FORMULA,
        "export scores theirs --out out/scores.csv",
        cells_are_text,
        "12 rows of 2 runs -> out/scores.csv",
    ),
    _shown(
        "a formula",
        FORMULA,
        "compare theirs/run1 theirs/run0 --runs theirs --format csv --out out",
        cells_are_text,
        "...",
    ),
    _shown(
        "LaTeX", _TEX, "tables all --runs theirs --format tex --out out/t.tex", _tex_is_text, "..."
    ),
)
