"""Build the site into build/site: uv run --group docs python -m docs.site

Zensical builds it from mkdocs.yml, without a network. Its source is build/source, which has the
repository's own layout, so that a link leads to the same page on GitHub and in the site: the
README as its first page, docs/, what these link to, and the pages that the program writes
(`docs.generate`). Any warning, such as a link to nothing, is an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from docs import generate

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "build" / "source"

#: Pages outside of docs/ that the navigation names.
OUTSIDE = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


# What a page loads from elsewhere.
_LOADED = re.compile(r"<(?:script|link|img)[^>]*(?:src|href)=\"?(https?://[^\" >]*)")


def main() -> int:
    """Write build/source, and build the site; Zensical's exit code."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    pages = {path: _read(path) for path in OUTSIDE}
    pages |= {str(path.relative_to(ROOT)): _read(path) for path in ROOT.glob("docs/**/*.md")}
    pages |= {path: page() for path, page in generate.PAGES.items()}
    pages["README.md"] = _read("README.md")
    linked = _linked(pages)
    for path, text in pages.items():
        # Every page of a folder is there before the site is: README.md is the first one.
        _write(SOURCE / path.replace("README.md", "index.md"), _whole(_formulas(_to_first(text))))
    for path in [*linked, "docs/site.css"]:
        (SOURCE / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, SOURCE / path)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    for page in (ROOT / "build" / "site").rglob("*.html"):
        for address in _LOADED.findall(page.read_text("utf-8")):
            print(f"{page}: loads {address}; the site asks no network", file=sys.stderr)
            code = 1
    return code


def _linked(pages: dict[str, str]) -> list[str]:
    """Adds the pages that pages link to; the other files that they do, pictures for instance."""
    files: list[str] = []
    waiting = list(pages)
    while waiting:
        path = waiting.pop()
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", pages[path]):
            file = (ROOT / path).parent.joinpath(target).resolve()
            found = str(file.relative_to(ROOT))
            if found in pages or found in files:
                continue
            if file.suffix == ".md":
                pages[found] = _read(found)
                waiting.append(found)
            elif file.is_file():
                files.append(found)
    return files


def _to_first(text: str) -> str:
    """Links to README.md lead to index.md."""
    return re.sub(r"(\]\([^)\s]*)README\.md", r"\1index.md", text)


def _whole(text: str) -> str:
    """Intervals in tables stay in one line.

    >>> _whole("| 5 | 19.07 [17.19, 20.71] |").count("\N{NO-BREAK SPACE}")
    1
    """
    rows = re.compile(r"^\|.*\|$", flags=re.MULTILINE)
    bracket = re.compile(r"(\[[-\N{MINUS SIGN}\d.]+,) ([-\N{MINUS SIGN}\d.]+\])")
    return rows.sub(lambda row: bracket.sub("\\1\N{NO-BREAK SPACE}\\2", row[0]), text)


def _formulas(text: str) -> str:
    """Formulas between dollar signs as MathML, which browsers draw without a script."""
    from latex2mathml.converter import convert

    blocks = re.split(r"(^```.*?^```|`[^`\n]*`)", text, flags=re.DOTALL | re.MULTILINE)
    for i in range(0, len(blocks), 2):
        part = re.sub(r"\$\$(.+?)\$\$", lambda m: convert(m[1], display="block"), blocks[i])
        blocks[i] = re.sub(r"\$([^$\n]*\\[^$\n]*|\w_\w)\$", lambda m: convert(m[1]), part)
    return "".join(blocks)


def _read(path: str | Path) -> str:
    return (ROOT / path).read_text("utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
