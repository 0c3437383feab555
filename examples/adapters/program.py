"""A program that reads one photo and writes another, in any language.

wespe-bench run --enhancers "Tool=cmd:python examples/adapters/program.py {input} {output}"
"""

import sys

from PIL import Image, ImageOps

source, target = sys.argv[1:]
ImageOps.autocontrast(Image.open(source).convert("RGB")).save(target)
