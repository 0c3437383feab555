"""A rater's card as text, filled from its training and its test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ffs.crops import size_of
from ffs.evaluation import lines

_USE = {
    "rater": """It says how likely a photo is to get more faves per view than the median photo of
what it was trained on. That is a taste of one site's users at one time: subject, fashion and
fame of the photographer are in it as well as quality, and a small difference of two scores
means nothing without its interval. It was never asked whether a change to a photo is faithful.""",
    "stand-in": """**Stand-in: trained on simulated faves.** Nobody faved anything: photos were
blurred, made noisy and compressed by known amounts, and faves drawn so that stronger damage
gets fewer. It shows how the Flickr Faves Score works where no trained rater is at hand. Its
numbers are no ratings, and tables of ratings (7 and 8 of the paper) leave it out.""",
}


def readable(name: str, card: Mapping[str, Any], digest: str) -> str:
    """The card as Markdown: what it is, how well it did, from what and how it was trained."""
    test = "\n".join(lines(card["test"], card["kind"])) if card["test"] else "not tested"
    layers = f" on {', '.join(card['layers'])}" if card["head"] == "gap" else ""
    holds = (
        "all of the network"
        if card["whole"]
        else f"the last layer; the rest is the {card['back_end']} VGG-19 "
        f"with SHA-256 `{card['vgg_sha256'] or 'none: random'}`"
    )
    rows = "\n".join(f"| {key} | {value} |" for key, value in _rows(card["training"]))
    return f"""# {name}: {card["title"]}

{_USE[card["kind"]]}

| | |
|---|---|
| kind | {card["kind"]} |
| network | VGG-19, head {card["head"]}{layers}, {card["parameters"]:,} parameters |
| file | {holds} |
| photos | {_prepared(card["preparation"])} |
| score | mean P(high) over five 224 x 224 crops that follow from the photo's id |
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
- Weights belong to whoever trained them; terms of the photos and of VGG-19 apply.
"""


def _prepared(preparation: str) -> str:
    if preparation == "native":
        return "as they are"
    width, height = size_of(preparation) or (0, 0)
    return f"the central window of the same proportions, resized to {width} x {height}"


def _rows(training: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in training.items():
        if key == "curve":
            continue
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{key} ")
        elif key == "command":
            yield before + key, f"`{value}`"
        else:
            yield before + key, f"{value:.4g}" if isinstance(value, float) else str(value)
