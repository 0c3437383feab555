"""A rater's card as text, filled from its training and its test, and the plot of the test."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ffs import baselines, checkpoints, feature_networks, labels, temperature
from ffs.crops import size_of
from ffs.evaluation import calibration, lines
from wespe_bench import atomic, vgg_files

_USE = {
    "rater": """It says how likely a photo is to get {high}.
That is a taste of one site's users at one time: subject, fashion and fame of the photographer are
in it as well as quality, and a small difference of two scores means nothing without its interval.
It was never asked whether a change to a photo is faithful.""",
    "stand-in": """**Stand-in: trained on simulated faves.** Nobody faved anything: photos were
blurred, made noisy and compressed by known amounts, and faves drawn so that stronger damage
gets fewer. It shows how the Flickr Faves Score works where no trained rater is at hand. Its
numbers are no ratings, and tables of ratings (7 and 8 of the paper) leave it out.""",
}

_SIMULATED = """**Trained on simulated faves.** Nobody faved these photos; a program drew their
faves. The rater shows how the steps work, and says nothing of what people like.

"""


def readable(name: str, card: Mapping[str, Any], digest: str) -> str:
    """The card as Markdown: what it is, how well it did, from what and how it was trained."""
    training = card["training"]
    simulated = checkpoints.simulated(card["kind"], str(training.get("data_note", "")))
    shown = lines(card["test"], simulated) if card["test"] else ["not tested"]
    if found := card["test"] and card["test"].get("baselines"):
        shown += baselines.lines(found)
    test = "\n".join(shown)
    layers = f" on {', '.join(card['layers'])}" if card["head"] == "gap" else ""
    normalisation = card.get("normalisation", "")
    network = card["back_end"] if normalisation else "VGG-19"
    seen = f", photos normalised as {normalisation}" if normalisation else ""
    holds = (
        "all of the network"
        if card["whole"]
        else f"the last layer; the rest is the {vgg_files.title(card['back_end'])} "
        f"with SHA-256 `{card['vgg_sha256'] or 'none: random'}`"
    )
    rule = training.get("label_rule", "median")
    use = _USE[card["kind"]].format(high=labels.meaning(rule))
    use = use if card["kind"] != "rater" or not simulated else _SIMULATED + use
    rows = "\n".join(f"| {key} | {value} |" for key, value in _rows(training))
    return f"""# {name}: {card["title"]}

{use}

| | |
|---|---|
| kind | {card["kind"]} |
| network | {network}, head {card["head"]}{layers}{seen} |
| parameters | {_parameters(card)} |
| labels | `{rule}`: high is {labels.meaning(rule)} |
| file | {holds} |
| photos | {_prepared(card["preparation"])} |
| score | mean P(high) over five 224 x 224 crops that follow from the photo's id |
| calibrated score | {_calibrated(card["temperature"])} |
| SHA-256 | `{digest}` |

## Test

```
{test}
```

Each interval is of the count alone: another training and other photos would move it further.
Confusion, ROC and calibration are in test.png, every photo in test.csv.

## Training

| | |
|---|---|
{rows}

## Limits

- Faves are not quality: see ffs/README.md for what they follow besides.
- It saw photos of the size and kind above; elsewhere its scores are guesses.
- An enhancer tuned against it will learn what it overlooks.
- The weights belong to the person who trained them; terms of the photos and of {network} apply.
"""


def _parameters(card: Mapping[str, Any]) -> str:
    learned = card["training"].get("parameters_learned", 0)
    if card["back_end"] == feature_networks.ONNX:
        return f"{learned:,} learned; those in the ONNX file are not counted"
    if card["whole"] or not learned:
        return f"{card['parameters']:,}"
    return f"{card['parameters']:,}, of which {learned:,} were learned"


def _prepared(preparation: str) -> str:
    if preparation == "native":
        return "as they are"
    width, height = size_of(preparation) or (0, 0)
    return f"the central window of the same proportions, resized to {width} x {height}"


def _calibrated(found: float | None) -> str:
    if found is None:
        return "none"
    return f"1 / (1 + exp(-logit(score) / {found:.4g})), `calibrated` beside the score"


def _rows(training: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in training.items():
        if key in ("curve", "label_rule", "parameters_learned"):  # shown elsewhere
            continue
        key = key.replace("_", " ")
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{key} ")
        elif key == "command":
            yield before + key, f"`{value}`"
        else:
            shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            yield before + key, f"{value:.4g}" if isinstance(value, float) else shown


def draw(path: Path, p: np.ndarray, labels: np.ndarray, test: Mapping[str, Any]) -> None:
    """Write the PNG of P(high) (n,), the labels (n,), and what `evaluation.evaluate` found."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    FigureCanvasAgg(figure)
    confusion, roc, reliable, quarters = figure.subplots(2, 2).ravel()
    _confusion(confusion, test["confusion"])
    _roc(roc, p, labels, test["auc"])
    _calibration(reliable, p, labels, test)
    _quarters(quarters, test["quartiles"])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    atomic.write_bytes(path, buffer.getvalue())


def _confusion(axes: Any, counts: Mapping[str, int]) -> None:
    names = ("high", "low")
    table = np.array([[counts[f"{label}_rated_{rated}"] for rated in names] for label in names])
    axes.imshow(table, cmap="Blues", vmin=0)
    for row, column in np.ndindex(2, 2):
        dark = table[row, column] > table.max() / 2
        axes.text(
            column,
            row,
            str(table[row, column]),
            ha="center",
            va="center",
            fontsize=14,
            color="white" if dark else "black",
        )
    axes.set_xticks((0, 1), [f"rated {name}" for name in names])
    axes.set_yticks((0, 1), [f"{name} by faves" for name in names])
    axes.set_title("Test photos by label and rating")


def _roc(axes: Any, p: np.ndarray, labels: np.ndarray, auc: float | None) -> None:
    if auc is not None:
        from sklearn.metrics import roc_curve

        wrong, right, _ = roc_curve(labels, p)
        axes.plot(wrong, right, label="the rater")
    axes.plot((0, 1), (0, 1), color="0.7", linewidth=0.8, label="chance")
    axes.legend(loc="lower right")
    axes.set_xlabel("share of low photos rated high")
    axes.set_ylabel("share of high photos rated high")
    axes.set_title("ROC curve" if auc is None else f"ROC curve, area below it (AUC) {auc:.3f}")


def _calibration(axes: Any, p: np.ndarray, labels: np.ndarray, test: Mapping[str, Any]) -> None:
    def line(style: str, p: np.ndarray, what: str, error: float) -> list[tuple[float, float, int]]:
        points = calibration(p, labels)
        places = ([point[i] for point in points] for i in (0, 1))
        axes.plot(*places, style, label=f"{what}, error {error:.3f}")
        return points

    axes.plot((0, 1), (0, 1), color="0.7", linewidth=0.8, label="perfect")
    points = line("o-", p, "raw", test["calibration_error"])
    if found := test.get("calibrated"):
        after = temperature.scaled(p, found["temperature"])
        line(
            "s--", after, f"with temperature {found['temperature']:.3g}", found["calibration_error"]
        )
    axes.set_ylim(-0.05, 1.5)  # room for the legend
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(loc="upper left")
    for mean, share, n in points:
        axes.annotate(str(n), (mean, share), textcoords="offset points", xytext=(4, -10), size=8)
    axes.set_xlabel("P(high), means of bins (small numbers: photos)")
    axes.set_ylabel("share of them that is high")
    axes.set_title("Calibration")


def _quarters(axes: Any, quartiles: Any) -> None:
    shares = np.array([found["accuracy"] for found in quartiles])
    ends = np.array([found["wilson"] for found in quartiles])
    bars = np.clip([shares - ends[:, 0], ends[:, 1] - shares], 0, None)
    places = np.arange(len(shares)) + 1
    axes.bar(places, shares, yerr=bars, color="0.75", capsize=4)
    axes.axhline(0.5, color="0.5", linewidth=0.8)
    axes.set_xticks(places)
    axes.set_ylim(0, 1)
    axes.set_xlabel("quarter of the test photos by faves per view, lowest first")
    axes.set_ylabel("share that is rated right")
    axes.set_title("Accuracy, with Wilson's 95% intervals")
