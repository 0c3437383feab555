"""The verb ``ffs crawl``: photos with their views and faves from Flickr, into a folder.

DIR/crawl.json      the settings
DIR/replies/        Flickr's answers as they came, gzip'd; all else is made of them
DIR/crawl.sqlite    windows, photos, licences: where the crawl stands
DIR/photos/ID.jpg   the photos, at HD
DIR/forgotten.txt   ids that were removed and never come back
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ffs import retries, settings, windows
from ffs.crops import parse_size
from ffs.flickr import (
    GONE,
    BudgetSpent,
    Flickr,
    Key,
    Refused,
    Reply,
    from_environment,
    search_params,
)
from ffs.forget import forget_photos
from ffs.listing import NO_LARGE_FILE
from ffs.photos import Downloads, Unusable
from ffs.replies import Replies
from ffs.retries import Clock
from ffs.settings import Crawl, Settings
from ffs.state import State, one_line_errors, set_aside
from ffs.updates import StateUpdater, left_out
from ffs.windows import Window
from wespe_bench import atomic, lock, progress
from wespe_bench.errors import InputError
from wespe_bench.journal import make_folder
from wespe_bench.option_checks import check_out
from wespe_bench.provenance import data_folder

#: Photos in a row that a server fails to give before the server is to blame.
_IN_A_ROW = 3


class Crawler:
    """A crawl under way in ``folder``, which this process has for itself. ``transport`` is the
    HTTP client's, for servers in this process."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        key: Key,
        clock: Clock,
        config: Crawl,
        transport: Any = None,
    ) -> None:
        self._folder, self._settings, self._config, self._clock = folder, settings, config, clock
        self._state = State(folder)
        self._replies = Replies(folder / "replies", self._state.get("reply"))
        self._updater = StateUpdater(folder, self._state, settings)
        self._flickr = Flickr(
            key,
            clock,
            api=config.api,
            per_second=config.calls_per_second,
            budget=config.calls,
            transport=transport,
        )
        self._downloads = Downloads(
            folder,
            clock,
            parse_size(settings.size),
            per_second=config.downloads_per_second,
            transport=transport,
        )
        self._failed_in_a_row: list[str] = []
        if applied := self._updater.catch_up(self._replies):
            retries.say(f"{applied} raw replies added to {self._state.path}")

    def close(self) -> None:
        self._flickr.close()
        self._downloads.close()
        self._state.close()

    def crawl(self) -> int:
        """Until there are enough photos; returns the exit code."""
        wanted, states = self._config.photos, ["kept"]
        states += ["wanted"] if self._config.counts_only else []
        why = ""
        with progress.bar(wanted, "crawl") as bar:
            # What is there already took no time of this run's: the rate must not count it.
            bar.n = bar.initial = bar.last_print_n = min(wanted, self._state.count(*states))
            try:
                while (have := self._state.count(*states)) < wanted:
                    bar.set_postfix_str(f"{self._calls()} calls", refresh=False)
                    bar.update(max(0, have - bar.n))
                    if not self._step():
                        why = "the range of upload dates is used up; widen --since, --until"
                        why += " (in another --out), or loosen the filters with --rebuild"
                        break
                bar.update(max(0, min(have, wanted) - bar.n))
            except BudgetSpent:
                why = f"the {self._config.calls} calls of this run are used up"
                why += "; the same command goes on"
        self._report()
        if why:
            retries.say(f"{self._state.count(*states)} of {wanted} photos: {why}")
        return 3 if why else 0

    def _step(self) -> bool:
        """One download, or one call; False when there is nothing left to do."""
        if not self._config.counts_only and (row := self._state.first("wanted")):
            self._download(row)
        elif row := self._state.first("incomplete"):
            self._complete(row)
        elif self._state.get("reply") == 0:
            self._ask("flickr.photos.licenses.getInfo", {"kind": "licences"})
        else:
            return self._search()
        return True

    def _search(self) -> bool:
        known = self._state.windows()
        window: Window | None = known[-1] if known and not known[-1].done else None
        if window is None:
            settings = self._settings
            window = windows.draw(settings.seed, settings.since, settings.until, known)
        if window is None:
            return False
        about = {"kind": "search", "window": asdict(window)}
        self._ask("flickr.photos.search", about, **self._query(window, window.page + 1))
        return True

    def _query(self, window: Window, page: int) -> dict[str, object]:
        settings = self._settings
        return search_params(
            window.begin, window.end, page, self._updater.licences, settings.safe_search
        )

    def _complete(self, row: sqlite3.Row) -> None:
        """Ask for what a search did not say of a photo that passes otherwise."""
        what, id_ = row["why"], row["id"]
        method = {"faves": "flickr.photos.getFavorites", "size": "flickr.photos.getSizes"}[what]
        kind = {"faves": "faves", "size": "sizes"}[what]
        extra = {"per_page": 1} if what == "faves" else {}
        self._ask(method, {"kind": kind, "id": id_}, photo_id=id_, **extra)

    def _ask(self, method: str, about: dict[str, Any], **params: object) -> Reply:
        """One call: its answer on disk first, then in the state."""
        try:
            reply = self._flickr.call(method, about, **params)
        except Refused as error:
            # Of one photo that is gone: an answer like any other. Anything else ends the crawl.
            if error.code not in GONE or "photo_id" not in params:
                raise
            reply = error.reply
        self._updater.apply(self._replies.add(reply), reply)
        return reply

    def _download(self, row: sqlite3.Row) -> None:
        def known(digest: str) -> str | None:
            query = "SELECT id FROM photos WHERE download = ? AND id != ?"
            found = self._state.rows(query, digest, row["id"])
            return found[0]["id"] if found else None

        size = (row["url_width"], row["url_height"])
        try:
            kept = self._downloads.fetch(row["id"], row["url"], size, known)
        except Unusable as error:
            self._state.change(row["id"], state="failed", why=str(error))
            if error.server_fault:
                self._count_failure(row["id"], str(error))
        else:
            self._failed_in_a_row.clear()
            self._state.change(
                row["id"], state="kept", why="", sha256=kept.sha256, download=kept.download
            )

    def _count_failure(self, id_: str, why: str) -> None:
        """Stop when photo after photo fails: those shall be tried again."""
        self._failed_in_a_row.append(id_)
        if len(self._failed_in_a_row) < _IN_A_ROW:
            return
        with self._state.transaction():
            for blamed in self._failed_in_a_row:
                self._state.change(blamed, state="wanted", why="")
        raise InputError(f"{_IN_A_ROW} photos in a row: {why}; {retries.KEPT}")

    def refresh(self) -> int:
        """Read the counts of all photos again; returns the exit code."""
        state = self._state
        round_ = state.get("round")
        if not round_ or state.get("refreshed") == round_:
            round_ += 1
        done = [window for window in state.windows() if window.done]
        again = state.refreshed(round_)
        try:
            with progress.bar(len(done), "refresh", "window") as bar:
                for window in done:
                    page, read = again.get(window.number, (0, False))
                    while not read:
                        page += 1
                        about = {"kind": "refresh", "round": round_, "number": window.number}
                        about |= {"page": page}
                        self._ask("flickr.photos.search", about, **self._query(window, page))
                        _, read = state.refreshed(round_)[window.number]
                    bar.update()
            lost = self._missed(round_)
        except BudgetSpent:
            retries.say(
                f"the {self._config.calls} calls of this run are used up; the same command goes on"
            )
            return 3
        state.set("refreshed", round_)
        query = "SELECT COUNT(*) FROM photos WHERE state = 'kept' AND round = ?"
        print(
            f"{state.rows(query, round_)[0][0]} photos read again; removed: {lost['gone']} gone, "
            f"{lost['closed']} closed (all rights reserved now)"
        )
        return 0

    def _missed(self, round_: int) -> Counter[str]:
        """Ask for each kept photo that no window listed in full; forget those that are "gone" from
        Flickr or "closed", now with all rights reserved."""
        query = "SELECT id FROM photos WHERE state = 'kept' AND round < ? ORDER BY place"
        for row in self._state.rows(query, round_):
            id_ = row["id"]
            about = {"id": id_, "round": round_}
            self._ask("flickr.photos.getInfo", {"kind": "info", **about}, photo_id=id_)
            found = self._state.photo(id_)
            if found and not found["why"]:
                about["kind"] = "faves"
                self._ask("flickr.photos.getFavorites", about, photo_id=id_, per_page=1)
        query = "SELECT id, why FROM photos WHERE state = 'kept' AND why IN ('gone', 'closed')"
        lost = {row["id"]: row["why"] for row in self._state.rows(query)}
        forget_photos(self._folder, set(lost), self._state, self._replies)
        return Counter(lost.values())

    def _calls(self) -> str:
        budget = self._config.calls
        return f"{self._flickr.calls}/{budget}" if budget else f"{self._flickr.calls}"

    def _report(self) -> None:
        """What there is now, on standard output."""
        state = self._state
        kept, listed, known = state.count("kept"), state.get("listed"), state.get("known")
        share = f"{known / listed:.1%}" if listed else "none"
        print(
            f"{kept} photos kept, {state.count('wanted')} wanted, {state.count('failed')} failed; "
            f"{state.get('reply')} replies, {self._flickr.calls} calls in this run; "
            f"{listed} photos listed, {share} of them twice -> {self._folder}"
        )
        print(line := left_out(state))
        if NO_LARGE_FILE in line and parse_size(self._settings.size)[0] > 1024:
            print(
                "Flickr shows files above 1024 pixels only of owners with Pro; "
                "--size 1024x576 takes most of the others, too"
            )


def main(config: Crawl) -> int:
    """The verb ``ffs crawl``; the exit code."""
    settings.check_options(config)
    folder = Path(config.out) if config.out else data_folder() / "ffs"
    key, clock = from_environment(), retries.System()
    before = settings.read(folder)
    if before is None:
        check_out(folder, settings.FILE)
    if config.refresh and before is None:
        raise InputError(f"{folder} is no crawl yet; there is nothing to refresh")
    chosen = settings.chosen(config, folder, before, clock.now())
    make_folder(folder)
    with lock.held(folder, f"ffs crawl {os.getpid()}"), one_line_errors(folder):
        atomic.remove_leftovers(folder)
        if before != chosen:
            settings.write(folder, chosen)
        if config.rebuild:
            set_aside(folder)
        crawler = Crawler(folder, chosen, key, clock, config)
        try:
            return crawler.refresh() if config.refresh else crawler.crawl()
        finally:
            crawler.close()
