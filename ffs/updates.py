"""What each of Flickr's answers changes in a crawl's state: the same answers, the same state."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffs import licences, windows
from ffs.crops import parse_size
from ffs.flickr import GONE, MOST_RESULTS, PER_PAGE, Reply, clean, whole
from ffs.listing import NO_LARGE_FILE, Listed, judge, listed, sizes_of
from ffs.replies import Replies
from ffs.settings import Settings
from ffs.state import State
from ffs.windows import Window
from wespe_bench import atomic

#: Ids that were forgotten, one a line: they never come back.
FORGOTTEN = "forgotten.txt"


class StateUpdater:
    """Applies replies to ``state``, by the filters of ``settings``."""

    def __init__(self, folder: Path, state: State, settings: Settings) -> None:
        self._state, self._settings = state, settings
        self._size = parse_size(settings.size)
        self._forgotten = forgotten(folder)
        self._licences: frozenset[int] = frozenset()

    @property
    def licences(self) -> frozenset[int]:
        """The ids of the licences to crawl, once Flickr's list is known. Raises InputError."""
        if not self._licences:
            self._licences = licences.chosen(self._settings.licenses, self._state.licences())
        return self._licences

    def catch_up(self, replies: Replies) -> int:
        """Apply the replies that the state has not seen; returns how many there were."""
        unseen = [n for n in replies.numbers() if n > self._state.get("reply")]
        for number in unseen:
            self.apply(number, replies.read(number))
        return len(unseen)

    def apply(self, number: int, reply: Reply) -> None:
        """Apply one reply, once: a number that was seen already changes nothing."""
        if number <= self._state.get("reply"):
            return
        kinds = {
            "search": self._search,
            "refresh": self._refresh,
            "faves": self._faves,
            "sizes": self._sizes,
            "info": self._info,
            "licences": self._licence_list,
        }
        with self._state.transaction():
            kinds[reply.about["kind"]](reply, reply.body())
            self._state.set("reply", number)

    def _search(self, reply: Reply, body: dict[str, Any]) -> None:
        rows, total, pages = _page(body)
        known = 0
        for row in rows:
            photo = listed(row, self._size)
            if photo is None or photo.id in self._forgotten:
                continue
            if self._state.photo(photo.id) is not None:
                known += 1
                continue
            self._add(photo, reply.at)
        self._state.set("listed", self._state.get("listed") + len(rows))
        self._state.set("known", self._state.get("known") + known)
        window = Window(**reply.about["window"])
        self._state.put_window(windows.take(window, total, pages, len(rows)))

    def _add(self, photo: Listed, at: float) -> None:
        state, why = judge(photo, self._settings, self.licences, at)
        full = self._state.of_owner(photo.owner) >= self._settings.per_owner
        if state != "out" and photo.owner and full:
            state, why = "out", "owner"
        self._state.add_photo(photo, state, why, at, self._state.get("round"))

    def _refresh(self, reply: Reply, body: dict[str, Any]) -> None:
        rows, _, pages = _page(body)
        round_, number, page = (reply.about[name] for name in ("round", "number", "page"))
        self._state.set("round", round_)
        for row in rows:
            photo = listed(row, self._size)
            known = None if photo is None else self._state.photo(photo.id)
            if photo is None or known is None:
                continue
            if photo.views and photo.faves is not None:  # else it is asked for by itself
                counts: dict[str, Any] = {"views": photo.views, "faves": photo.faves}
                counts |= {"license": photo.license}
                self._state.change(photo.id, **counts, counted=reply.at, round=round_)
        done = page >= pages or page >= MOST_RESULTS // PER_PAGE or not rows
        self._state.put_refreshed(round_, number, page, done)

    def _faves(self, reply: Reply, body: dict[str, Any]) -> None:
        photo = body.get("photo")
        found = whole(photo.get("total")) if isinstance(photo, Mapping) else None
        self._complete(reply.about["id"], "faves", {} if found is None else {"faves": found}, reply)

    def _sizes(self, reply: Reply, body: dict[str, Any]) -> None:
        names = ("url", "url_width", "url_height", "width", "height")
        found = dict(zip(names, sizes_of(body, self._size), strict=True))
        self._complete(reply.about["id"], "sizes", found if found["url"] else {}, reply)

    def _complete(self, id_: str, what: str, found: dict[str, Any], reply: Reply) -> None:
        """Filter a photo again with what was found; where nothing was, it is left out."""
        row = self._state.photo(id_)
        if row is None:
            return
        self._state.change(id_, asked=f"{row['asked']} {what}".strip(), **found)
        if "round" in reply.about:  # of --refresh: the views came just before
            stamp = {"counted": reply.at} if found else {}
            self._state.change(id_, **stamp, round=reply.about["round"])
            return
        photo = Listed(**{name: (dict(row) | found)[name] for name in Listed.__slots__})
        state, why = judge(photo, self._settings, self.licences, row["counted"])
        if state == "incomplete" and not found:
            state, why = "out", f"{why} unknown"
        self._state.change(id_, state=state, why=why)

    def _info(self, reply: Reply, body: dict[str, Any]) -> None:
        """A kept photo that its window no longer lists in full: gone, closed, or only missed."""
        id_, round_ = reply.about["id"], reply.about["round"]
        photo = body.get("photo")
        if body.get("stat") == "fail" and whole(body.get("code")) in GONE:
            self._state.change(id_, round=round_, why="gone")
        elif isinstance(photo, Mapping):
            # Under another open licence than those asked for it stays: its owner still shares it.
            license_ = whole(photo.get("license"))
            closed = license_ in (None, licences.ALL_RIGHTS_RESERVED)
            open_ = license_ in self.licences or not closed
            views = whole(photo.get("views"))
            seen = {"license": license_} | ({"views": views} if views else {})
            self._state.change(id_, why="" if open_ else "closed", **seen)

    def _licence_list(self, reply: Reply, body: dict[str, Any]) -> None:
        content = body.get("licenses")
        rows = content.get("license") if isinstance(content, Mapping) else None
        for row in rows if isinstance(rows, list) else []:
            number = whole(row.get("id")) if isinstance(row, Mapping) else None
            if number is not None:
                self._state.put_licence(number, clean(row.get("name")), clean(row.get("url")))


def _page(body: dict[str, Any]) -> tuple[list[Any], int, int]:
    """Rows, total and pages of a search's answer."""
    content = body.get("photos")
    if not isinstance(content, Mapping):
        return [], 0, 0
    rows = content.get("photo")
    return (
        rows if isinstance(rows, list) else [],
        whole(content.get("total")) or 0,
        whole(content.get("pages")) or 0,
    )


def forgotten(folder: Path) -> set[str]:
    """The ids in ``forgotten.txt``. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        return set((folder / FORGOTTEN).read_text("utf-8").split("\n")) - {""}
    return set()


def forget(folder: Path, ids: set[str]) -> None:
    """Add ids to ``forgotten.txt``. Raises OSError."""
    text = "".join(f"{id_}\n" for id_ in sorted(forgotten(folder) | ids))
    atomic.write_text(folder / FORGOTTEN, text)


def left_out(state: State) -> str:
    """One line: the listed photos that were left out, by reason, and the share without a file as
    large as ``--size`` of those that passed the filters before it."""
    reasons = state.left_out()
    if not reasons:
        return "no listed photo was left out"
    line = "left out: " + ", ".join(f"{n} {why}" for why, n in reasons.items())
    if small := reasons.get(NO_LARGE_FILE, 0):
        passed = state.count("kept", "wanted", "incomplete", "failed") + reasons.get("owner", 0)
        line += f" ({small / (small + passed):.0%} of those that pass the other filters)"
    return line
