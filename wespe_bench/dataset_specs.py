"""A data set's spec: its name, its argument and its options, and the loader that takes them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench.errors import InputError, did_you_mean, unknown
from wespe_bench.registry import DATASETS, OWN_DATASETS, load_foreign, of_plugins, resolve

if TYPE_CHECKING:
    from wespe_bench.types import Dataset


def parse_dataset(spec: str, data: Path | str | None = None) -> tuple[str, dict[str, Any]]:
    """A data set's spec as its name in `DATASETS` and its loader's options.

    ``data`` is where data sets live, for the names of a wespe-data.toml there. Raises
    InputError for an unknown name, and for options that are not ``option=value``.

    >>> parse_dataset("dped:iphone?protocol=full&halve=no")
    ('dped', {'phone': 'iphone', 'protocol': 'full', 'halve': 'no'})
    """
    address, _, query = spec.partition("?")
    name, colon, argument = address.partition(":")
    if name not in DATASETS and name not in of_plugins("datasets"):
        own = resolve(OWN_DATASETS)(data)
        if name not in own:
            raise unknown("data set", name, [*DATASETS, *of_plugins("datasets"), *own])
        if colon:
            raise InputError(f"{spec!r}: {name} takes no argument; expected {name} or {name}?...")
        name, colon, argument = "camera", ":", name
    options: dict[str, Any] = {}
    parameters = list(inspect.signature(_loader(name)).parameters.values())
    if colon:
        if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
            raise InputError(f"{spec!r}: {name} takes no argument; set its location with --data")
        if not argument:
            wanted = parameters[0].name.upper()
            raise InputError(f"{spec!r}: nothing after the colon; expected {name}:{wanted}")
        options[parameters[0].name] = argument
    for item in query.split("&") if query else []:
        option, equals, value = item.partition("=")
        if option in options:
            raise InputError(f"{spec!r}: {option} is given twice")
        if not equals:
            known = ", ".join(parameter.name for parameter in parameters)
            raise InputError(f"{spec!r}: {item!r}: expected option=value; its options: {known}")
        options[option] = value
    return name, options


def load(name: str, /, **options: Any) -> Dataset:
    """See `wespe_bench.registry.load_dataset`."""
    spec = name
    name, spec_options = parse_dataset(spec, options.get("data"))
    double = sorted(spec_options.keys() & options.keys())
    if double:
        raise InputError(f"{spec!r}: {double[0]} is given twice")
    options = spec_options | options
    loader = _loader(name)
    parameters = inspect.signature(loader).parameters
    for option in options:
        if option not in parameters:
            raise InputError(
                f"data set {name!r} has no option {option!r}{did_you_mean(option, parameters)}; "
                f"its options: {', '.join(parameters)}"
            )
    missing = [
        p.name for p in parameters.values() if p.default is p.empty and p.name not in options
    ]
    if missing:
        raise InputError(f"data set {name!r} needs {missing[0]}: {name}:{missing[0].upper()}")
    dataset: Dataset = loader(**options)
    return dataset


def _loader(name: str) -> Any:
    if name in DATASETS:
        return resolve(DATASETS[name])
    return load_foreign(of_plugins("datasets")[name].target)
