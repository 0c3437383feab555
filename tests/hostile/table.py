"""``python -m tests.hostile.table``: write the tables of docs/reference/hostile.md."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.cases import table

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/hostile.md"
BEGIN, END = "<!-- cases -->\n", "<!-- end of cases -->\n"


def written() -> str:
    """The page with its tables as they are now."""
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table()}{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(written(), "utf-8")
