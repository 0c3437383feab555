"""Flickr's licences by name: which ids of ``flickr.photos.licenses.getInfo`` a choice takes.

Flickr numbers its licences and adds new ones (Creative Commons 4.0 came in 2025), so a crawl asks
for the list and chooses by what each licence's address says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wespe_bench.errors import InputError

#: Flickr's id of "All Rights Reserved".
ALL_RIGHTS_RESERVED = 0
#: What ``--license`` takes besides ids and the kinds that `kind` gives.
GROUPS = ("open", "cc")
#: The short names of licences.
KINDS = (
    "cc-by",
    "cc-by-sa",
    "cc-by-nc",
    "cc-by-nd",
    "cc-by-nc-sa",
    "cc-by-nc-nd",
    "cc0",
    "pdm",
    "no-known-restrictions",
    "us-government",
)


def parse(text: str) -> str:
    """``text`` in one form: names and ids, sorted, ranges written out. Raises InputError.

    >>> parse("9,1-3"), parse("cc-by,cc0, 7")
    ('1,2,3,9', '7,cc-by,cc0')
    """
    ids: set[int] = set()
    names: set[str] = set()
    for part in text.lower().split(","):
        match = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part, flags=re.ASCII)
        if match and int(match[2] or match[1]) >= int(match[1]):
            ids.update(range(int(match[1]), int(match[2] or match[1]) + 1))
        elif part.strip() in (*GROUPS, *KINDS):
            names.add(part.strip())
        else:
            raise InputError(
                f"--license {text!r}: expected names ({', '.join((*GROUPS, *KINDS))}) or ids of "
                "Flickr's licences, as 4,5,9 or 1-10 (0 is all rights reserved)"
            )
    return ",".join([*map(str, sorted(ids)), *sorted(names)])


def kind(url: str) -> str:
    """The short name of the licence at ``url``, "" where it is none of the known ones.

    >>> kind("https://creativecommons.org/licenses/by-nc-sa/4.0/"), kind("")
    ('cc-by-nc-sa', '')
    """
    place = url.lower().partition("://")[2].removeprefix("www.")
    if match := re.match(r"creativecommons\.org/licenses/([a-z-]+)/", place):
        return f"cc-{match[1]}"
    if match := re.match(r"creativecommons\.org/publicdomain/(zero|mark)\b", place):
        return {"zero": "cc0", "mark": "pdm"}[match[1]]
    if place.startswith("flickr.com/commons/usage"):
        return "no-known-restrictions"
    return "us-government" if place.startswith("usa.gov/") else ""


def known(licence: str) -> bool:
    """Whether it is a short name or an id of Flickr's."""
    return licence in KINDS or licence.isdecimal()


def named(text: str) -> str:
    """The short name of a licence that is written in another way, else ``text``.

    >>> named("CC BY-SA 4.0"), named("https://creativecommons.org/licenses/by/2.0/"), named("mine")
    ('cc-by-sa', 'cc-by', 'mine')
    """
    plain = re.sub(r"[\s_]+", "-", text.lower())
    short = kind(text) or re.sub(r"-v?\d\.\d$", "", plain)
    return short if known(short) else text


def chosen(text: str, known: Mapping[int, str]) -> frozenset[int]:
    """The ids that ``text``, as `parse` gives it, takes of ``known``: id -> the licence's address.

    ``open`` is all but "All Rights Reserved", ``cc`` what Creative Commons wrote. Raises
    InputError for a name that none of Flickr's licences has.
    """
    found: set[int] = set()
    for part in text.split(","):
        if part.isdecimal():
            found.add(int(part))
            continue
        if part == "open":
            ids = {id_ for id_ in known if id_ != ALL_RIGHTS_RESERVED}
        elif part == "cc":
            ids = {id_ for id_, url in known.items() if kind(url).startswith(("cc", "pdm"))}
        else:
            ids = {id_ for id_, url in known.items() if kind(url) == part}
        if not ids:
            raise InputError(
                f"--license {part}: Flickr lists no such licence; name its id, one of "
                f"{', '.join(map(str, sorted(known))) or 'none'}"
            )
        found |= ids
    return frozenset(found)


def taken(text: str, licence: str) -> bool:
    """Whether ``text``, as `parse` gives it, takes a photo's licence: a kind, an id or "".

    >>> [taken("cc", one) for one in ("cc-by-nc", "cc0", "us-government", "")]
    [True, True, False, False]
    >>> [taken("open", one) for one in ("us-government", "4", "0", "", "(c) me")]
    [True, True, False, False, False]
    """
    for part in text.split(","):
        if part == "open":
            fits = known(licence) and licence != str(ALL_RIGHTS_RESERVED)
        elif part == "cc":
            fits = licence.startswith(("cc", "pdm"))
        else:
            fits = licence == part
        if fits:
            return True
    return False
