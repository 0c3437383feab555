"""From a verb's arguments to its frozen dataclass: cyclopts parses, helps and complains.

Fields without a default are positional arguments, as are those marked `POSITIONAL`; all others
are options. A field's docstring is its help text. Options that several verbs share are written
once, as dataclasses to inherit from.
"""

from __future__ import annotations

import inspect
import os
import shlex
import typing
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from wespe_bench.errors import InputError, did_you_mean, short
from wespe_bench.option_checks import (
    is_positional,
    refuse_addresses,
    refuse_control_characters,
    refuse_empty,
)

if TYPE_CHECKING:
    import cyclopts

Config = TypeVar("Config")

#: Metadata of a dataclass field that has a default and is a positional argument all the same.
POSITIONAL = {"positional": True}

#: Metadata of a field whose value is another verb's options, so that it may begin with "--".
OPTIONS = {"options": True}


def cores() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Where data sets live."""

    data: Annotated[str | None, "FOLDER"] = None
    """Where data sets live (default: $WESPE_DATA, else data/)."""


@dataclass(frozen=True, kw_only=True)
class TrackOption:
    """Where else numbers go."""

    track: Annotated[str, "TRACKER"] = ""
    """Send the numbers to tensorboard:FOLDER, mlflow:URI or wandb:PROJECT as well."""


@dataclass(frozen=True, kw_only=True)
class FormatOption:
    """What a verb prints."""

    format: Literal["text", "json"] = "text"
    """text, or json for scripts (its fields: docs/reference/json.md)."""


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(DataOptions):
    """Which photos a verb works on: a named data set, or two folders."""

    dataset: Annotated[str | None, "DATASET"] = None
    """NAME, NAME:ARGUMENT, either with ?option=value&option=value (wespe-bench data list);
    default: the suite's, else samples, or folder when --input is given."""
    input: Annotated[str | None, "FOLDER"] = None
    """A folder of photos, instead of a named data set."""
    reference: Annotated[str | None, "FOLDER"] = None
    """A folder of references for --input, paired by file name."""
    input_suffix: Annotated[str | None, "TEXT"] = None
    """The end of the photos' names that is not part of the pair's name, e.g. _phone."""
    reference_suffix: Annotated[str | None, "TEXT"] = None
    """The same for the references, e.g. _dslr."""
    name: Annotated[str | None, "NAME"] = None
    """What to call the photos of --input in tables (default: the folder's name)."""


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """How many processes work."""

    jobs: int = field(default_factory=cores)
    """Worker processes; 0: work in this process."""


@dataclass(frozen=True, kw_only=True)
class WorkerOptions(JobOptions):
    """Where and on what part of the photos a verb works."""

    engine: Annotated[str, "ENGINE"] = "local"
    """local, or ray, ray:HOST:PORT, each with ?workers=N&gpus=SHARE: a cluster's workers."""
    shard: Annotated[str, "I/N"] = "1/1"
    """i/n: only every n-th photo, from the i-th on."""
    force: bool = False
    """Do everything again."""


# The command under way, as a shell would take it; cards record it.
_command: ContextVar[str] = ContextVar("command", default="")


def command_line() -> str:
    """The command that `parse` saw last, quoted for a shell; "" when there was none."""
    return _command.get()


def parse(
    config: type[Config],
    argv: Sequence[str],
    verb: str,
    *,
    default: Config | None = None,
    addresses: Sequence[str] = (),
) -> Config | None:
    """Fill ``config`` from ``argv``; None after printing the help.

    Args:
        config: a frozen dataclass.
        argv: the words after the verb.
        verb: how the verb is called, e.g. "data check".
        default: where options that are not given take their values; else from the class.
        addresses: fields that may hold addresses of stores, or of the web.

    Raises:
        InputError: an unknown option (with a guess), a missing argument, a value of the
            wrong kind, an empty text, or an address where a path has to be.
    """
    import cyclopts

    _command.set(shlex.join(["wespe-bench", *verb.split(), *argv]))
    given: list[Config] = []
    app = command(config, verb, given.append, default)
    try:
        app(list(argv), exit_on_error=False, print_error=False)
    except cyclopts.UnusedCliTokensError as error:
        word = (error.unused_tokens or [""])[0]
        raise InputError(f"unexpected argument {word!r}; see wespe-bench {verb} --help") from None
    except cyclopts.CycloptsError as error:
        line = " ".join(str(error).split())
        raise InputError(f"{line} See wespe-bench {verb} --help") from None
    for parsed in given:
        refuse_empty(parsed)
        refuse_control_characters(parsed)
        refuse_addresses(parsed, addresses)
        return parsed
    print(f"\n{_help(config)[1]}")  # after the help; cyclopts would break lines to be pasted
    return None


def given(config: type[Any], argv: Sequence[str], verb: str, option: str) -> str | None:
    """The value that ``argv`` gives an option; None without one, and for words `parse` refuses."""
    import cyclopts

    app = command(config, verb, print)
    app.help_flags = ()  # --help is for `parse`
    try:
        _, bound, _, _ = app.parse_known_args(list(argv))
    except cyclopts.CycloptsError:
        return None
    return bound.arguments.get(option)


def preset(presets: Mapping[str, Config], argv: Sequence[str], verb: str) -> Config:
    """The settings that the last ``--preset NAME`` of ``argv`` names, else the first ones.

    Raises InputError for another name.
    """
    first = next(iter(presets))
    name = given(type(presets[first]), argv, verb, "preset") or first
    if name not in presets:
        raise InputError(
            f"--preset {name}: no such recipe{did_you_mean(name, presets)}; "
            f"there are {', '.join(presets)}"
        )
    return presets[name]


def command(
    config: type[Config],
    verb: str,
    run: Callable[[Config], object],
    default: Config | None = None,
) -> cyclopts.App:
    """One verb as a cyclopts App that calls ``run`` with the filled dataclass."""
    import cyclopts

    def call(*values: Any, **options: Any) -> None:
        bound = signature.bind(*values, **options)
        bound.apply_defaults()
        run(config(**bound.arguments))

    # cyclopts would keep line breaks within a paragraph.
    text = "\n\n".join(" ".join(part.split()) for part in _help(config)[0].split("\n\n"))
    signature = _signature(config, default)
    call.__signature__ = signature  # pyrefly: ignore[missing-attribute]
    group = cyclopts.Group("Options")
    app = cyclopts.App(
        name=f"wespe-bench {verb}",
        help=text,
        help_format="plaintext",
        version_flags=(),
        group_commands=group,
        group_parameters=group,
        default_parameter=cyclopts.Parameter(
            allow_repeating=True, consume_multiple=True, negative_iterable=(), negative_none=()
        ),
        result_action="return_value",
    )
    app.default(call)
    return app


def _help(config: type[Any]) -> tuple[str, str]:
    """A verb's text and its examples."""
    text, start, examples = inspect.cleandoc(config.__doc__ or "").partition("Example")
    return text, start + examples


def _signature(config: type[Any], default: Any) -> inspect.Signature:
    """The dataclass as a function's signature: what cyclopts reads."""
    import cyclopts

    hints = typing.get_type_hints(config, include_extras=True)
    texts = _docstrings(config)
    positional: list[inspect.Parameter] = []
    options: list[inspect.Parameter] = []
    for one in fields(config):
        hint, metavar = hints[one.name], None
        if typing.get_origin(hint) is Annotated:
            hint, metavar = typing.get_args(hint)
        value = _value(one, default)
        first = is_positional(one)
        shown = value is not inspect.Parameter.empty and value not in ("", None, False, ())
        parameter = cyclopts.Parameter(
            help=texts.get(one.name, ""),
            metavar=metavar or _metavar(one, hint),
            show_default=shown,
            negative=() if value is False else None,
            allow_leading_hyphen=bool(one.metadata.get("options")),
            converter=_whole if hint in (int, int | None) else None,
        )
        kind = inspect.Parameter.POSITIONAL_ONLY if first else inspect.Parameter.KEYWORD_ONLY
        (positional if first else options).append(
            inspect.Parameter(one.name, kind, default=value, annotation=Annotated[hint, parameter])
        )
    options.sort(key=lambda option: option.name not in config.__annotations__)  # shared ones last
    return inspect.Signature([*positional, *options])


def _whole(_: Any, tokens: Sequence[Any]) -> int:
    """A whole number as people write it; cyclopts would take 1.5 for 1, and 0x2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, not {short(tokens[0].value)}.") from None


# What stands for a text in the help, where the option's own name does not say it.
_METAVARS = {
    "add": "FILE",
    "cache": "FOLDER",
    "data": "FOLDER",
    "images": "FOLDER",
    "input": "FOLDER",
    "input_suffix": "TEXT",
    "iqa": "FILE",
    "official": "FOLDER",
    "out": "FOLDER",
    "primary": "METRIC",
    "rank_by": "METRIC",
    "rater": "FILE",
    "reference": "FOLDER",
    "reference_suffix": "TEXT",
    "runs": "FOLDER",
    "since": "FILE",
    "source": "PHOTOS",
    "study": "FOLDER",
    "synthetic": "PHOTOS",
    "target": "PHOTOS",
    "verify": "FOLDER",
    "vgg_file": "FILE",
}


def _metavar(one: Field[Any], hint: Any) -> str | None:
    """The word for an option's value; None leaves it to cyclopts (INT, CHOICE)."""
    if hint not in (str, str | None, tuple[str, ...]) and not is_positional(one):
        return None
    name = one.name.removesuffix("s") if hint == tuple[str, ...] else one.name
    word = name.replace("_", "-").upper()
    return word if is_positional(one) else _METAVARS.get(one.name, word)


@cache  # parsed from source, and wanted for --config, for --preset and for the words
def _docstrings(config: type[Any]) -> dict[str, str]:
    """The string under each field, by the field's name, inherited ones included."""
    from docstring_parser import parse_from_object

    texts: dict[str, str] = {}
    for base in reversed(config.__mro__[:-1]):
        for text in parse_from_object(base).params:
            texts[text.arg_name] = " ".join((text.description or "").split())
    return texts


def _value(one: Field[Any], default: Any) -> Any:
    if default is not None:
        return getattr(default, one.name)
    if one.default is not MISSING:
        return one.default
    if one.default_factory is not MISSING:
        return one.default_factory()
    return inspect.Parameter.empty
