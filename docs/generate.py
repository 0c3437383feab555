"""The reference pages that the program itself writes: verbs, metrics, data sets, enhancers, Python.

`PAGES` maps a page, as other pages link to it, to the function that gives its Markdown. `docs.site`
writes them while it builds the site.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import wespe_bench
from docs import verb_pages
from docs.cite import cite_works
from docs.markdown import cell, page, table
from wespe_bench import citations, listing, registry
from wespe_bench.datasets.source import Source
from wespe_bench.types import Metric


def metrics() -> str:
    """Every metric: formula, paper and convention of its module, then its record."""
    lines = [
        "# Metrics",
        "A metric is named by its convention; its version changes when its numbers do. The golden "
        "value is what `wespe-bench doctor` expects for one pair of photos, made of integers.",
    ]
    groups: dict[str, list[str]] = {}
    for name, target in registry.METRICS.items():
        groups.setdefault(target.partition(":")[0], []).append(name)
    for target in (*registry.METRIC_PREFIXES.values(), *registry.OPTIONAL_METRICS.values()):
        groups.setdefault(target.partition(":")[0], [])
    for module_name, names in groups.items():
        module = importlib.import_module(module_name)
        records = [registry.resolve(registry.METRICS[name]) for name in names]
        title = records[0].title if records else module_name.rpartition(".")[2].upper()
        lines += [f"## {_TITLES.get(module_name, title)}", _module_text(module)]
        for record in records:
            lines += [f"### `{record.name}`", _record(record)]
        forms = _prefixes(registry.METRIC_PREFIXES, module_name, listing._form)
        optional = [
            f"| `{name}` | {cell(_with_works(name, target))} |"
            for name, target in registry.OPTIONAL_METRICS.items()
            if target.startswith(f"{module_name}:")
        ]
        if forms or optional:
            lines.append(table(("form", "what"), [*forms, *optional]))
    return page(lines)


def _record(metric: Metric) -> str:
    low, high = metric.possible
    rows = {
        "what": f"{metric.title}: {metric.summary}",
        "convention": metric.convention,
        "better": "higher" if metric.higher_is_better else "lower",
        "needs a reference": "yes" if metric.full_reference else "no",
        "unit": metric.unit,
        "possible": f"{low:g} to {high:g}",
        "rates quality": "yes" if metric.rates_quality else "no: left out of rankings",
        "version": f"`{metric.version}`",
        "golden value": f"{metric.golden[1]:.12g} (version {metric.golden[0]})"
        if metric.golden
        else "",
        "cite": cite_works(metric.name),
    }
    return _facts([(key, cell(text)) for key, text in rows.items() if text])


def data_sets() -> str:
    """Every data set: layout, counts, terms, how to get it, options."""
    lines = [
        "# Data sets",
        "`--dataset NAME`, `NAME:ARGUMENT`, either with `?option=value&option=value`. "
        "[Where they are looked for, and how to prepare them](../how-to/data.md). Terms are a "
        "summary; what binds is on the data set's page.",
    ]
    described: set[str] = set()
    for name, target in registry.DATASETS.items():
        source = registry.resolve(target)
        module = importlib.import_module(target.partition(":")[0])
        text = _module_text(module)
        lines += [f"## `{name}`", _docstring(listing.first_line(source))]
        if module.__name__ not in described:
            lines.append(text)
        described.add(module.__name__)
        options = [p for p in inspect.signature(source).parameters.values() if p.name != "data"]
        shown = ", ".join(f"`{option.name}`" for option in options)
        facts = [("options", shown)] if shown else []
        if isinstance(source, Source):
            facts += [(f"Table {c.table}", _counts(c)) for c in source.counts]
            facts += [("page", f"<{source.page}>")] if source.page else []
            facts += [("terms", cell(source.licence)), ("get it", cell(source.get))]
        facts += [("cite", cell(cite))] if (cite := cite_works(name)) else []
        lines.append(_facts(facts))
    return page(lines)


def _counts(counts: Any) -> str:
    size = f", {counts.width}x{counts.height} pixels" if counts.width else ""
    return f"{counts.camera}: {counts.train} for training, {counts.test} for the test{size}"


def enhancers() -> str:
    """Every enhancer and every form of one."""
    lines = [
        "# Enhancers",
        "`--enhancers NAME`, or `LABEL=NAME` for a label of your own. "
        "[Put your network beside it](../networks.md).",
        "## By name",
        table(
            ("name", "what"),
            [
                f"| `{name}` | {cell(_with_works(name, target))} |"
                for name, target in registry.ENHANCERS.items()
            ],
        ),
        "## With an argument",
        table(("form", "what"), _prefixes(registry.ENHANCER_PREFIXES, "", "{}:...".format)),
        "## Python",
        "`file.py:function`, `file.py:Class`, `module:function`. What a class may have besides:",
        _docstring(inspect.cleandoc(wespe_bench.types.Enhancer.__doc__ or "")),
        "## Suites",
        table(
            ("suite", "what"),
            [
                f"| `{name}` | {cell(registry.resolve(target).title)} |"
                for name, target in registry.SUITES.items()
            ],
        ),
    ]
    return page(lines)


def python() -> str:
    """The public names, for mkdocstrings to fill in."""
    names = [name for name in wespe_bench.__all__ if not name.startswith("_")]
    lines = [
        "# Python API",
        "All of it is in `wespe_bench`. `import wespe_bench` loads neither torch nor pandas. A "
        "user's mistake raises `wespe_bench.errors.InputError`, whose text is one line.",
        "```python\nfrom wespe_bench import " + ", ".join(names[:3]) + "\n```",
        *(f"::: wespe_bench.{name}" for name in names),
    ]
    return page(lines)


def works() -> str:
    """BibTeX of every work that the program can cite."""
    return page(
        [
            "# What to cite",
            "A report prints the entries of the data sets, metrics and methods that it shows. Here "
            "are all of them; the first is wespe-bench itself.",
            "```bibtex\n" + "\n\n".join(citations.entries().values()) + "\n```",
        ]
    )


def paper_tables() -> str:
    """Tables 1 to 8 without any run; tests/reports/test_paper_tables.py checks the text."""
    tables = Path(__file__).parent.parent / "tests" / "golden" / "tables-empty.md"
    return page(
        [
            "# Tables 1 to 8",
            "What `wespe-bench tables all` prints on a machine without runs or data sets: every "
            "number of the paper, what fills each of our cells, what sets ours apart, and the "
            "doubts about the print. [Some of it with our numbers]"
            "(start/regenerate-the-paper.md#a-worked-example-with-real-photos).",
            tables.read_text("utf-8"),
        ]
    )


#: Headings of modules whose first metric has no title that stands for all.
_TITLES = {
    "wespe_bench.metrics.cornia": "CORNIA",
    "ffs.scorer": "FFS",
    "wespe_bench.metrics.pyiqa": "pyiqa",
}

#: Each page, by its path in the repository.
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/verbs.md": verb_pages.verbs,
    **{
        f"docs/reference/verbs/{name}.md": partial(verb_pages.verb_group, name)
        for name in verb_pages.GROUPS
    },
    "docs/reference/metrics.md": metrics,
    "docs/reference/data-sets.md": data_sets,
    "docs/reference/enhancers.md": enhancers,
    "docs/reference/python.md": python,
    "docs/reference/works.md": works,
    "docs/paper-tables.md": paper_tables,
}


def _prefixes(prefixes: dict[str, str], module: str, form: Callable[[str], str]) -> list[str]:
    return [
        f"| `{form(name)}` | {cell(_with_works(name, target))} |"
        for name, target in prefixes.items()
        if target.startswith(module)
    ]


def _with_works(name: str, target: str) -> str:
    """What a name stands for, and the works that it cites."""
    cite = cite_works(name)
    return listing.first_line(registry.resolve(target)) + (f" Cite: {cite}" if cite else "")


def _module_text(module: ModuleType) -> str:
    """A module's docstring as Markdown."""
    return _docstring(inspect.cleandoc(module.__doc__ or ""))


def _docstring(text: str) -> str:
    """reStructuredText as our docstrings use it, in Markdown; formulas between dollar signs."""
    text = re.sub(
        r"^\.\. math::\s*((?:.+\n?)(?:[ \t]+\S.*\n?)*)",
        lambda found: "$$" + " ".join(found[1].split()) + "$$\n",
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r"``([^`]*)``", r"`\1`", text)
    return re.sub(r":\n\n(?=    \S)", ":\n\n", text).replace("::\n", ":\n").strip()


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    """A table of two columns; Markdown wants a head, so the first fact is it."""
    return table(facts[0], [f"| {key} | {text} |" for key, text in facts[1:]]) if facts else ""
