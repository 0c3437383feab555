"""Make the README's picture and table anew from a demo run.

    uv run wespe-bench demo && uv run python docs/readme.py runs/demo

Writes docs/before-after.jpg and replaces the table between the two markers of README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reports.strip import before_after_strip
from wespe_bench import atomic, load_scores, store
from wespe_bench.images import read_rgb

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- demo table -->", "<!-- end of demo table -->"
ROWS = (("coffee", "auto_levels"), ("astronaut", "clahe"))


def main(demo: Path) -> None:
    scores = load_scores(demo).set_index(["label", "sample", "metric"])["value"]
    rows = []
    for sample, label in ROWS:
        run = demo / "samples" / label
        files = store.load_samples(run).set_index("sample").loc[sample]
        before, after = (scores[name, sample, "psnr"] for name in ("identity", label))
        rows.append(
            [
                (f"simulated phone, {before:.1f} dB", read_rgb(Path(files["path"]))),
                (f"{label}, {after:.1f} dB", read_rgb(run / "images" / f"{sample}.png")),
                ("original", read_rgb(Path(files["reference"]))),
            ]
        )
    before_after_strip(rows, ROOT / "docs" / "before-after.jpg", width=1200)
    readme = ROOT / "README.md"
    atomic.write_text(readme, with_table(readme.read_text("utf-8"), table_of(demo)))


def table_of(demo: Path) -> str:
    """The first Markdown table of the demo's report."""
    lines = (demo / "report.md").read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    stop = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    return "\n".join(lines[start:stop])


def with_table(readme: str, table: str) -> str:
    """``readme`` with the text between the markers replaced."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table}\n{END}{tail}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
