"""Does a training still make photos? Grey, negative, lost balance: said early, with a remedy.

An adversarial training can fail without any loss becoming large. Every few iterations the
enhanced patches are compared with their inputs; what stays wrong for `PATIENCE` iterations
is reported once.
"""

from __future__ import annotations

import dataclasses

from torch import Tensor

#: Iterations for which a sign has to persist: half of the 200 within which it is said.
PATIENCE = 100

#: Look this often; rarer would let a collapse go unsaid for 200 iterations.
LOOK_EVERY = 10

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
        "the layer before the output has gone dead",
        "lower --lr or --beta1, raise --init-std, or start again with another --seed",
    ),
    "won": (
        "a discriminator tells all patches apart",
        "lower --lr-disc, or add --spectral-norm",
    ),
    "lost": (
        "a discriminator answers the same for every patch",
        "raise --lr-disc, or check that source and target differ",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Signs:
    """What is seen in one batch; all plain numbers.

    ``psnr`` (dB) of the enhanced against their inputs; ``spread``: standard deviation within
    patches over that of the inputs; ``correlation`` of the two within patches, on [-1, 1];
    ``active``: share of the last hidden layer that is not zero; ``accuracy`` of each
    discriminator, on [0, 1]; ``contrast``: standard deviation of each one's logits.
    """

    psnr: float
    spread: float
    correlation: float
    active: float
    accuracy: tuple[float, ...]
    contrast: tuple[float, ...]

    def wrong(self) -> set[str]:
        """Names of what is wrong, keys of `REMEDIES`."""
        found = set()
        if self.spread < 0.1:
            found.add("grey")
        elif self.correlation < -0.1:
            found.add("negative")
        elif self.psnr < 10:
            found.add("far")
        if self.active < 0.005:
            found.add("dead")
        if any(accuracy >= 0.995 for accuracy in self.accuracy):
            found.add("won")
        if any(contrast < 1e-4 for contrast in self.contrast):
            found.add("lost")
        return found


def compare(y: Tensor, x: Tensor) -> tuple[float, float, float]:
    """PSNR (dB), spread and correlation of enhanced ``y`` and input ``x``, (N, 3, H, W)."""
    y, x = y.detach().float(), x.detach().float()
    error = (y.clamp(0, 1) - x).square().mean(dim=(1, 2, 3)).clamp_min(1e-10)
    a, b = y - y.mean(dim=(2, 3), keepdim=True), x - x.mean(dim=(2, 3), keepdim=True)
    spread_y, spread_x = a.square().mean().sqrt(), b.square().mean().sqrt().clamp_min(1e-6)
    correlation = (a * b).mean() / (spread_y * spread_x).clamp_min(1e-9)
    return (
        float(-10 * error.log10().mean()),
        float(spread_y / spread_x),
        float(correlation),
    )


@dataclasses.dataclass(slots=True)
class Watch:
    """Remembers since which iteration each sign has been there; ``said``, what was reported."""

    since: dict[str, int] = dataclasses.field(default_factory=dict)
    said: dict[str, int] = dataclasses.field(default_factory=dict)

    def state_dict(self) -> dict[str, dict[str, int]]:
        """For the training's state."""
        return {"since": dict(self.since), "said": dict(self.said)}

    def load_state_dict(self, state: dict[str, dict[str, int]]) -> None:
        """What `state_dict` gave."""
        self.since, self.said = dict(state["since"]), dict(state["said"])

    def look(self, iteration: int, signs: Signs) -> list[str]:
        """Sentences about what has been wrong for `PATIENCE` iterations and is not yet said."""
        wrong = signs.wrong()
        self.since = {name: self.since.get(name, iteration) for name in sorted(wrong)}
        sentences = []
        for name, begun in self.since.items():
            if iteration - begun >= PATIENCE and name not in self.said:
                self.said[name] = iteration
                what, remedy = REMEDIES[name]
                sentences.append(f"iteration {iteration}: {what} since {begun}; {remedy}")
        return sentences
