"""From a verb's options to a data set."""

from __future__ import annotations

from typing import Any

from wespe_bench.errors import InputError
from wespe_bench.registry import load_dataset
from wespe_bench.types import Dataset


def choose(
    dataset: str | None,
    *,
    input: str | None = None,
    reference: str | None = None,
    input_suffix: str | None = None,
    reference_suffix: str | None = None,
    name: str | None = None,
    data: str | None = None,
    verify: bool = False,
) -> tuple[Dataset, dict[str, Any]]:
    """The data set a user means, and the options it was loaded with.

    ``input`` alone means the folder data set. Raises InputError for options that do not go
    together.
    """
    for option, text in (("--input", input), ("--reference", reference), ("--data", data)):
        if text == "":
            raise InputError(f"{option} is empty; is a variable unset?")
    dataset = dataset or ("folder" if input else "samples")
    options: dict[str, Any] = {}
    if dataset == "folder":
        if not input:
            raise InputError("the folder data set needs --input FOLDER")
        options["input"] = input
        if reference:
            options["reference"] = reference
        for option, value in (
            ("input_suffix", input_suffix),
            ("reference_suffix", reference_suffix),
            ("name", name),
        ):
            if value:
                options[option] = value
        if reference_suffix and not reference:
            raise InputError("--reference-suffix needs --reference FOLDER")
    else:
        if input or reference or input_suffix or reference_suffix or name:
            raise InputError(
                f"--input, --reference and their suffixes go with --dataset folder, not {dataset!r}"
            )
        if data:
            options["data"] = data
    return load_dataset(dataset, verify=verify, **options), options
