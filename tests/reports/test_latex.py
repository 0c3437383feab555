"""LaTeX of the report, comparisons, the leaderboard and the paper's tables: one way to write it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reports.compare import as_latex as compare_latex
from reports.comparison import compare_methods
from reports.latex import NEEDS, cell, latex_table, tex
from reports.leaderboard_page import as_latex as board_latex
from reports.page import write_report
from reports.paper import render, tables
from reports.paper.choices import Choices, parse_ours
from reports.standings import read_standings
from tests import needs
from tests.reports.paper_store import whole
from tests.reports.runs import make_run

HOSTILE = r"*a_b%&#$^~{x}\input{/etc/passwd}"
RNG = np.random.default_rng(5)


@pytest.fixture
def written(tmp_path: Path) -> dict[str, str]:
    """What each verb writes of a method with an awkward label."""
    for label, shift in ((HOSTILE, 0.0), ("identity", 1.0)):
        values = {"psnr": RNG.normal(20 + shift, 1, 8), "entropy": RNG.normal(7, 1, 8)}
        make_run(tmp_path / "runs", label, values, folder=f"photos/{int(shift)}", note="50% [x]")
    found = compare_methods([HOSTILE, "identity"], runs=tmp_path / "runs")
    (page,) = [p for p in write_report(tmp_path / "runs")[0] if p.suffix == ".tex"]
    ours = parse_ours(["Mine & co=w1"], {})
    whole(tmp_path / "paper")
    grids = tables.build((2, 3, 5), tmp_path / "paper", Choices(ours=ours, data="data"))
    return {
        "report": page.read_text("utf-8"),
        "compare": compare_latex(found),
        "leaderboard": board_latex(read_standings(tmp_path / "runs")),
        "tables": render.render(grids, "tex"),
    }


def _check(text: str) -> None:
    """Braces and environments are balanced, and each line of a table has its number of cells."""
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)
    assert bare.count("{") == bare.count("}")
    begun = re.findall(r"\\begin\{(.*?)\}", text)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(.*?)\}", text)) and begun
    for body in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        columns = len(re.match(r"\{([lr]+)\}", body)[1])
        for line in body.splitlines():
            if line.endswith(r"\\") and "multicolumn" not in line:
                assert len(re.findall(r"(?<!\\)&", line)) == columns - 1, line


def test_what_is_written_is_balanced_and_escaped(written: dict[str, str]) -> None:
    for verb, text in written.items():
        assert text.startswith("% needs \\usepackage{booktabs,graphicx}")
        _check(text.partition("\n")[2])
        assert r"\input{" not in text.replace(r"\textbackslash{}input\{", ""), verb
        assert r"\toprule" in text and r"\bottomrule" in text
        assert not re.search(r"\\\\\n\s*[\[*]", text), "LaTeX would read it as part of the line end"
    assert "Mine \\& co (ours)" in written["tables"]


def test_it_compiles(written: dict[str, str], tmp_path: Path) -> None:
    program = needs.latex()
    head = r"\documentclass{article}\usepackage{booktabs,graphicx}\usepackage[T1]{fontenc}"
    head += r"\begin{document}"
    body = "\n\n\\clearpage\n".join(written.values())
    (tmp_path / "all.tex").write_text(f"{head}\n{body}\n\\end{{document}}\n", "utf-8")
    stop = [] if program.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    result = subprocess.run(
        [program, *stop, "all.tex"], cwd=tmp_path, capture_output=True, text=True, errors="replace"
    )
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")


@given(st.text(max_size=40))
@example("--ours -- {}-{}-")
def test_any_text_is_escaped(text: str) -> None:
    bare = re.sub(r"(?<=-)\{\}(?=-)|\\text[a-z]+\{\}|\$\\[a-z]+\$|\$-\$|\\[{}$&#%_]", "", tex(text))
    assert not set(bare) & set(r"\{}$&#%_^~<>|")


def test_cells_and_groups() -> None:
    assert cell("*x") == "{*x}" and cell("[1]", place=1) == r"\textbf{[1]}"
    text = latex_table(
        "A_b", ["M", "x", "y", "z"], [["a", "1", "2", "3"], None], groups=[("P", 1), ("Q & R", 2)]
    )
    assert r" & \multicolumn{1}{c}{P} & \multicolumn{2}{c}{Q \& R} \\" in text
    assert r"\cmidrule(lr){2-2}\cmidrule(lr){3-4}" in text
    assert r"\begin{tabular}{lrrr}" in text and r"\caption{A\_b}" in text
    assert "booktabs" in NEEDS
