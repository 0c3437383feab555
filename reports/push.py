"""The verb ``push``: a model, a page or a data set as a repository of the Hugging Face Hub."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from reports.cards import Card, read_card
from reports.page import recorded_title
from reports.tables import summarize
from wespe_bench import atomic, reading, tensors
from wespe_bench.datasets import miniature
from wespe_bench.errors import InputError, one_line, printable, require
from wespe_bench.json_output import front_matter
from wespe_bench.option_checks import check_out
from wespe_bench.runs import folder_name

# A page, and the folders beside it that it shows.
_PAGES = {"report.html": ("report_files",), "leaderboard.html": ("cards", "added")}


@dataclass(frozen=True)
class Push:
    """Put a model, a report's page or a data set on the Hugging Face Hub, or into a folder for it.

    A model is a .safetensors file of wespe-bench. Its README.md is the card beside it, headed by
    the metadata that the Hub reads: a rater's test, and for any model the scores in cards
    (`leaderboard` writes them). A folder with report.html or leaderboard.html becomes a static
    Space, one that ffs export wrote a data set. All that is sent is public with --public only. The
    token is the one that `hf auth login` keeps, or HF_TOKEN.

    Examples:
      wespe-bench push generator.safetensors --scores card.json --to me/wespe
      wespe-bench push runs/demo --out space/
    """

    what: str
    """A model's .safetensors file, or the folder of a report, a leaderboard or ffs export."""
    to: Annotated[str, "OWNER/NAME"] = ""
    """The repository, made if it is not there."""
    scores: Annotated[tuple[str, ...], "FILE"] = ()
    """Cards with scores of the model: they go into its metadata, and with it."""
    out: str | None = None
    """Keep the repository's files in this folder; without --to nothing is sent."""
    public: bool = False
    """Let everybody see a new repository."""


def main(config: Push) -> int:
    """Write the repository's files, and send them."""
    if not (config.to or config.out):
        raise InputError("name a repository with --to OWNER/NAME, or a folder with --out")
    if config.to and not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", config.to, re.ASCII):
        raise InputError(f"--to {config.to}: expected OWNER/NAME")
    if config.to:
        require("huggingface_hub")
    what = Path(config.what)
    with ExitStack() as stack:
        if config.out:
            out = Path(config.out)
            check_out(out, "README.md")
        else:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if what.is_dir() and config.scores:
            raise InputError("--scores is for a model, not for a folder")
        if (croissant := what / "croissant.json").is_file():
            if not croissant.stat().st_size:
                raise InputError(f"{what}: not complete; run the same ffs export again")
            if config.out:
                raise InputError(
                    f"--out {config.out}: a data set is sent as it lies in {what}; look at it "
                    "there, then send it with --to OWNER/NAME and without --out"
                )
            kind, out = "dataset", what
        elif what.is_dir():
            kind = "space"
            write_space(what, out)
        else:
            kind = "model"
            write_model(what, out, [read_card(Path(path)) for path in config.scores])
        for path in sorted(out.iterdir()):
            files = [file.stat().st_size for file in _files(path)]
            count = f" ({len(files)} files)" if path.is_dir() else ""
            print(f"{sum(files) / 1e3:10,.1f} kB  {path.name}{count}")
        print(_send(out, config, kind) if config.to else out)
    return 0


def write_model(file: Path, out: Path, cards: Sequence[Card] = ()) -> None:
    """Write a model's repository: the file, README.md and the cards.

    Args:
        file: A .safetensors file of ours; its card as Markdown lies beside it.
        out: The folder.
        cards: The model's scores.

    Raises:
        InputError: The file is not such a model, or its card is missing.
    """
    data = reading.wanted_bytes(file)
    try:
        card = tensors.card_of(data)
        model = card["model"]
        rater = model == "ffs"
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{file}: not a model of wespe-bench; expected its .safetensors") from None
    pages = [file.with_suffix(".md"), file.with_name("MODEL_CARD.md")]
    page = next((path for path in pages if path.is_file()), None)
    if page is None:
        raise InputError(f"{file}: its card is missing; expected {pages[0]} or {pages[1].name}")
    if card.get("sources") or card.get("paper"):
        print("others' weights: do their terms let you publish them?", file=sys.stderr)
    name = file.stem if rater or not card.get("camera") else f"{model} for {card['camera']}"
    results = [*_tested(card)] if rater else []
    for one in cards:
        results.append(_scored(one))
        target = out / "cards" / folder_name(one.dataset) / f"{folder_name(one.label)}.json"
        atomic.write_bytes(target, reading.wanted_bytes(Path(one.source)))
    fields: dict[str, Any] = {
        "library_name": "wespe-bench",
        "pipeline_tag": "image-classification" if rater else "image-to-image",
        "tags": ["wespe-bench", "image-quality" if rater else "photo-enhancement", model],
    }
    if results:
        fields["model-index"] = [{"name": name, "results": results}]
    atomic.write_bytes(out / file.name, data)
    text = reading.wanted_bytes(page).decode("utf-8", "replace")
    atomic.write_text(out / "README.md", front_matter(fields) + text)


def write_space(folder: Path, out: Path) -> None:
    """Write a static Space: a report's or leaderboard's page as index.html, and what it shows.

    Raises InputError where the folder has no page, or what lies beside it leads elsewhere.
    """
    places = {folder / page: beside for page, beside in _PAGES.items()}
    places |= {folder / "leaderboard" / "leaderboard.html": _PAGES["leaderboard.html"]}
    page = next((path for path in places if path.is_file()), None)
    if page is None and (folder / "ffs.json").is_file():
        raise InputError(
            f"{folder}: is what ffs build wrote; wespe-bench ffs export {folder} --format "
            "huggingface --out DIR makes of it a data set to push"
        )
    if page is None:
        raise InputError(f"{folder}: no page; make one with wespe-bench report {folder}")
    atomic.write_bytes(out / "index.html", reading.wanted_bytes(page))
    for name in places[page]:
        shutil.rmtree(out / name, ignore_errors=True)
        for path in _files(page.parent / name):
            target = out / path.relative_to(page.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    title = recorded_title(page) or "wespe-bench"
    fields = {"title": title, "sdk": "static", "app_file": "index.html", "tags": ["wespe-bench"]}
    text = f"# {printable(title)}\n\nA page of wespe-bench. It loads nothing from elsewhere.\n"
    atomic.write_text(out / "README.md", front_matter(fields) + text)


def _scored(card: Card) -> dict[str, Any]:
    """A card's means as a result of model-index."""
    (table,) = summarize(
        card.rows(), {card.dataset: card.samples}, common=True, described=card.metrics
    )
    metrics = []
    for column in table.columns:
        cell = table.cell(card.label, column.metric)
        if cell.has_value:
            unit = f" ({column.unit})" if column.unit else ""
            found = {"photos": cell.n, "version": column.version}
            metrics.append(_metric(column.metric, column.title + unit, cell.mean, **found))
    return _result("image-to-image", card.dataset, metrics, revision=card.revision)


def _tested(card: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A rater's test as results of model-index."""
    test, training = card.get("test"), card.get("training") or {}
    if isinstance(test, dict) and test:
        drawn = card.get("kind") == "stand-in"
        drawn = drawn or miniature.is_simulated(str(training.get("data_note")))
        name = "simulated faves" if drawn else "faves per view, test split"
        metrics = [_metric("accuracy", "Accuracy", test.get("accuracy"), photos=test.get("n"))]
        if test.get("auc") is not None:
            metrics.append(_metric("roc_auc", "Area under the ROC", test["auc"]))
        revision = str(training.get("ratings") or "unknown")
        yield _result("image-classification", name, metrics, revision=revision)


def _metric(kind: str, name: str, value: Any, **args: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "value": value} | ({"args": args} if args else {})


def _result(task: str, dataset: str, metrics: Sequence[Any], revision: str) -> dict[str, Any]:
    kind = re.sub(r"[^\w.-]+", "-", dataset, flags=re.ASCII)
    return {
        "task": {"type": task},
        "dataset": {"name": dataset, "type": kind, "revision": revision},
        "metrics": list(metrics),
    }


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder, sorted. Raises InputError for a link: it could lead anywhere."""
    for path in sorted([folder, *folder.rglob("*")]):
        if path.is_symlink():
            raise InputError(f"{path}: a link, which could lead anywhere; make the page once more")
        if path.is_file():
            yield path


def _send(folder: Path, config: Push, kind: str) -> str:
    """Send the folder; the repository's address."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    sdk = "static" if kind == "space" else None
    try:
        made = api.create_repo(
            config.to, repo_type=kind, private=not config.public, exist_ok=True, space_sdk=sdk
        )
        api.upload_folder(
            repo_id=config.to,
            folder_path=folder,
            repo_type=kind,
            commit_message="Sent by wespe-bench push",
        )
    except Exception as error:  # the library's own, the network's, the Hub's
        raise InputError(f"{config.to}: not sent ({one_line(error)[:300]})") from None
    return str(made)
