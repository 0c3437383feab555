"""The reference pages of verbs: a list of all, and a page for each group."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from docs.markdown import anchor, cell, page, table
from wespe_bench import arguments, cli
from wespe_bench.verbs import VERBS

#: What an example of each verb printed, in VERB.txt. tests/test_help.py writes and checks them:
#: uv run pytest tests/test_help.py -m slow --rewrite-golden
OUTPUTS = Path(__file__).parent / "reference" / "outputs"


#: Verbs whose examples no test runs, and what stands in place of an output.
_NO_OUTPUT = {
    "demo": "It prints the table of [the README](../../../README.md).",
    "study serve": "Not run here: it serves until it is stopped.",
    "import hosa": "Not run here: it needs the authors' files.",
    "ffs crawl": "Not run here: it asks Flickr.",
}


#: Pages of verbs: the title, and the verbs' first words. Each verb is on one page.
GROUPS = {
    "run": ("Run and score", ("demo", "list", "run", "enhance", "score", "time", "merge")),
    "results": ("Results", ("report", "compare", "leaderboard", "figures", "export", "push")),
    "paper": ("The paper's tables", ("tables", "reproduce")),
    "data": ("Data sets", ("data",)),
    "train": ("Train, import weights", ("train", "import", "cornia")),
    "study": ("User studies", ("study",)),
    "ffs": ("The Flickr Faves Score", ("ffs",)),
    "installation": ("The installation", ("conventions", "doctor", "completion")),
}


def group_of(verb: str) -> str:
    """The name of a verb's page."""
    word = verb.partition(" ")[0]
    return next(name for name, (_, words) in GROUPS.items() if word in words)


def verbs() -> str:
    """Every verb in a line, with a link to its page."""
    lines = [
        "# Verbs",
        "What `wespe-bench VERB --help` says, a page for each group of verbs. "
        "[Exit codes](environment.md#exit-codes).",
    ]
    for group, (title, _) in GROUPS.items():
        rows = [
            f"| [`{verb}`](verbs/{group}.md#{anchor(verb)}) | {cell(VERBS[verb].help)} |"
            for verb in VERBS
            if group_of(verb) == group
        ]
        lines += [f"## {title}", table(("verb", "what it does"), rows)]
    return page(lines)


def verb_group(group: str) -> str:
    """The verbs of a group: what they do, their options, examples, what one of them printed."""
    lines = [
        f"# {GROUPS[group][0]}",
        "The outputs are real: tests run these examples on small made-up photos and random "
        "weights. They show the form; their numbers say nothing about any method.",
    ]
    for verb in VERBS:
        if group_of(verb) == group:
            lines += _verb(verb)
    return page(lines)


def _verb(verb: str) -> Iterable[str]:
    entry = VERBS[verb]
    module = cli._module(entry.module)
    config = getattr(module, entry.config)
    text, _, examples = inspect.cleandoc(config.__doc__).partition("Example")
    code, _, after = examples.partition(":\n")[2].partition("\n\n")
    yield f"## {verb}"
    yield from (" ".join(part.split()) for part in text.split("\n\n"))
    default = arguments.preset(getattr(module, entry.presets), [], verb) if entry.presets else None
    rows = [_option(one) for one in arguments._signature(config, default).parameters.values()]
    if rows:
        yield table(("option", "what", "default"), rows)
    yield "```\n" + inspect.cleandoc(code) + "\n```"
    yield " ".join(after.split())
    output = OUTPUTS / f"{verb.replace(' ', '-')}.txt"
    if verb in _NO_OUTPUT:
        yield _NO_OUTPUT[verb]
    else:
        yield "```text\n" + output.read_text("utf-8").rstrip() + "\n```"
    if entry.resumes:
        yield "Interrupted, the same command resumes."
    if entry.addresses:
        names = ", ".join(f"`{name}`" for name in entry.addresses)
        yield f"May be addresses of [stores](../../how-to/stores.md): {names}."


def _option(one: inspect.Parameter) -> str:
    hint, parameter = get_args(one.annotation)
    positional = one.kind is inspect.Parameter.POSITIONAL_ONLY
    name = one.name.replace("_", "-")
    metavar = "" if hint is bool else " " + (parameter.metavar or _kind(hint))
    if one.default is True:
        metavar = f" --no-{name}"
    shown = name.upper() if positional else f"--{name}{metavar}"
    if one.default is inspect.Parameter.empty:
        default = "required"
    elif one.name == "jobs":
        default = "the cores"
    elif one.default is False:
        default = "off"
    elif one.default in ("", None, ()):
        default = "see left" if "default" in parameter.help.lower() else "none"
    else:
        values = one.default if isinstance(one.default, tuple) else (one.default,)
        default = "on" if one.default is True else f"`{' '.join(map(str, values))}`"
    return f"| `{shown}` | {cell(' '.join(parameter.help.split()))} | {default} |"


def _kind(hint: Any) -> str:
    names = {"int": "INT", "float": "FLOAT"}
    kinds = [getattr(part, "__name__", "") for part in (hint, *get_args(hint))]
    return next((names[kind] for kind in kinds if kind in names), "CHOICE")
