"""Options of a spec: ``PATH?name=value&name=value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wespe_bench.errors import InputError, did_you_mean


def split_options(
    spec: str, argument: str, known: Mapping[str, Sequence[str]]
) -> tuple[str, dict[str, str]]:
    """The path before the "?", and the options after it with their defaults filled in.

    ``known`` maps each option to its values, the default first; a lone default means that any
    value will do. An option of the values "no" and "yes" may stand alone for "yes". Raises
    InputError for an unknown option or value and an empty path.

    >>> split_options("onnx", "a.onnx?layout=nhwc", {"layout": ["nchw", "nhwc"], "x": ["1"]})
    ('a.onnx', {'layout': 'nhwc', 'x': '1'})
    >>> split_options("onnx", "a.onnx?bgr", {"bgr": ["no", "yes"]})
    ('a.onnx', {'bgr': 'yes'})
    """
    path, _, query = argument.partition("?")
    if not path:
        raise InputError(f"{spec}: nothing after the colon; expected {spec}:PATH")
    options = {name: values[0] for name, values in known.items()}
    given: set[str] = set()
    for item in query.split("&") if query else []:
        name, equals, value = item.partition("=")
        if not equals and list(known.get(name, ())) == ["no", "yes"]:
            equals, value = "=", "yes"
        if name not in known or not equals:
            names = "known: " + ", ".join(f"{name}=..." for name in known)
            raise InputError(
                f"{spec}:{argument}: no option {item!r}{did_you_mean(name, known)}; "
                f"{names if known else f'{spec}: takes no options'}"
            )
        if name in given:
            raise InputError(f"{spec}:{argument}: {name} is given twice")
        given.add(name)
        if not value:
            raise InputError(
                f"{spec}:{argument}: nothing after {name}=; give a value or leave it out"
            )
        if len(known[name]) > 1 and value not in known[name]:
            raise InputError(
                f"{spec}:{argument}: {name}={value}: expected one of {', '.join(known[name])}"
            )
        options[name] = value
    return path, options
