"""From a verb's options to a data set."""

from __future__ import annotations

from typing import Any, Protocol

from wespe_bench.dataset_specs import parse_dataset
from wespe_bench.errors import InputError
from wespe_bench.registry import load_dataset
from wespe_bench.types import Dataset


class Options(Protocol):
    """The fields by which a verb's config says which photos it means."""

    @property
    def input(self) -> str | None: ...
    @property
    def reference(self) -> str | None: ...
    @property
    def input_suffix(self) -> str | None: ...
    @property
    def reference_suffix(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def data(self) -> str | None: ...


def choose(dataset: str | None, config: Options) -> tuple[Dataset, dict[str, Any]]:
    """The data set a user means, and the options it was loaded with.

    ``dataset`` is its spec; without one, ``config.input`` means the folder data set, and
    nothing at all the samples. Raises InputError for options that do not go together.
    """
    for option in ("input", "reference", "data"):
        if getattr(config, option) == "":
            raise InputError(f"--{option} is empty; is a variable unset?")
    spec = dataset or ("folder" if config.input else "samples")
    names = ("input", "reference", "input_suffix", "reference_suffix", "name")
    options = {name: value for name in names if (value := getattr(config, name))}
    name, spec_options = parse_dataset(spec, config.data)
    if name == "folder":
        if not (config.input or "input" in spec_options):
            raise InputError("the folder data set needs --input FOLDER")
        if config.reference_suffix and not (config.reference or "reference" in spec_options):
            raise InputError("--reference-suffix needs --reference FOLDER")
    elif options:
        raise InputError(
            f"--input, --reference and their suffixes go with --dataset folder, not {spec!r}"
        )
    elif config.data:
        options["data"] = config.data
    return load_dataset(spec, **options), spec_options | options
