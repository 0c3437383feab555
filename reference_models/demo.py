"""The demo's own models for the simulated camera: tone curves, a small WESPE, a small DPED.

``tone:demo``, ``wespe:demo`` and ``dped:demo`` ship with the package, made from the packaged photos
that may be trained on. The networks are narrow and were trained for minutes on one CPU: they show
what training does, not what WESPE or DPED can reach. The commands that made the three are `TONE`,
`WESPE` and `DPED`; `train` repeats them, to the bit on the same processor with the same versions.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from wespe_bench.errors import InputError

#: The networks.
MODELS = ("wespe", "dped")

_UNPAIRED = ("--source", "samples_fit", "--target", "samples_fit:reference")

_SMALL = ("--width", "32", "--patch", "48", "--batch", "8", "--turn", "--device", "cpu")

_LENGTH = ("--iterations", "300", "--preview-every", "100")

#: The options that made the shipped files, without --out and --data.
TONE = (*_UNPAIRED, "--model", "mean_std")
WESPE = (*_UNPAIRED, "--preset", "paper", "--init", "mean_std", *_SMALL, *_LENGTH)
DPED = ("--camera", "samples_fit", "--init", "identity", *_SMALL, *_LENGTH)

#: Options of the demo's live training: the same photos and losses, smaller patches.
LIVE = (
    *("--iterations", "8", "--log-every", "1", "--patch", "32", "--batch", "4"),
    *("--warmup", "3"),
)


def live(out: Path, data: str | None) -> int:
    """Train each model for 8 steps and print a line for each; the exit code, 0.

    Without VGG-19's weights a message says that there is no live training.
    """
    for name in MODELS:
        words = LIVE if name == "wespe" else LIVE[:-2]
        folder = out / "live" / name
        begun = time.monotonic()
        try:
            _main(name, [*_command(name), *words], folder, data)
        except InputError as error:
            print(f"wespe-bench: no live training ({error})", file=sys.stderr)
            return 0
        print(f"8 steps of {name} in {time.monotonic() - begun:.0f} s: {folder}/train.csv")
    return 0


def train(out: Path, data: str | None) -> int:
    """Make the shipped files again, in ``out``/train; resumes. Returns the exit code."""
    _main("tone", list(TONE), out / "train" / "tone", data)
    for name in MODELS:
        folder = out / "train" / name
        _main(name, _command(name), folder, data)
        print(f"{folder}/generator.safetensors: compare with {name}:demo")
    return 0


def _command(name: str) -> list[str]:
    return list(WESPE if name == "wespe" else DPED)


def _main(name: str, argv: list[str], out: Path, data: str | None) -> None:
    from wespe_bench.cli import call

    mine = ["--out", str(out), *(["--data", data] if data else [])]
    call(f"train {name}", [*argv, *mine])
