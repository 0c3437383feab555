"""Names from outside (file names, labels, error texts) made safe to print, and pages of them."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

# Marks that reorder or hide the text around them.
_INVISIBLE = frozenset("\u200b\u200e\u200f\u2028\u2029\u2060\ufeff\u061c") | frozenset(
    map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080)])
)


def plain(text: object) -> str:
    """``text`` on one line, as valid UTF-8, without characters that reorder or hide text.

    Control characters and line ends become spaces; bytes of a file name that are not UTF-8
    (lone surrogates) become "?".

    >>> plain("a\\n\\u202eb\\udce9")
    'a b?'
    """
    kept = [
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in str(text)
        if c not in _INVISIBLE
    ]
    return " ".join("".join(kept).encode("utf-8", "replace").decode("utf-8").split())


def shorten(text: str, length: int) -> str:
    """``text`` cut in its middle to at most ``length`` characters.

    >>> shorten("auto_levels", 7)
    'aut…els'
    """
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def markdown(text: object) -> str:
    """``text`` escaped for Markdown, also inside a table.

    >>> print(markdown("auto_levels"), markdown("a|b `x` <i> [y](z)"))
    auto_levels a\\|b \\`x\\` &lt;i&gt; \\[y\\](z)
    """
    line = plain(text)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*\[\]|~#$^])", r"\\\1", line)
    # An underscore inside a word needs no escape.
    line = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)
    # A bare address must not become a link.
    line = re.sub(r"(?i)(https?|ftp|mailto|xmpp):", r"\1&#58;", line)
    line = re.sub(r"(?i)\bwww\.", "www&#46;", line)
    line = line.replace("@", "&#64;")
    # At the start of a line these would begin lists, rules or headings.
    line = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)
    return re.sub(r"^([-+=:])", r"\\\1", line)


def emphasised(text: str, place: int) -> str:
    """Markdown in bold for the best of its column (1), underlined for the second (2).

    >>> emphasised("9.5", 1), emphasised("9.4", 2), emphasised("9.3", 0)
    ('**9.5**', '<ins>9.4</ins>', '9.3')
    """
    return {1: f"**{text}**", 2: f"<ins>{text}</ins>"}.get(place, text)


def pipe_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown of escaped cells: the first column to the left, the others to the right.

    >>> print(pipe_table(["a", "b"], [["1", "2"]]))
    | a | b |
    | :-- | --: |
    | 1 | 2 |
    """
    lines = [heads, [":--", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def listed(names: Sequence[str], word: str = "and") -> str:
    """Names in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def plural(count: int, noun: str) -> str:
    """``count`` and its noun.

    >>> plural(1, "photo"), plural(12, "photo")
    ('1 photo', '12 photos')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


_TEMPLATES = Path(__file__).parent / "templates"


def fill_template(
    template: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    *,
    files: bool = False,
    **values: Any,
) -> str:
    """A template with ``values``, its styles and scripts inlined.

    Every value is escaped. The page's Content-Security-Policy allows only these styles and
    scripts (by their hashes) and embedded pictures; with ``files`` also pictures beside the page.
    The same values give the same bytes.
    """
    style = "\n".join((_TEMPLATES / name).read_text("utf-8") for name in styles)
    script = "\n".join((_TEMPLATES / name).read_text("utf-8") for name in scripts)
    # A page opened from disk has no origin that 'self' could mean.
    beside = " 'self' file:" if files else ""
    policy = (
        f"default-src 'none'; img-src data:{beside}; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(policy=policy, style=style, script=script, safe=_safe, plural=plural, **values)
    )


@cache
def _environment() -> jinja2.Environment:
    """What reads the templates; one for all pages, so that it compiles each template once."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = plain
    return environment


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _safe(text: str) -> object:
    """Marks our own style or script as safe, so that it is not escaped."""
    import markupsafe

    return markupsafe.Markup(text)
