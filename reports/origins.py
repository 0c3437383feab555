"""What a method is, where it comes from and on whose terms: for reports and cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from reports.text import plain
from wespe_bench.listing import first_line
from wespe_bench.registry import ENHANCER_PREFIXES, ENHANCERS, resolve

HEADS = ("Method", "What it is", "From", "Terms")


@dataclass(frozen=True, slots=True)
class Origin:
    """Of the method ``label``; each on one line, not escaped, empty where it is not known."""

    label: str
    what: str
    source: str
    terms: str

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        return (
            f"{self.label}: {self.what}. From: {self.source or 'not stated'}. "
            f"Terms: {self.terms or 'not stated'}."
        )


def origin_of(label: str, enhancer: str, about: Mapping[str, Any]) -> Origin:
    """The origin of an enhancer by its spec, and by what it says of itself (`Run.about`).

    ``what`` is the line that ``list`` and the documentation show.
    """
    stated = {str(key): plain(value) for key, value in about.items() if isinstance(value, str)}
    base, _, argument = enhancer.partition(":")
    target = ENHANCERS.get(enhancer) or ENHANCER_PREFIXES.get(base)
    record = resolve(target) if target else None
    what = first_line(record).partition(f": {base}:")[0].rstrip(".") if record else ""
    what = what or stated.get("model") or "Code from outside wespe-bench"
    # The card of an imported network names them too; older runs do not.
    paper, page, terms = (
        stated.get(key) or getattr(record, key, "") for key in ("paper", "page", "terms")
    )
    ours = enhancer in ENHANCERS or argument.partition("?")[0] == "demo"
    made = "; ".join(filter(None, (stated.get("note"), trained_on(about))))
    source = [paper if paper not in what else "", made, page]
    if not target:
        source.insert(0, plain(enhancer))
    return Origin(
        plain(label),
        what,
        "; ".join(filter(None, source)) or ("wespe-bench" if ours else ""),
        terms or (_own_terms() if ours else ""),
    )


def trained_on(about: Mapping[str, Any]) -> str:
    """The photos that a model of ours was made from, and its target; empty for any other.

    >>> trained_on({"iterations": 300, "photos": "phone 0123456789abcdef", "targets": "div2k"})
    '300 iterations on phone (revision 0123456789ab), target div2k'
    """
    if not about.keys() & {"iterations", "photos"}:
        return ""
    count = f"{plain(about['iterations'])} iterations on " if "iterations" in about else ""
    target = f", target {_named(about['targets'])}" if "targets" in about else ""
    return f"{count}{_named(about.get('photos'))}{target}"


def _named(text: object) -> str:
    """A data set's name with the beginning of its revision."""
    if text is None:
        return "unknown photos"
    name, _, revision = plain(text).rpartition(" ")
    return f"{name} (revision {revision[:12]})" if name else plain(text)


def _own_terms() -> str:
    try:
        terms: list[str] = metadata("wespe-bench").get_all("License-Expression") or []
    except PackageNotFoundError:
        return ""
    return ", ".join(terms)
