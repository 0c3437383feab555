"""A Flickr of our own: photos, owners, and answers shaped and faulty as the real API's are.

Numbers are texts; ``url_o`` and ``o_width`` are missing where an owner hides originals; errors
are HTTP 200 with ``stat: fail``; totals are approximate; pages lack rows that were hidden after
counting; past 4,000 results a search repeats itself in silence.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

KEY = "5ec2e7f1a9b04c3d8e6f70112233abcd"
DAY = 86400
SINCE, UNTIL = 1_420_070_400, 1_451_606_400  # the year 2015

#: What owners call their photos; none of it may trouble a file, a row or a terminal.
TITLES = (
    "Sunset",
    "=HYPERLINK(1)",
    "naïve café ☕",
    "\u202eright to left\u202c",
    "𝕬 👨‍👩‍👧‍👦 family",
    "a\x00b\x1b[31m",
    "\ud83d lone",
    "東京タワー",
    "x" * 3000,
)

#: Share of photos by the size of their original.
ORIGINALS = ((4000, 3000), (3000, 4000), (1600, 1200), (1024, 768), (5184, 3456))


class World:
    """``count`` photos uploaded in [since, until), in batches by owners; the same for a seed.

    Faves are Poisson of views times a rate that falls with ``strength``, how degraded the photo
    is (0 to 4), times noise.
    """

    def __init__(
        self, count: int, seed: int = 0, since: int = SINCE, until: int = UNTIL, base: str = ""
    ) -> None:
        rng = np.random.default_rng(seed)
        self.base, self.since, self.until = base, since, until
        sizes = rng.geometric(0.3, size=count)
        batches = int(np.searchsorted(np.cumsum(sizes), count)) + 1
        sizes = sizes[:batches]
        # More uploads as the years go by, by day than by night.
        moment = since + (until - since - 7200) * rng.beta(1.6, 1.0, batches)
        night = (moment % DAY) < DAY / 4
        moment = np.where(night & (rng.random(batches) < 0.7), moment + DAY / 3, moment)
        owner = rng.integers(0, max(2, batches // 2), batches)
        index = np.repeat(np.arange(batches), sizes)[:count]
        uploaded = moment[index] + rng.uniform(0, 3600, count)
        uploaded = np.clip(uploaded, since, until - 1).astype(np.int64)
        order = np.argsort(uploaded, kind="stable")
        self.uploaded, self.owner = uploaded[order], owner[index][order]
        self.ids = 15_000_000_000 + np.cumsum(rng.integers(1, 9, count))
        self.license = rng.choice(
            [0, 1, 2, 4, 5, 9, 11, 14], count, p=[0.3, 0.15, 0.1, 0.15, 0.1, 0.1, 0.06, 0.04]
        )
        self.strength = rng.integers(0, 5, count)
        self.views = rng.lognormal(5.5, 1.2, count).astype(np.int64)
        noise = rng.normal(0, 0.4, count)
        rate = 0.02 * np.exp(-0.6 * self.strength + noise)
        self.faves = rng.poisson(self.views * rate)
        self.original = rng.choice(len(ORIGINALS), count, p=[0.45, 0.15, 0.1, 0.15, 0.15])
        self.hidden_original = rng.random(count) < 0.3
        self.free = np.zeros(count, bool)  # of owners whose files above 1024 pixels are withheld
        self.unlisted = rng.random(count) < 0.01  # hidden after they were counted
        self.odd = rng.random(count)  # of what is wrong with the row, if anything
        self.removed: set[str] = set()
        self.place = {str(id_): n for n, id_ in enumerate(self.ids)}

    def answer(self, form: dict[str, str]) -> dict[str, Any]:
        """The body of the answer to a call."""
        if form.get("api_key") != KEY:
            # Real services echo what they were given.
            return fail(100, f"Invalid API Key ({form.get('api_key', '')} has no access)")
        if form.get("format") != "json" or form.get("nojsoncallback") != "1":
            return fail(111, 'Format "xml" not found')
        method = form.get("method", "")
        if method == "flickr.photos.search":
            return self._search(form)
        if method == "flickr.photos.licenses.getInfo":
            return {"stat": "ok", "licenses": {"license": LICENCES}}
        number = self.place.get(form.get("photo_id", ""))
        if method.startswith("flickr.photos.get"):
            if number is None or str(self.ids[number]) in self.removed:
                return fail(1, "Photo not found")
            return self._one(method, number)
        return fail(112, f'Method "{method}" not found')

    def _search(self, form: dict[str, str]) -> dict[str, Any]:
        if "min_upload_date" not in form:
            return fail(3, "Parameterless searches have been disabled")
        per_page, page = min(500, int(form["per_page"])), int(form["page"])
        first = np.searchsorted(self.uploaded, int(form["min_upload_date"]))
        last = np.searchsorted(self.uploaded, int(form["max_upload_date"]), side="right")
        wanted = np.isin(self.license[first:last], [int(n) for n in form["license"].split(",")])
        found = first + np.flatnonzero(wanted)
        query = hashlib.sha256(f"{first}{last}{page}".encode()).digest()[0]
        total = round(len(found) * (1 + (query - 128) / 128 * 0.02))
        pages = -(-total // per_page)
        begin = (page - 1) * per_page
        if begin >= 4000:
            begin %= 4000  # in silence
        rows = found[:4000][begin : begin + per_page]
        rows = [n for n in rows if not self.unlisted[n] and str(self.ids[n]) not in self.removed]
        return {
            "photos": {
                "page": page,
                "pages": pages,
                "perpage": per_page,
                "total": str(total),
                "photo": [self.row(int(n)) for n in rows],
            },
            "stat": "ok",
        }

    def files(self, number: int) -> dict[str, tuple[int, int]]:
        """Letter -> width and height of the files there are."""
        wide, high = ORIGINALS[self.original[number]]
        found = {}
        for letter, long in (("l", 1024), ("h", 1600), ("k", 2048)):
            if max(wide, high) >= long and (long == 1024 or not self.free[number]):
                scale = long / max(wide, high)
                found[letter] = (round(wide * scale), round(high * scale))
        if not self.hidden_original[number] and not self.free[number]:
            found["o"] = (wide, high)
        return found

    def row(self, number: int) -> dict[str, Any]:
        """One row of a search."""
        id_, odd = str(self.ids[number]), self.odd[number]
        wide, high = ORIGINALS[self.original[number]]
        row: dict[str, Any] = {
            "id": id_,
            "owner": f"{10_000_000 + self.owner[number]}@N00",
            "secret": "0123456789",
            "title": TITLES[number % len(TITLES)],
            "ownername": TITLES[(number // 7) % len(TITLES)][:40],
            "ispublic": 1,
            "license": str(self.license[number]),
            "dateupload": str(self.uploaded[number]),
            "views": str(self.views[number]),
            "count_faves": str(self.faves[number]),
            "media": "photo",
        }
        if not self.hidden_original[number]:
            row |= {"o_width": str(wide), "o_height": high}
        for letter, (w, h) in self.files(number).items():
            row[f"url_{letter}"] = f"{self.base}/img/{id_}_{letter}.jpg"
            row |= {f"width_{letter}": str(w), f"height_{letter}": h}
        if odd < 0.01:
            row["count_faves"] = "99+"
        elif odd < 0.02:
            del row["count_faves"]
        elif odd < 0.03:
            for name in [n for n in row if n.startswith(("url_", "width_", "height_", "o_"))]:
                del row[name]
        elif odd < 0.035:
            row["views"] = ""
        elif odd < 0.04:
            row["media"] = "video"
        return row

    def _one(self, method: str, number: int) -> dict[str, Any]:
        id_ = str(self.ids[number])
        if method == "flickr.photos.getFavorites":
            total = int(self.faves[number])
            return {"photo": {"id": id_, "page": 1, "total": str(total), "person": []}, **OK}
        if method == "flickr.photos.getSizes":
            sizes = [
                {
                    "label": letter,
                    "width": str(w),
                    "height": h,
                    "source": f"{self.base}/img/{id_}_{letter}.jpg",
                    "media": "photo",
                }
                for letter, (w, h) in self.files(number).items()
            ]
            return {"sizes": {"canblog": 0, "size": sizes}, **OK}
        views, license_ = str(self.views[number]), str(self.license[number])
        title = {"_content": TITLES[number % len(TITLES)]}
        return {"photo": {"id": id_, "views": views, "license": license_, "title": title}, **OK}


OK = {"stat": "ok"}
LICENCES = [
    {"id": str(number), "name": f"Licence {number}", "url": url}
    for number, url in enumerate(
        (
            "",
            *(
                f"https://creativecommons.org/licenses/{kind}/2.0/"
                for kind in ("by-nc-sa", "by-nc", "by-nc-nd", "by", "by-sa", "by-nd")
            ),
            "https://www.flickr.com/commons/usage/",
            "http://www.usa.gov/copyright.shtml",
            "https://creativecommons.org/publicdomain/zero/1.0/",
            "https://creativecommons.org/publicdomain/mark/1.0/",
            *(
                f"https://creativecommons.org/licenses/{kind}/4.0/"
                for kind in ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd")
            ),
        )
    )
]


def fail(code: int, message: str) -> dict[str, Any]:
    """An error as Flickr words it."""
    return {"stat": "fail", "code": code, "message": message}


def encoded(body: dict[str, Any]) -> bytes:
    """JSON as the API sends it, escapes and all."""
    return json.dumps(body, ensure_ascii=True).encode()
