"""The verb ``ffs crawl``: photos with their views and faves from Flickr, into a folder.

DIR/crawl.json      the settings
DIR/replies/        Flickr's answers as they came, gzip'd; all else is made of them
DIR/crawl.sqlite    windows, photos, licences: where the crawl stands
DIR/photos/ID.jpg   the photos, at HD
DIR/forgotten.txt   ids that were removed and never come back
"""

from __future__ import annotations

import os
from pathlib import Path

from ffs import pace, settings
from ffs.crawler import Crawler
from ffs.key import from_environment
from ffs.settings import Crawl
from ffs.state import one_line_errors, set_aside
from wespe_bench import atomic, lock
from wespe_bench.arguments import check_out
from wespe_bench.errors import InputError
from wespe_bench.journal import make_folder
from wespe_bench.provenance import data_folder


def main(config: Crawl) -> int:
    """The verb ``ffs crawl``; the exit code."""
    settings.check_options(config)
    folder = Path(config.out) if config.out else data_folder() / "ffs"
    key, clock = from_environment(), pace.System()
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
