"""The Markdown against a golden file, and against names that try to be more than names."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports.contents import read_contents
from reports.markdown import markdown_report, markdown_table
from reports.tables import summarize
from reports.text import markdown
from tests.reports.runs import ids, make_run, scores

GOLDEN = Path(__file__).parent.parent / "golden"

#: Names somebody may give a file or a method.
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "a|b|c",
    "`code` **bold** _it_ ~~gone~~",
    "[click](javascript:alert(1)) ![x](http://e.example/x.png)",
    "</table></style></script><h1>x",
    '=HYPERLINK("http://e.example")',
    "=cmd|' /C calc'!A0",
    "$x^2$ \\(y\\)",
    "line\none\r\ntwo\u2028three\x00\x1b[31m",
    "\u202egnp.exe",
    "caf\udce9",
    "{{ 7*7 }}{% raw %}",
    "&lt;b&gt; &amp; &#60;",
    "# head",
    "- item",
    "1. item",
    "www.e.example https://e.example me@e.example",
)


def tokens(text: str) -> list[Token]:
    """Every token of ``text`` as CommonMark with tables, strikethrough and raw HTML."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found = []
    for token in parser.parse(text):
        found.append(token)
        found.extend(token.children or [])
    return found


def test_report_is_the_golden_one(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    values = {
        "identity": {"psnr": [15.0, 16.5, math.inf, 14.2], "ssim": [0.7, 0.8, 1.0, 0.75]},
        "auto_levels": {"psnr": [19.0, 20.5, 22.0, 18.2], "ssim": [0.8, 0.82, 0.9, 0.85]},
        "clahe": {"ssim": [0.8, 0.82, 0.9, 0.85]},
    }
    for label, metrics in values.items():
        failures = [("s03", "score", "psnr: damaged")] if label == "clahe" else []
        make_run(
            tmp_path, label, metrics, note="simulated camera", failures=failures, revision="0a" * 32
        )
    for label, of in {"identity": [6.5] * 11, "auto_levels": [7.25] * 10 + [5.5]}.items():
        make_run(tmp_path, label, {"entropy": of}, dataset="wild", paired=False, revision="0b" * 32)
    text = markdown_report(read_contents(tmp_path, title="Golden"))
    path = GOLDEN / "report.md"
    if pytestconfig.getoption("--rewrite-golden"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_table_shows_means_intervals_and_the_best() -> None:
    (found,) = summarize(
        scores({"a": {"psnr": [1, 1, 1]}, "b": {"psnr": [2, 2, 2]}}), {"photos": ids(3)}
    )
    lines = markdown_table(found).splitlines()
    assert lines[:4] == [
        "| Method | n | PSNR (dB) ↑ |",
        "| :-- | --: | --: |",
        "| a | 3 | <ins>1.000</ins> [1.000, 1.000] |",
        "| b | 3 | **2.000** [2.000, 2.000] |",
    ]


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
@example("a*b_c*d")
@example("1) x")
@example("x\\")
@example("<http://e.example>")
@example("&#x3c;b>")
@example("---")
def test_escaped_text_is_text(text: str) -> None:
    _is_only_text(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_hostile_text_is_text(text: str) -> None:
    _is_only_text(text)


def _is_only_text(text: str) -> None:
    cell = f"| h | i |\n| --- | --- |\n| {markdown(text)} | x |"
    kinds = [token.type for token in tokens(cell)]
    assert kinds.count("td_open") == 2
    block = {"table", "thead", "tbody", "tr", "th", "td"}
    allowed = {f"{name}_{end}" for name in block for end in ("open", "close")}
    assert set(kinds) <= allowed | {"inline", "text", "text_special"}
    inline = {token.type for token in tokens(f"- {markdown(text)}")}
    assert inline <= {
        *("bullet_list_open", "list_item_open", "paragraph_open", "inline", "text"),
        *("text_special", "paragraph_close", "list_item_close", "bullet_list_close"),
    }


def test_hostile_names_do_not_break_the_report(tmp_path: Path) -> None:
    samples = [name.replace("/", "∕").replace("\0", "") for name in HOSTILE[:4]]
    for number, label in enumerate(HOSTILE):
        if "\udce9" in label:
            continue  # Parquet and JSON cannot hold it either
        make_run(
            tmp_path,
            label,
            {"psnr": [1, 2, 3, 4], label.replace("\0", ""): [1, 2, 3, 4]},
            folder=f"run{number}",
            dataset="d<b>|",
            samples=samples,
            note=HOSTILE[1],
            failures=[(samples[0], "score", label)],
            command=label,
            fingerprint=label,
            device=label,
        )
    text = markdown_report(read_contents(tmp_path, title=HOSTILE[0]))
    text.encode("utf-8")
    text, _, cite = text.partition("\n## Cite this\n")
    assert cite.startswith("\n```bibtex\n@misc{wespe_bench,") and cite.count("```") == 2
    kinds = {token.type for token in tokens(text)}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "code_inline", "fence"}
    assert not kinds & {"em_open", "s_open", "code_block", "blockquote_open"}
    table = [line for line in text.splitlines() if line.startswith("|")]
    rows = [
        sum(t.type in ("td_open", "th_open") for t in tokens(f"{table[0]}\n{table[1]}\n{row}"))
        for row in table[2:]
    ]
    assert len(set(rows)) == 1
