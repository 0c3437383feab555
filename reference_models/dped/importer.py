"""DPED's released generators, read from their TensorFlow bundles without TensorFlow.

Any bundle of this generator is read, whatever its width and number of blocks, so a WESPE
model saved by the same code loads too.

    wespe-bench import dped models_orig/iphone_orig --out iphone.safetensors
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import numpy as np

from reference_models import checkpoints
from reference_models.cameras import CAMERAS
from reference_models.dped.bundle import files_of, prefix_of, read_bundle
from wespe_bench import atomic, provenance
from wespe_bench.errors import InputError


def convert(prefix: Path, out: Path, camera: str = "", scope: str = "") -> checkpoints.Card:
    """Write the bundle ``prefix`` as a checkpoint ``out`` with a readable card beside it.

    ``camera`` defaults to the DPED camera named in the prefix. ``scope`` picks one generator
    when the bundle holds several ("generator").

    Raises InputError for anything wrong with the bundle.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out}: expected a name that ends in .safetensors")
    prefix = prefix_of(prefix)
    state = generator_state(read_bundle(prefix), scope, name=str(prefix))
    blocks, norm = _shape(state)
    if not camera:
        camera = next((name for name in CAMERAS if name in prefix.name.lower()), "")
    card = checkpoints.Card(
        model="DPED",
        camera=camera,
        parameters=sum(tensor.size for tensor in state.values()),
        width=state["first.bias"].size,
        blocks=blocks,
        norm=norm,
        padding="zero",
        sources={
            path.name: provenance.sha256_bytes(path.read_bytes()) for path in files_of(prefix)
        },
        note="imported from a TensorFlow bundle; all checksums verified",
    )
    digest = checkpoints.write(out, state, card)
    atomic.write_text(out.with_suffix(".md"), _readable(out, card, digest))
    return card


def generator_state(
    tensors: dict[str, np.ndarray], scope: str = "", name: str = "the bundle"
) -> dict[str, np.ndarray]:
    """Our state dict from DPED's variables.

    ``SCOPE/Wk``, ``SCOPE/bk`` (k = 1 .. 2 blocks + 4) are the convolutions in order, kernels
    as (height, width, in, out). The j-th instance norm has its shift in ``Variable_{2j}`` and
    its scale in ``Variable_{2j+1}``, where "Variable_0" is written "Variable".

    Raises InputError when there is no such generator, or not exactly one.
    """
    scopes = sorted({key[: -len("W1")] for key in tensors if key == "W1" or key.endswith("/W1")})
    if scope:
        scopes = [found for found in scopes if found.rstrip("/") == scope.rstrip("/")]
    if not scopes:
        raise InputError(
            f"{name}: no variable {scope + '/' if scope else ''}W1; "
            "not a bundle of DPED's generator"
        )
    if len(scopes) > 1:
        names = ", ".join(found.rstrip("/") or "(none)" for found in scopes)
        raise InputError(f"{name}: several generators ({names}); choose one with --scope")
    [found] = scopes

    def variable(key: str, shape: tuple[int, ...]) -> np.ndarray:
        full = found + key
        if full not in tensors:
            raise InputError(f"{name}: variable {full} is missing")
        tensor = tensors[full]
        if tensor.shape != shape:
            raise InputError(f"{name}: {full} has shape {tensor.shape}, expected {shape}")
        if not np.isfinite(tensor).all():
            raise InputError(f"{name}: {full} holds values that are not finite")
        return tensor

    layers = 0
    while f"{found}W{layers + 1}" in tensors:
        layers += 1
    if layers < 4 or layers % 2:
        raise InputError(f"{name}: {layers} convolutions; a generator has 2 per block and 4 more")
    first = tensors[found + "W1"]
    if first.ndim != 4 or first.shape[3] < 1:
        raise InputError(f"{name}: {found}W1 has shape {first.shape}, expected (9, 9, 3, width)")
    width = first.shape[3]
    convolutions = ["first"]
    for block in range((layers - 4) // 2):
        convolutions += [f"blocks.{block}.conv1", f"blocks.{block}.conv2"]
    convolutions += ["middle1", "middle2", "last"]
    state = {}
    for k, ours in enumerate(convolutions, start=1):
        size = 9 if ours in ("first", "last") else 3
        into, out = (3 if ours == "first" else width), (3 if ours == "last" else width)
        state[f"{ours}.weight"] = variable(f"W{k}", (size, size, into, out)).transpose(3, 2, 0, 1)
        state[f"{ours}.bias"] = variable(f"b{k}", (out,))
    if found + "Variable" in tensors:
        for j in range(layers - 4):
            ours = f"blocks.{j // 2}.norm{j % 2 + 1}"
            state[f"{ours}.weight"] = variable(f"Variable_{2 * j + 1}", (width,))
            state[f"{ours}.bias"] = variable(f"Variable_{2 * j}" if j else "Variable", (width,))
    return state


def _shape(state: dict[str, np.ndarray]) -> tuple[int, str]:
    blocks = sum(name.endswith("conv1.weight") for name in state)
    norm = "instance" if any(".norm1." in name for name in state) else "none"
    return blocks, norm


def _readable(out: Path, card: checkpoints.Card, digest: str) -> str:
    sources = "\n".join(f"| source | {name} `{sha}` |" for name, sha in card.sources.items())
    return f"""# {out.name}

{card.model} generator{f" for {card.camera} photos" if card.camera else ""}, {card.note}.

| | |
|---|---|
| camera | {card.camera or "unknown"} |
| parameters | {card.parameters:,} |
| width, blocks | {card.width}, {card.blocks} |
| norm, padding | {card.norm}, {card.padding} |
| format version | {card.format_version} |
| SHA-256 | `{digest}` |
{sources}

The weights belong to the person who trained them; this file changes their format, not their terms.
"""


@dataclasses.dataclass(frozen=True)
class Import:
    """Turn a released DPED generator (a TensorFlow bundle) into a checkpoint.

    Examples:
      wespe-bench import dped models_orig/iphone_orig --out iphone.safetensors
    """

    prefix: Path
    """The bundle: the common part of NAME.index and NAME.data-00000-of-00001."""
    out: Annotated[str, "FILE"] = ""
    """The checkpoint to write (default: NAME.safetensors here); a readable card goes beside it."""
    camera: str = ""
    """The camera it was trained for (default: the DPED camera named in PREFIX)."""
    scope: str = ""
    """Which generator, when the bundle holds several."""


def main(config: Import) -> int:
    """``wespe-bench import dped PREFIX --out FILE``."""
    options = config
    out = Path(options.out or f"{prefix_of(options.prefix).name}.safetensors")
    card = convert(options.prefix, out, options.camera, options.scope)
    camera = f"camera {card.camera}" if card.camera else "camera unknown (name it with --camera)"
    print(f"{out}: {card.parameters:,} parameters, {camera}")
    return 0
