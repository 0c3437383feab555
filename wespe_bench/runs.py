"""Plan, Run and Failure: what `enhance` and `score` take and return, and how it is reported."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wespe_bench.errors import InputError, printable
from wespe_bench.registry import ENHANCER_PREFIXES, full_spec

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

    from wespe_bench.types import Dataset, Enhancer


Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Failure:
    """One photo that could not be enhanced or scored, and why."""

    run: Path
    sample: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class Run:
    """What `enhance` made: the folder, how many results are new or were kept, what failed.

    ``colours`` says how many photos (after `score`: references) were not plain sRGB, and what was
    done about each kind.
    """

    folder: Path
    done: int = 0
    kept: int = 0
    failures: tuple[Failure, ...] = ()
    colours: Mapping[str, int] = field(default_factory=dict)

    def scores(self) -> pd.DataFrame:
        """The current scores of the folder, as `wespe_bench.load_scores` gives them."""
        from wespe_bench.run import load_scores

        return load_scores(self.folder)

    def show(self, photos: int = 4) -> Image:
        """The first ``photos`` as one picture, a row each: the photo, the result, the reference."""
        from wespe_bench import run, strip

        return strip.strip(run.Run(self.folder), photos)

    def _repr_html_(self) -> str:
        from wespe_bench import run, strip

        return strip.html(run.Run(self.folder))


@dataclass(frozen=True, slots=True)
class Plan:
    """One enhancer on one data set into one folder.

    ``enhancer`` is a spec that every worker resolves for itself, or, without workers, the
    function. ``options`` are what `load_dataset` was given, kept for run.json.
    """

    folder: Path
    label: str
    enhancer: str | Enhancer
    dataset: Dataset
    options: dict[str, Any] = field(default_factory=dict)


def colours_of(kind: str, counted: Iterable[Mapping[str, int]]) -> str:
    """How many photos were converted from what, as a line; "" for none.

    ``counted`` is `Run.colours` of runs over the same photos: what most of them say counts.

    >>> colours_of("photos", [{"converted from Adobe RGB (EXIF)": 3}, {}])
    'photos: 3 converted from Adobe RGB (EXIF)'
    """
    most = max(counted, key=lambda counts: sum(counts.values()), default={})
    ranked = sorted(most.items(), key=lambda item: -item[1])
    return f"{kind}: " + "; ".join(f"{n} {line}" for line, n in ranked) if ranked else ""


def tell(failures: Sequence[Failure]) -> int:
    """List what failed, on standard error, last; returns the exit code 0 or 3.

    An error that many photos of a run share is one line.
    """
    if not failures:
        return 0
    print(f"wespe-bench: {len(failures)} failed:", file=sys.stderr)
    grouped = group(((f.stage, f.run, f.error), f.sample) for f in failures)
    for (stage, run, error), samples in grouped.items():
        print(f"  {printable(f'{stage} {run}: {samples}: {error}')}", file=sys.stderr)
    return 3


def group(failures: Iterable[tuple[Key, str]]) -> dict[Key, str]:
    """Samples with the same key, as one text.

    >>> group([("a", "1"), ("b", "2"), *(("c", str(n)) for n in range(3, 9))])
    {'a': '1', 'b': '2', 'c': '6 photos (3, 4, 5, ...)'}
    """
    groups: dict[Key, list[str]] = {}
    for key, sample in failures:
        groups.setdefault(key, []).append(sample)
    return {
        key: samples[0]
        if len(samples) == 1
        else f"{len(samples)} photos ({', '.join([*samples[:3], '...'][: len(samples)])})"
        for key, samples in groups.items()
    }


# The last four are the first four at full width, which some spreadsheets take for the same.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_csv_formula(text: Any) -> Any:
    """A text with an apostrophe before what a spreadsheet would run as a formula; else unchanged.

    >>> escape_csv_formula("=1+1"), escape_csv_formula("iphone/7")
    ("'=1+1", 'iphone/7')
    """
    return f"'{text}" if str(text)[:1] in _FORMULAS else text


def folder_name(name: str) -> str:
    """A data set's name as a folder's: letters, digits and ``._-``; anything else becomes ``_``.

    Windows' devices and names that end in a dot get a ``_``: there is no such folder there.

    >>> folder_name("my photos/2024"), folder_name("con.a"), folder_name("a.")
    ('my_photos_2024', '_con.a', 'a._')
    """
    plain = "".join(
        c if c.isalnum() or c in "._-" else "_" for c in unicodedata.normalize("NFC", name)
    )
    plain = plain.lstrip(".")[:98]
    return "_" * bool(_DEVICE.match(plain)) + plain + "_" * (plain[-1:] in ("", "."))


_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])(\.|$)", re.IGNORECASE)


#: Labels of the models that ship with the package.
SHIPPED = {"tone:demo": "Tone demo", "wespe:demo": "WESPE demo", "dped:demo": "DPED demo"}

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
    >>> parse_named("dped:demo").label
    'DPED demo'
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
            label = SHIPPED.get(f"{prefix}:{path}", label)
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
    return Named(label, full_spec("enhancers", spec))


def refuse_twins(names: Iterable[str], what: str, remedy: str, taken: Collection[str] = ()) -> None:
    """Raise InputError where two of ``what`` have one name, whatever its case, or one is taken."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in taken:
            raise InputError(f"{name!r} is the name of what is written there; {remedy}")
        if name.casefold() in seen:
            raise InputError(f"two {what} are called {name!r}; {remedy}")
        seen.add(name.casefold())
