"""``python -m wespe_bench``: the command line."""

import sys

from wespe_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
