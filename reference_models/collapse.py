"""Detect a training that has stopped making photos, and suggest what to change.

An adversarial training can fail without any loss becoming large. Every few iterations the
enhanced patches are compared with their inputs; a problem that lasts for `PATIENCE` iterations is
reported once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.wespe.networks import Generator

#: Iterations for which a problem has to last: half of the 200 within which it is reported.
PATIENCE = 100

#: Iterations between checks; more would let a collapse go unreported for 200 iterations.
LOOK_EVERY = 10

#: By name, each problem and what to change.
REMEDIES = {
    "grey": (
        "enhanced patches have become flat grey",
        "lengthen --warmup, raise --weight-content, or lower --lr or --weight-tv",
    ),
    "negative": (
        "enhanced patches have become negatives of their photos",
        "use --content-on enhanced, or an anchor: --weight-identity 0.1",
    ),
    "far": (
        "enhanced patches are less than 10 dB from their photos",
        "lower --lr, or add an anchor: --weight-low 0.5",
    ),
    "dead": (
        "the layer before the output is zero nearly everywhere",
        "lower --lr or --beta1, raise --init-std, or start again with another --seed",
    ),
    "won": (
        "a discriminator classifies every patch correctly",
        "lower --lr-disc, or add --spectral-norm",
    ),
    "lost": (
        "a discriminator gives every patch the same logit",
        "raise --lr-disc, or check that source and target differ",
    ),
}


def measure(
    x: Tensor, y: Tensor, generator: Generator, logits: Mapping[str, Tensor], real: Tensor
) -> dict[str, Tensor]:
    """How well a step's patches resemble photos and how well discriminators tell them apart.

    Args:
        x: Input patches, float (N, 3, H, W) on [0, 1].
        y: The same patches enhanced.
        generator: What enhanced them.
        logits: By discriminator, its logits (M, 1) of a batch; the names end the keys below.
        real: bool (M,), which patches of that batch were real.

    Returns:
        float32 scalars on the patches' device. Of y against x: "psnr" in dB, "spread", the
        standard deviation within y's patches over that within x's, "correlation" of the two
        within patches, on [-1, 1]; "active", the share of the last hidden layer that is not zero;
        of each discriminator its "accuracy" on [0, 1], and "contrast", the standard deviation of
        its logits.
    """
    psnr, spread, correlation = compare(y, x)
    found = {"psnr": psnr, "spread": spread, "correlation": correlation}
    found["active"] = generator.active_share(x[:4])
    for name, column in logits.items():
        flat = column.detach().float().squeeze(1)
        found[f"accuracy{name}"] = ((flat > 0) == real).float().mean()
        found[f"contrast{name}"] = flat.std(correction=0)
    return found


def compare(y: Tensor, x: Tensor) -> Tensor:
    """PSNR (dB), spread and correlation of patches ``y`` and ``x``, see `measure`: float32 (3,)."""
    y, x = y.detach().float(), x.detach().float()
    error = (y.clamp(0, 1) - x).square().mean(dim=(1, 2, 3)).clamp_min(1e-10)
    a, b = y - y.mean(dim=(2, 3), keepdim=True), x - x.mean(dim=(2, 3), keepdim=True)
    spread_y, spread_x = a.square().mean().sqrt(), b.square().mean().sqrt().clamp_min(1e-6)
    correlation = (a * b).mean() / (spread_y * spread_x).clamp_min(1e-9)
    return torch.stack([-10 * error.log10().mean(), spread_y / spread_x, correlation])


def problems(measured: Mapping[str, float]) -> set[str]:
    """Keys of `REMEDIES` that apply to what `measure` found."""
    found = set()
    if measured["spread"] < 0.1:
        found.add("grey")
    elif measured["correlation"] < -0.1:
        found.add("negative")
    elif measured["psnr"] < 10:
        found.add("far")
    if measured["active"] < 0.005:
        found.add("dead")
    if any(v >= 0.995 for name, v in measured.items() if name.startswith("accuracy")):
        found.add("won")
    if any(v < 1e-4 for name, v in measured.items() if name.startswith("contrast")):
        found.add("lost")
    return found


@dataclasses.dataclass(slots=True)
class Watch:
    """Remembers since which iteration each problem has lasted, and when it was reported.

    ``preset`` is the training's recipe: "literal", which is known to collapse, is named as a cause.
    """

    preset: str = ""
    since: dict[str, int] = dataclasses.field(default_factory=dict)
    said: dict[str, int] = dataclasses.field(default_factory=dict)

    def state_dict(self) -> dict[str, dict[str, int]]:
        """The state to save."""
        return {"since": dict(self.since), "said": dict(self.said)}

    def load_state_dict(self, state: dict[str, dict[str, int]]) -> None:
        """Restore what `state_dict` gave."""
        self.since, self.said = dict(state["since"]), dict(state["said"])

    def look(self, iteration: int, measured: Mapping[str, float]) -> list[str]:
        """Sentences about problems that have lasted for `PATIENCE` iterations, each once."""
        found = sorted(problems(measured))
        more = ", or use --preset paper" if self.preset == "literal" else ""
        self.since = {name: self.since.get(name, iteration) for name in found}
        sentences = []
        for name, begun in self.since.items():
            if iteration - begun >= PATIENCE and name not in self.said:
                self.said[name] = iteration
                what, remedy = REMEDIES[name]
                sentences.append(f"iteration {iteration}: {what} since {begun}; {remedy}{more}")
        return sentences
