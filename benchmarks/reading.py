"""How far `read_rgb` is from an independent reading, file by file, as a table in Markdown.

The files are made by libvips, ImageMagick (where installed), tifffile, imagecodecs, libheif and
Pillow, in `tests/oracles/photo_files.py`, and so are the independent readings. Run:

    python -m benchmarks.reading --out benchmarks/results/reading.md
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

from tests.oracles import photo_files
from tests.oracles.photo_files import allowed
from wespe_bench.images import read_photo

_HEAD = """# Photos read, against an independent reading

`read_rgb` gives 8-bit sRGB. The last column is the largest difference of any channel of any pixel
from the levels that the file shows, worked out in float64 without rounding: half a level is the
best that 8 bits can do. For lossless files the levels come from the samples that were written, for
lossy ones from what libvips decodes. Made by `python -m benchmarks.reading`.

| Written by | Format | Bits | Orientation | Colours named | Converted from | Levels off |
| :-- | :-- | :-- | --: | :-- | :-- | --: |
"""


def main() -> None:
    """Write the table; ends with 1 where a difference is larger than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reading.md"))
    arguments = parser.parse_args()
    groups = list(photo_files.GROUPS)
    if shutil.which("magick") or shutil.which("convert-im6.q16"):
        groups.append(photo_files.magick)
    lines, worst, wrong = [], 0.0, 0
    for file in (file for group in groups for file in group()):
        photo = read_photo(file.data, name=file.name)
        difference = float(np.abs(photo.pixels - file.levels).max())
        worst = max(worst, difference)
        wrong += difference > allowed(file)
        cells = (file.writer, file.format, file.depth, str(file.orientation), file.colours)
        lines.append(f"| {' | '.join(cells)} | {photo.colours or '–'} | {difference:.2f} |")
    text = f"\n{len(lines)} files; largest difference {worst:.2f} levels.\n"
    arguments.out.write_text(_HEAD + "\n".join(lines) + "\n" + text, "utf-8")
    print(text.strip())
    if wrong:
        raise SystemExit(f"{wrong} files are further off than they may be")


if __name__ == "__main__":
    main()
