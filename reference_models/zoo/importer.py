"""The weights that authors released (PyTorch files) as safetensors with a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from reference_models.zoo.csrnet import CSRNET
from reference_models.zoo.lut3d import LUT3D
from reference_models.zoo.network import Network, Shapes, count_parameters
from reference_models.zoo.sci import SCI
from reference_models.zoo.zero_dce import ZERO_DCE
from wespe_bench import atomic, provenance, registry, tensors
from wespe_bench.errors import InputError


@dataclass(frozen=True)
class Import:
    """Turn a published network's released weights into a file of ours.

    No code of the file is run. For lut3d name two files, the tables and the classifier.

    Examples:
      wespe-bench import zero_dce Epoch99.pth --out zero_dce.safetensors
      wespe-bench import sci medium.pt
      wespe-bench import csrnet csrnet.pth
      wespe-bench import lut3d LUTs.pth classifier.pth
    """

    files: tuple[str, ...]
    """The weights as their authors released them."""
    out: Annotated[str, "FILE"] = ""
    """The file to write (default: NAME.safetensors here); a readable card goes beside it."""


def main(network: Network, config: Import) -> int:
    """``wespe-bench import NAME FILE --out FILE``."""
    out = Path(config.out or f"{network.name}.safetensors")
    card = convert(network, [Path(file) for file in config.files], out)
    print(f"{out}: {network.title}, {card['parameters']:,} parameters")
    print(f"terms of the weights: {network.terms}")
    return 0


zero_dce, sci, csrnet, lut3d = (partial(main, each) for each in (ZERO_DCE, SCI, CSRNET, LUT3D))


def convert(network: Network, files: list[Path], out: Path) -> dict[str, Any]:
    """Write the released weights as ``out`` with a readable card beside it; returns the card.

    Raises InputError for files that are not the network's, and another ending of ``out``.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out}: expected a name that ends in .safetensors")
    if len(files) != len(network.files):
        raise InputError(
            f"{len(files)} files; expected {len(network.files)}: {' and '.join(network.files)}"
        )
    named = " and ".join(map(str, files))
    contents = [tensors.read_torch(file, f"weights of {network.title}") for file in files]
    arrays = _arrays(network, contents)
    fault = network.fault(arrays)
    if fault:
        reasons = [f"not weights of {network.title}", *([fault] if arrays else [])]
        for file, content in zip(files, contents, strict=True):
            if likely := _looks_like(content, network):
                reasons.append(f"{file.name} looks like {likely}")
        if len(reasons) == 1:
            reasons.append("expected named tensors, as a state dict has, and nothing beside them")
        if len(files) > 1:
            reasons.append(f"give {' first, then '.join(network.files)}")
        raise InputError(f"{named}: {'; '.join(reasons)}")
    tensors.check_finite(arrays, files[0])
    digests = tuple(provenance.sha256_file(file) for file in files)
    for release in network.releases:
        if set(release) & set(digests) and digests != release:
            raise InputError(
                f"{named}: of two releases that do not belong together; take both files of one"
            )
    card = {
        "model": network.title,
        "paper": network.paper,
        "page": network.page,
        "terms": network.terms,
        "parameters": count_parameters(arrays),
        "sources": {file.name: sha for file, sha in zip(files, digests, strict=True)},
        "note": "imported from the weights that its authors released",
    }
    digest = tensors.write(out, arrays, card)
    atomic.write_text(out.with_suffix(".md"), _page(out.name, card, digest))
    return card


def _looks_like(content: Mapping[Any, Any], asked: Network) -> str:
    """What of which network of the zoo a file's content is, or "" where it is none's."""
    for prefix, target in registry.ENHANCER_PREFIXES.items():
        network = registry.resolve(target)
        for place, what in enumerate(network.files if isinstance(network, Network) else ()):
            alone: list[Mapping[Any, Any]] = [{}] * len(network.files)
            alone[place] = content
            found = _shapes(_arrays(network, alone)).items()
            if found and any(found <= shapes.items() for shapes in network.shapes):
                return what if network is asked else f"{what} of {network.title} (import {prefix})"
    return ""


def _shapes(arrays: Mapping[str, np.ndarray]) -> Shapes:
    return {name: array.shape for name, array in arrays.items()}


def _arrays(network: Network, contents: Sequence[Mapping[Any, Any]]) -> dict[str, np.ndarray]:
    """The network's tensors as float32, without denormal numbers; none where others are there.

    A quarter of Zero-DCE's are denormal; they change no result, and make processors 45 times
    slower.
    """
    try:
        weights = network.gather(*contents)
        # A norm's count of batches is one integer.
        if not all(tensor.is_floating_point() for tensor in weights.values() if tensor.dim()):
            return {}
        arrays = {str(name): tensor.detach().float().numpy() for name, tensor in weights.items()}
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError):
        return {}
    least = np.finfo(np.float32).tiny
    return {
        name: np.where(np.abs(array) < least, np.float32(0), array)
        for name, array in arrays.items()
        if not name.startswith(network.unused)
    }


def _page(name: str, card: Mapping[str, Any], digest: str) -> str:
    sources = "\n".join(f"| source | {file} `{sha}` |" for file, sha in card["sources"].items())
    return f"""# {name}

{card["model"]} ({card["paper"]}), {card["note"]}.

| | |
|---|---|
| page | {card["page"]} |
| parameters | {card["parameters"]:,} |
| SHA-256 | `{digest}` |
{sources}
| terms of the weights | {card["terms"]} |

The weights belong to their authors; this file changes their format, not their terms.
"""
