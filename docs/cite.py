"""BibTeX entries as sentences of the reference pages."""

from __future__ import annotations

import re
import unicodedata

from wespe_bench import citations


def cite_works(name: str) -> str:
    """The works of a metric, data set or enhancer, each in one sentence with its address."""
    return "; ".join(_work(entry) for entry in citations.cited([name])[1:])


def _work(entry: str) -> str:
    """A BibTeX entry as text."""
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, flags=re.MULTILINE))
    fields = {key: _plain(text) for key, text in fields.items()}
    names = [name.partition(",")[0] for name in fields.get("author", "").split(" and ")]
    people = f"{names[0]} et al." if len(names) > 3 else ", ".join(names)
    where = fields.get("journal") or fields.get("booktitle", "")
    link = ""
    if "doi" in fields:
        link = f"[doi:{fields['doi']}](https://doi.org/{fields['doi']})"
    elif "eprint" in fields:
        link = f"[arXiv:{fields['eprint']}](https://arxiv.org/abs/{fields['eprint']})"
    elif "howpublished" in fields:
        link = f"[page]({fields['howpublished'].removeprefix(_URL)})"
    parts = (": ".join(filter(None, (people, f"*{fields['title']}*"))), where, fields.get("year"))
    return ", ".join(part for part in (*parts, link) if part)


_URL = "\\url"


def _plain(text: str) -> str:
    """BibTeX's text without braces and quotes; its accents composed."""
    accents = {"'": "\u0301", '"': "\u0308", "c": "\u0327"}
    text = re.sub(r"\{\\(['\"c]) ?(\w)\}", lambda found: found[2] + accents[found[1]], text)
    return unicodedata.normalize("NFC", re.sub(r"[{}]|``|''", "", text))
