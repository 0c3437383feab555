"""The options of the tables: which runs are which methods, and which conventions apply."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reports.paper.printed import CAMERAS, METHODS, WILD, Printed
from wespe_bench.datasets import dped
from wespe_bench.datasets.source import sources
from wespe_bench.errors import InputError, did_you_mean

#: Place of a table -> names of data sets that fill it without --dataset; the first that some
#: run has is used.
PLACES: Mapping[str, tuple[str, ...]] = {
    **{f"{phone} patches": (f"dped_{phone}_patches_test",) for phone in CAMERAS},
    **{f"{phone} registered": (f"dped_{phone}_registered_test",) for phone in CAMERAS},
    **{f"{phone} full": (f"dped_{phone}_full",) for phone in CAMERAS},
    **{name: (f"{name}_test",) for name in WILD},
    "kitti": ("kitti_extract_test", "kitti_sync_test", "kitti_object_test"),
}

#: Methods of ours that the tables show beside the paper's, each the baseline of one of its WESPEs:
#: tone curves from the same photos (`train tone`). The paper has no numbers for them.
OURS = {
    "tone_dped": "tone mean_std [DPED] (ours)",
    "tone_div2k": "tone mean_std [DIV2K] (ours)",
}
_BASELINES = {"wespe_dped": "tone_dped", "wespe_div2k": "tone_div2k"}

#: The titles of all methods, the paper's and ours.
TITLES: Mapping[str, str] = METHODS | OURS

_NAMES = {re.sub(r"[^a-z0-9]", "", name.lower()): id_ for id_, name in TITLES.items()} | {
    **{re.sub(r"[^a-z0-9]", "", id_): id_ for id_ in TITLES},
    "13": "dped",
    "wespediv2k": "wespe_div2k",
    "wespedped": "wespe_dped",
}


@dataclass(frozen=True)
class Choices:
    """Options of the tables; see the verb ``tables`` for what they mean."""

    methods: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    protocol: str = "patches"
    ssim: str = "ms_ssim"
    psnr: str = "psnr"
    cornia: str = ""
    common: bool = False
    data: str | None = None
    study: Path | None = None
    ours: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    pictures: bool = False

    @property
    def titles(self) -> dict[str, str]:
        """The titles of all methods: the paper's, its baselines, and those of ``ours``."""
        return {**TITLES, **{method: f"{method[5:]} (ours)" for method in self.ours}}


def methods_of(printed: Printed, choices: Choices) -> tuple[str, ...]:
    """The methods of a table: the paper's, what its WESPEs are judged by, and the user's.

    ``choices.order`` comes first.

    >>> from reports.paper.printed import TABLE8
    >>> methods_of(TABLE8, Choices(ours={"ours:Mine": "mine"}))
    ('original', 'wespe_div2k', 'tone_div2k', 'ours:Mine')
    """
    baselines = (_BASELINES[m] for m in _BASELINES if m in printed.methods)
    found = (*printed.methods, *baselines, *choices.ours)
    first = [method for method in choices.order if method in found]
    return (*first, *(method for method in found if method not in first))


def method_named(name: str) -> str:
    """The method's id, however its name is written; empty for an unknown name.

    >>> method_named("WESPE[DPED]"), method_named("wespe_div2k"), method_named("clahe")
    ('wespe_dped', 'wespe_div2k', '')
    >>> method_named("tone [DPED]")
    'tone_dped'
    """
    return _NAMES.get(re.sub(r"[^a-z0-9]", "", name.lower()), "")


def parse_methods(options: Iterable[str]) -> dict[str, str]:
    """Label -> method, of ``METHOD=LABEL``. Raises InputError."""
    found: dict[str, str] = {}
    for option in options:
        name, equals, label = option.partition("=")
        method = method_named(name)
        if not equals or not label:
            raise InputError(f"--method {option!r}: expected METHOD=LABEL, 'WESPE [DPED]=mine'")
        if not method:
            known = ", ".join(TITLES.values())
            raise InputError(f"--method {option!r}: no method {name!r} in the tables; {known}")
        if found.get(label, method) != method:
            raise InputError(f"--method: label {label!r} is given to two methods")
        found[label] = method
    return found


def parse_ours(options: Iterable[str], methods: Mapping[str, str]) -> dict[str, str]:
    """Method -> label, of ``NAME=LABEL`` or a label alone. Raises InputError.

    ``methods`` maps labels that --method gives to methods of the paper; they cannot be ours too.

    >>> parse_ours(["Mine=run 3"], {})
    {'ours:Mine': 'run 3'}
    """
    found: dict[str, str] = {}
    for option in options:
        name, equals, label = option.partition("=")
        label = label if equals else name
        if not name.strip() or not label:
            raise InputError(f"--ours {option!r}: expected NAME=LABEL, 'Mine=label of the run'")
        if method_named(name):
            raise InputError(
                f"--ours {option!r}: {name} is a method of the tables; give its run with --method"
            )
        if label in methods or label in found.values():
            raise InputError(f"label {label!r} is given to two methods")
        if f"ours:{name}" in found:
            raise InputError(f"--ours: two methods are called {name!r}")
        found[f"ours:{name}"] = label
    return found


def parse_order(names: Iterable[str], ours: Iterable[str]) -> tuple[str, ...]:
    """Methods by the names of their columns, in this order. Raises InputError."""
    known = {method.removeprefix("ours:"): method for method in ours}
    found = []
    for name in names:
        method = known.get(name) or method_named(name)
        if not method:
            there = [*TITLES.values(), *known]
            raise InputError(
                f"--order {name!r}: no such method{did_you_mean(name, there)}; {', '.join(there)}"
            )
        found.append(method)
    return tuple(dict.fromkeys(found))


def parse_datasets(options: Iterable[str]) -> dict[str, str]:
    """Place -> data set's name, of ``PLACE=NAME``. Raises InputError."""
    found: dict[str, str] = {}
    for option in options:
        place, equals, name = option.partition("=")
        place = " ".join(place.lower().split())
        if not equals or not name:
            raise InputError(f"--dataset {option!r}: expected PLACE=NAME, 'iphone full=my_photos'")
        if place not in PLACES:
            raise InputError(
                f"--dataset {option!r}: no place {place!r}{did_you_mean(place, PLACES)}; "
                f"places: {', '.join(PLACES)}"
            )
        if found.get(place, name) != name:
            raise InputError(f"--dataset: two data sets for {place!r}")
        found[place] = name
    return found


def place_of(row: str, table: int, choices: Choices) -> str:
    """The place of a row of a table of scores: a key of `PLACES`."""
    if row not in CAMERAS:
        return row
    return f"{row} {choices.protocol if table == 2 else 'full'}"


def dataset_at(place: str, names: Iterable[str], choices: Choices) -> tuple[str, str]:
    """(the data set of ``names`` that fills a place, why it is ambiguous); one is empty, or both.

    Names with a manifest's suffix are matched too.
    """
    if place in choices.datasets:
        return choices.datasets[place], ""
    known = sorted(set(names))
    for pattern in PLACES[place]:
        fits = [name for name in known if name == pattern or name.startswith(f"{pattern}_")]
        if pattern in fits:
            return pattern, ""
        if len(fits) > 1:
            return "", (
                f"{len(fits)} data sets could be used here ({', '.join(fits)}); choose one: "
                f"--dataset '{place}=NAME'"
            )
        if fits:
            return fits[0], ""
    return "", ""


def size_at(place: str) -> tuple[int, int] | None:
    """Width and height of a place's photos in the paper's protocol; None where they vary.

    >>> size_at("iphone patches"), size_at("blackberry full"), size_at("kitti")
    ((100, 100), (4160, 3120), (1392, 512))
    """
    name, _, protocol = place.partition(" ")
    if protocol == "patches":
        return dped.PATCH
    counts = dped.COUNTS[name] if name in dped.PHONES else sources()[name].counts[0]
    size = (counts.width or 0, counts.height or 0)
    return size if protocol != "registered" and all(size) else None


def spec_of(place: str) -> str:
    """The ``--dataset`` that fills a place.

    >>> spec_of("iphone patches"), spec_of("sony full"), spec_of("kitti")
    ('dped:iphone', 'dped:sony?protocol=full', 'kitti')
    """
    phone, _, protocol = place.partition(" ")
    if not protocol:
        return phone
    return f"dped:{phone}" + ("" if protocol == "patches" else f"?protocol={protocol}")
