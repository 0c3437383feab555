"""The verb ``leaderboard``: all runs ranked, as a page that needs no network, with their cards."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from reports import card_page
from reports.added import verify_cards
from reports.cards import make_card, read_card, write_card
from reports.leaderboard_page import as_csv, as_html, as_json, as_latex, as_markdown, thumbnails
from reports.standings import Entry, Standings, read_standings
from reports.text import plain
from wespe_bench import atomic, reading
from wespe_bench.errors import InputError
from wespe_bench.paths import to_path
from wespe_bench.run import open_scored, print_left_out
from wespe_bench.runs import folder_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Leaderboard:
    """Rank all runs below a folder, metric by metric and overall; write a page and their cards.

    A card is one run's scores with its data revision and metric versions, to be ranked
    elsewhere: send yours, add others'. A card of another revision or version is refused.

    Examples:
      wespe-bench leaderboard --runs runs/demo
      wespe-bench leaderboard --runs runs/demo --add their_card.json --verify their_results/
    """

    runs: str = "runs"
    """The folder of runs."""
    metrics: tuple[str, ...] = ()
    """Show these metrics only."""
    rank_by: tuple[str, ...] = ()
    """Order methods by the mean of their ranks by these metrics (default: psnr, ssim and ms_ssim,
    those of them that were scored; without them methods have no overall order)."""
    add: tuple[str, ...] = ()
    """Cards of others' runs, kept in the folder added/ beside the page."""
    verify: tuple[str, ...] = ()
    """Folders of the added methods' results (SAMPLE.png, or LABEL/SAMPLE.png): their scores are
    computed again, and a card whose scores differ is left out."""
    format: Literal["md", "csv", "json", "tex"] = "md"
    """What is printed: md, csv, json or tex; all of them are written."""
    out: str | None = None
    """Where page, table and cards go (default: leaderboard/ in the folder of runs)."""


def main(config: Leaderboard) -> int:
    """Write the board in all its forms, and the cards; 3 when something is left out."""
    from wespe_bench.option_checks import check_out

    runs = to_path(config.runs)
    out = to_path(config.out) if config.out else runs / "leaderboard"
    check_out(out)
    given = [Path(path) for path in config.add]
    kept = sorted((out / "added").glob("*/*.json"))
    cards = {(card.dataset, card.label): card for card in map(read_card, [*kept, *given])}
    found = open_scored(runs)
    left_out = [plain(line) for line in found[0].left_out]
    folders = [to_path(folder) for folder in config.verify]
    checked, wrong = verify_cards(cards.values(), folders, found[0].found)
    boards = read_standings(
        runs, metrics=config.metrics, rank_by=config.rank_by, cards=checked, found=found
    )
    for path in given:
        _keep(path, out, {card.source for card in checked})
    links = {(b.table.dataset, e.label): _write_card(b, e, out) for b in boards for e in b.entries}
    left_out += wrong
    page = out / "leaderboard.html"
    pictures = [thumbnails(board, left_out) for board in boards]
    texts = {
        "md": as_markdown(boards, left_out),
        "csv": as_csv(boards),
        "json": as_json(boards, left_out),
        "tex": as_latex(boards, left_out),
    }
    titles = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}
    files = [(titles[end], f"leaderboard.{end}", texts[end]) for end in titles]
    atomic.write_text(page, as_html(boards, links, left_out, pictures, files))
    for ending, text in texts.items():
        atomic.write_text(out / f"leaderboard.{ending}", text)
    print(texts[config.format], end="\n" if config.format == "md" else "")
    print(page, file=sys.stdout if config.format == "md" else sys.stderr)
    return print_left_out([*left_out, *(line for board in boards for line in board.partial)])


def _keep(path: Path, out: Path, good: Collection[str]) -> None:
    """Copy a card below ``out``, unless its scores differ. Raises InputError for a taken name."""
    card = read_card(path)
    target = out / "added" / folder_name(card.dataset) / f"{folder_name(card.label)}.json"
    if target.exists() and read_card(target).label != card.label:
        raise InputError(f"{target} is another method's card; change the label in {path}")
    if str(path) in good and not (target.exists() and target.samefile(path)):
        atomic.write_bytes(target, path.read_bytes())


def leaderboard(
    runs: Path | str = "runs", metrics: Sequence[str] = (), rank_by: Sequence[str] = ()
) -> pd.DataFrame:
    """The standings as one tidy frame; see `reports.standings.Standings.frame`."""
    import pandas as pd

    boards = read_standings(to_path(runs), metrics=metrics, rank_by=rank_by)
    frames = [board.frame() for board in boards]
    return pd.concat(frames, ignore_index=True)


def _write_card(board: Standings, entry: Entry, out: Path) -> str:
    """Write the card of a run, and a page of each card; returns the page's address from the board.

    Empty where the method has no score.
    """
    dataset, label = folder_name(board.table.dataset), folder_name(entry.label)
    file = f"added/{dataset}/{label}.json"
    if entry.run is None:
        card = reading.read_json(out / file)
    else:
        file = f"cards/{dataset}/{label}/card.json"
        cells = {
            column.metric: (column, cell)
            for column in board.table.columns
            if (cell := board.table.cell(entry.label, column.metric)).n
            and column.higher_is_better is not None
        }
        rows = board.scores[board.scores["label"] == entry.label]
        if rows.empty:
            return ""
        card = make_card(entry.run.metadata, rows, cells, board.metrics, entry.warnings)
        write_card(out / file, card)
    page = Path(file).with_suffix(".html")
    atomic.write_text(out / page, card_page.as_html(board, entry, card, file))
    return quote(page.as_posix())
