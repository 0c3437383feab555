"""Renders a template into one HTML file that loads nothing from the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.text import plain, plural

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> str:
    """A template with ``values``, its styles and scripts inlined.

    Every value is escaped. The page's Content-Security-Policy allows only these styles and
    scripts (by their hashes) and embedded pictures. The same values give the same bytes.
    """
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
    environment.globals["plural"] = plural
    style = "\n".join((_TEMPLATES / name).read_text("utf-8") for name in styles)
    script = "\n".join((_TEMPLATES / name).read_text("utf-8") for name in scripts)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        policy=policy, style=style, script=script, safe=_safe, **values
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _safe(text: str) -> object:
    """Marks our own style or script as safe, so that it is not escaped."""
    import markupsafe

    return markupsafe.Markup(text)
