"""Remake the README's picture, table and sentence from a demo run.

    uv run wespe-bench demo && uv run python docs/readme.py runs/demo

Writes docs/before-after.jpg and replaces what stands between the markers of README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reports.compare import one_sentence
from reports.strip import before_after_strip
from reports.text import markdown
from wespe_bench import atomic, load_scores, store
from wespe_bench.images import read_rgb
from wespe_bench.suites import COMPARED

ROOT = Path(__file__).parent.parent
TABLE = "<!-- demo table -->", "<!-- end of demo table -->"
SENTENCE = "<!-- demo sentence -->", "<!-- end of demo sentence -->"
BASELINE = "Tone demo"
ROWS = (("coffee", "WESPE demo"), ("astronaut", "DPED demo"))


def main(demo: Path) -> None:
    scores = load_scores(demo).set_index(["label", "sample", "metric"])["value"]
    rows = []
    for sample, label in ROWS:
        files = store.load_samples(demo / "samples" / label).set_index("sample").loc[sample]
        row = [
            (f"simulated phone, {scores['identity', sample, 'psnr']:.1f} dB", Path(files["path"]))
        ]
        for name in (BASELINE, label):
            png = demo / "samples" / name / "images" / f"{sample}.png"
            row.append((f"{name}, {scores[name, sample, 'psnr']:.1f} dB", png))
        row.append(("original", Path(files["reference"])))
        rows.append([(caption, read_rgb(path)) for caption, path in row])
    before_after_strip(rows, ROOT / "docs" / "before-after.jpg", width=1200)
    readme = ROOT / "README.md"
    atomic.write_text(readme, renewed(readme.read_text("utf-8"), demo))


def table_of(demo: Path) -> str:
    """The first Markdown table of the demo's report."""
    lines = (demo / "report.md").read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    stop = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    return "\n".join(lines[start:stop])


def sentence_of(demo: Path) -> str:
    """The sentence that ends the demo, as a quotation."""
    return f"> {markdown(one_sentence(demo, *COMPARED))}"


def renewed(readme: str, demo: Path) -> str:
    """``readme`` with the demo's table and sentence as they are now."""
    readme = _with(readme, TABLE, table_of(demo))
    return _with(readme, SENTENCE, sentence_of(demo))


def shown(readme: str, markers: tuple[str, str]) -> str:
    """What stands between two markers."""
    return readme.partition(markers[0])[2].partition(markers[1])[0].strip()


def _with(readme: str, markers: tuple[str, str], text: str) -> str:
    head, _, rest = readme.partition(markers[0])
    _, _, tail = rest.partition(markers[1])
    return f"{head}{markers[0]}\n{text}\n{markers[1]}{tail}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
