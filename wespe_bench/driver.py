"""The loop of the process that owns a verb: items into an engine, rows to the disk.

One loop for enhancing, scoring and the verbs that prepare data, so that a progress bar, a full
disk and Ctrl-C mean the same in each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from wespe_bench import progress, store
from wespe_bench.engines import Outcome, Setup
from wespe_bench.errors import InputError, printable

#: Which run (its place in a list of folders), which kind of row, the row.
Row = tuple[int, str, dict[str, Any]]


def run_items(
    engine: Callable[..., Iterable[Outcome]],
    setup: Setup,
    context: Any,
    items: Sequence[Any],
    *,
    title: str,
    jobs: int,
    chunk: int,
    take: Callable[[Outcome], Iterable[Any]],
    write: Callable[[Sequence[Any]], None],
    apart: Callable[[Any], Any] | None = None,
    method: Callable[[Any], str] = lambda item: "",
    quiet: bool = False,
) -> None:
    """Run ``items`` through ``engine`` under a progress bar called ``title``.

    The bar ends with ``method(item)`` of the last item that is done.

    ``take`` turns the outcome of an item, a failed one too, into rows; ``write`` gets those of
    many items at once, now and then, and also what is left when Ctrl-C or an error ends the loop.

    Raises InputError for a fatal outcome.
    """
    pending = progress.Flushing(write)
    with progress.bar(len(items), title, quiet=quiet) as bar:
        try:
            for outcome in engine(setup, context, items, jobs=jobs, chunk=chunk, apart=apart):
                if outcome.fatal:
                    raise InputError(
                        f"{outcome.error}; what is done is kept, the same command resumes"
                    )
                pending.add(take(outcome))
                bar.set_postfix_str(printable(method(outcome.item)), refresh=False)
                bar.update()
        finally:
            pending.flush()


def append_rows(folders: Sequence[Path], rows: Iterable[Row]) -> None:
    """Add rows to the stores of their runs, one part for each run and kind.

    Failures first: a success that strikes one out must not be written, and believed, without
    the strike. Raises InputError when a run folder was taken away meanwhile.
    """
    parts: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for number, kind, row in rows:
        parts[number, kind].append(row)
    for (number, kind), part in sorted(parts.items(), key=lambda item: item[0][1] != "failures"):
        store.check_run_exists(folders[number])
        store.append(folders[number], kind, part)
