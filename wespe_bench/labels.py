"""An enhancer's label: what tables and run folders call it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.errors import InputError
from wespe_bench.registry import ENHANCER_PREFIXES

_LABEL = re.compile(r"[^\W_][\w .+@()\[\]-]{0,99}")


@dataclass(frozen=True, slots=True)
class Named:
    """An enhancer spec with the label that tables show: ``LABEL=SPEC``, or a spec alone."""

    label: str
    spec: str


def parse_named(text: str) -> Named:
    """Split ``LABEL=SPEC``; without a label one is made from the spec.

    >>> parse_named("clahe"), parse_named("Ours=my_model.py:enhance").label
    (Named(label='clahe', spec='clahe'), 'Ours')
    >>> parse_named("results:outputs/deep-photo").label
    'deep-photo'
    >>> parse_named("dped:iphone.safetensors?device=cpu").label
    'iphone'
    """
    label, equals, spec = text.partition("=")
    if not equals or ":" in label or "/" in label:
        spec = text
        prefix, colon, argument = text.partition(":")
        if not colon:
            label = prefix
        elif prefix == "cmd":
            label = Path(argument.split()[0]).name if argument.split() else prefix
        elif prefix in ENHANCER_PREFIXES:
            path = Path(argument.partition("?")[0])
            label = (path.name if prefix == "results" else path.stem) or prefix
        else:
            module_name, _, attribute = text.rpartition(":")
            label = f"{Path(module_name).stem}.{attribute}" if attribute else text
        label = re.sub(r"[^\w .+@()\[\]-]", "_", label).lstrip("._ -") or "enhancer"
        label = label[:100]
    if not spec:
        raise InputError(f"{text!r}: nothing after the '='; expected LABEL=ENHANCER")
    if not _LABEL.fullmatch(label) or label.endswith((" ", ".")):
        raise InputError(
            f"label {label!r}: use letters, digits and . _ + @ ( ) [ ] - "
            "(at most 100, starting with a letter or digit)"
        )
    return Named(label, spec)
