"""Networks other than VGG-19 for a rater's head to rest on: torchvision's, and any ONNX file.

A network maps a photo's 224 x 224 patch to features; none of its weights change. A head alone is
kept, with the name of the network and the hash of its file.

==================  ==========================================  ==================================
``--features``      file                                        input
==================  ==========================================  ==================================
convnext_tiny ...   torchvision's state dict, .pth or           RGB, 0..1, ImageNet's mean and
(`TORCHVISION`)     safetensors; its classifier is not used     deviation taken off
onnx                any model of (1, 3, 224, 224) to features,  `NORMALISATIONS`, as its authors
                    such as an export of DINOv2 or CLIP's       say
                    vision tower
==================  ==========================================  ==================================

Features are the input of torchvision's classifier. Of an ONNX model they are the first output of
shape (1, D); where there is none, the first output's mean over tokens (1, T, D) or places
(1, D, H, W).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ffs.crops import SIDE
from ffs.network import Rater, Start, draw_last
from wespe_bench import onnx_file, provenance, reading, tensors, weights
from wespe_bench.errors import InputError, one_line, require, short

#: torchvision's networks, by its names.
TORCHVISION = (
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
    *("swin_t", "swin_s", "swin_b", "vit_b_16", "vit_b_32", "resnet50", "mobilenet_v3_small"),
)
ONNX = "onnx"
NAMES = (*TORCHVISION, ONNX)

#: Mean and standard deviation of RGB on [0, 1] in a network's own training. CLIP's: Radford et
#: al., ICML 2021, github.com/openai/CLIP; "-1..1" is SigLIP's and many others'.
NORMALISATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "0..1": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "-1..1": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}

#: The kind of head, for cards: one logit on the features as they are.
HEAD = "linear"


class FeatureRater(Rater):
    """A frozen ``network``, (N, 3, 224, 224) normalised to (N, ``width``), and one logit."""

    def __init__(self, back_end: str, network: nn.Module, width: int, normalisation: str) -> None:
        mean, std = NORMALISATIONS[normalisation]
        gain = [1 / value for value in std]
        super().__init__(back_end, HEAD, (), width, (mean, gain), normalisation)
        self.network_name = back_end
        self.network = network.eval().requires_grad_(False)
        self.linear = nn.Linear(width, 1)

    @property
    def last(self) -> nn.Linear:
        return self.linear

    def penultimate(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(self.normalised(x))
        return y.float()


class _Onnx(nn.Module):
    """A model run by onnxruntime on one CPU thread, photo by photo."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        onnx_file.available_providers()
        self.file = path.name
        try:
            self._session = onnx_file.session(path, ["CPUExecutionProvider"], 1)
        except Exception as error:  # onnxruntime raises nearly anything on a foreign file
            raise InputError(
                f"{path}: cannot be loaded as ONNX ({one_line(error)[:200]})"
            ) from None
        given = self._session.get_inputs()
        if len(given) != 1 or given[0].type not in ("tensor(float)", "tensor(float16)"):
            listed = ", ".join(f"{one.name} {one.type}" for one in given)
            raise InputError(
                f"{path}: expected one float input, the network wants: {listed}; export the part "
                "that sees photos alone"
            )
        self._input = given[0].name
        self._type = np.float16 if given[0].type == "tensor(float16)" else np.float32

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> float32 (N, D). Raises InputError where the model gives no such."""
        return torch.from_numpy(np.stack([self._one(photo) for photo in x.cpu().numpy()]))

    def _one(self, photo: np.ndarray) -> np.ndarray:
        try:
            outputs = self._session.run(None, {self._input: photo[None].astype(self._type)})
        except Exception as error:
            raise InputError(
                f"{self.file} fails on 1 x 3 x {SIDE} x {SIDE} ({one_line(error)[:200]}); export "
                "it for that input"
            ) from None
        arrays = [np.asarray(output) for output in outputs]
        found = next((a for a in arrays if a.ndim == 2), arrays[0])
        if found.ndim == 3:
            found = found.astype(np.float32).mean(1)
        elif found.ndim == 4:
            found = found.astype(np.float32).mean((2, 3))
        if found.ndim != 2 or found.shape[0] != 1 or found.dtype.kind != "f":
            shapes = ", ".join(f"{a.dtype} {a.shape}" for a in arrays)
            raise InputError(f"{self.file} gives no features of one photo, but {shapes}")
        if not np.isfinite(found).all():
            raise InputError(f"{self.file} gives NaN or infinity; is its normalisation right?")
        return np.asarray(found[0], np.float32)


def start(
    back_end: str,
    *,
    file: Path | str | None = None,
    normalisation: str = "",
    download: bool = False,
    seed: int = 0,
    option: str = "--features-file",
) -> tuple[FeatureRater, Start]:
    """A rater on one of `NAMES`, with a fresh last layer that follows from ``seed``.

    ``normalisation`` is one of `NORMALISATIONS`, of torchvision's networks "imagenet" whatever it
    says. Without a ``file``, torchvision's is the one it has cached, or, with ``download``,
    fetches; ``option`` is how the user names it.

    Raises InputError for a file that is missing or another network's, and for a missing package.
    """
    network: nn.Module
    if back_end == ONNX:
        if file is None:
            raise InputError(f"the rater rests on an ONNX file; give it with {option}")
        path = Path(file)
        data = reading.wanted_bytes(path)
        network, sha256 = _Onnx(path), onnx_file.sha256(path, data)
        with torch.inference_mode():
            width = network(torch.zeros(1, 3, SIDE, SIDE)).shape[1]
    else:
        require("torchvision")
        from torchvision.models import get_model_weights

        released = get_model_weights(back_end).DEFAULT
        path = (
            weights.local(file)
            if file is not None
            else weights.of_torchvision(back_end, released, fetch=download, option=option)
        )
        normalisation = "imagenet"
        network, width = _torchvision(back_end, path)
        sha256 = provenance.sha256_file(path)
    rater = FeatureRater(back_end, network, width, normalisation)
    draw_last(rater, seed)
    return rater, Start(back_end, sha256, normalisation if back_end == ONNX else "")


def _torchvision(name: str, file: Path) -> tuple[nn.Module, int]:
    """torchvision's network with its weights and without its classifier; the features' number."""
    from torchvision.models import get_model

    with torch.device("meta"):
        network = get_model(name, weights=None)
    place, layer = [
        (place, layer) for place, layer in network.named_modules() if isinstance(layer, nn.Linear)
    ][-1]
    network.set_submodule(place, nn.Identity())
    state = {key: value for key, value in _state(file, name).items() if not _below(key, place)}
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if odd := tensors.faults(state, wanted):
        raise InputError(f"{file}: not a state dict of torchvision's {name} ({odd[0]})")
    tensors.check_finite({k: v for k, v in state.items() if v.is_floating_point()}, file)
    network.load_state_dict(state, assign=True)
    return network, layer.in_features


def _below(key: str, place: str) -> bool:
    return key.startswith(f"{place}.")


def _state(file: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a state dict, floats as float32."""
    found: dict[Any, Any] = (
        dict(tensors.load(file, reading.wanted_bytes(file)))
        if file.suffix == ".safetensors"
        else tensors.read_torch(file, f"weights of torchvision's {name}")
    )
    state = {}
    for key, value in found.items():
        try:
            tensor = torch.as_tensor(value).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{file}: {short(key)}: {one_line(error)[:120]}") from None
        state[str(key)] = tensor.float() if tensor.is_floating_point() else tensor
    return state
