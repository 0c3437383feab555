"""The verb ``data register``: two cameras' photos of the same scenes -> aligned pairs.

The folder it writes holds ``input/`` and ``reference/`` (PNGs of one size, to be used with
``--input`` and ``--reference``), and ``registration.csv``: a line for every pair, the dropped
ones with the reason.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wespe_bench.arguments import cores
from wespe_bench.engines import FATAL, Outcome
from wespe_bench.errors import InputError, one_line
from wespe_bench.journal import Journal, refuse_inside, refuse_other, stands, work_through
from wespe_bench.lock import held
from wespe_bench.option_checks import check_jobs
from wespe_bench.runs import Failure, escape_csv_formula, tell

if TYPE_CHECKING:
    from wespe_bench.types import Dataset

#: Changes whenever the same photos and settings would give other pairs.
VERSION = 1


_COLUMNS = (
    "sample",
    "registered",
    "error_px",
    "worst_px",
    "tiles",
    "matches",
    "left",
    "top",
    "right",
    "bottom",
    "homography",
    "reason",
    "input_sha256",
    "reference_sha256",
    "input_source_sha256",
    "reference_source_sha256",
)


@dataclass(frozen=True)
class Register:
    """Align photos of the same scenes, taken by two cameras: crop the one, resample the other.

    Writes input/ (cropped, pixels untouched), reference/ (resampled onto them) and
    registration.csv with the residual error of each pair in pixels. Pairs that do not fit are
    dropped and listed, and the exit code is 3.

    Example:
      wespe-bench data register --input phone/ --reference dslr/ --out aligned/
    """

    input: str | None = None
    """The folder of photos that keep their pixels."""
    reference: str | None = None
    """The folder of photos to bring onto them, paired by file name."""
    out: str | None = None
    """The folder to write."""
    input_suffix: str | None = None
    """The end of the photos' names that is not part of the pair's name, e.g. _phone."""
    reference_suffix: str | None = None
    """The same for the references, e.g. _dslr."""
    max_error: float = 1.0
    """Drop pairs whose residual error (root mean square, px) is larger."""
    min_overlap: float = 0.25
    """Drop pairs whose common area is a smaller share of the photo."""
    features: Literal["sift", "orb"] = "sift"
    """What the first fit rests on."""
    jobs: int = field(default_factory=cores)
    """Worker processes; a pair of 12-megapixel photos takes about a gigabyte each."""
    verify: bool = False
    """Hash every file again instead of trusting its size and time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides about a pair."""

    features: Literal["sift", "orb"] = "sift"
    max_error: float = 1.0
    min_overlap: float = 0.25
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Item:
    """One pair to align, and where its two files go."""

    sample: str
    path: Path
    reference: Path
    out: Path

    def files(self) -> tuple[Path, Path]:
        """The aligned pair's."""
        name = f"{self.sample}.png"
        return self.out / "input" / name, self.out / "reference" / name


def register_pairs(
    dataset: Dataset, out: Path, settings: Settings, *, jobs: int = 0
) -> tuple[int, int, list[Failure]]:
    """Align ``dataset``'s pairs into the folder ``out``; resumes what is there.

    Returns how many pairs are new, how many were there, and what was dropped or failed.
    Raises InputError when ``out`` holds something else, lies among the photos, or cannot be
    written.
    """
    from wespe_bench import provenance

    refuse_inside(out, samples=dataset.samples)
    key = provenance.sha256_bytes(json.dumps(asdict(settings)).encode())[:12]
    # The journal stays: it says, for every pair, what it was made of and with which settings.
    journal = Journal(out / f"journal-{key}")
    journal.claim("other settings")
    hashes = {row[0]: row[1:] for row in provenance.hash_samples(dataset.samples)}
    with held(out, f"register {key} {dataset.revision}"):
        return _register(dataset, out, settings, jobs, journal, hashes)


def _register(
    dataset: Dataset,
    out: Path,
    settings: Settings,
    jobs: int,
    journal: Journal,
    hashes: dict[str, tuple[str, str | None]],
) -> tuple[int, int, list[Failure]]:
    from wespe_bench import atomic

    rows = journal.rows()
    sides = ("input_source_sha256", "reference_source_sha256")
    refuse_other(out, {id_: tuple(map(row.get, sides)) for id_, row in rows.items()}, hashes)
    atomic.remove_leftovers(out)
    todo, kept = [], {}
    for sample in dataset.samples:
        if sample.reference is None:
            raise InputError(f"{dataset.name} has no references; give two folders")
        item = Item(sample.id, sample.path, sample.reference, out)
        row = rows.get(sample.id)
        photos = dict(zip(sides, hashes[sample.id], strict=True))
        made = dict(zip(("input_sha256", "reference_sha256"), item.files(), strict=True))
        # A dropped pair has no files.
        if row is not None and stands(row, photos, {} if row.get("reason") else made):
            kept[sample.id] = row
        else:
            todo.append(item)
    done, failures = work_through(
        open_worker,
        settings,
        todo,
        journal,
        title="register",
        jobs=jobs,
        chunk=1,
        sample_of=lambda item: str(item.sample),
    )
    reasons = {failure.sample: failure.error for failure in failures}
    found = kept | done
    table = []
    for sample in dataset.samples:
        row = found.get(sample.id, {"sample": sample.id, "reason": reasons.get(sample.id, "")})
        table.append(row | {"registered": "no" if row["reason"] else "yes"})
        if row["reason"] and sample.id in found:
            failures.append(Failure(out, sample.id, "register", row["reason"]))
    good = {row["sample"] for row in table if not row["reason"]}
    for gone in rows.keys() | {row["sample"] for row in table}:
        if gone not in good:  # what an earlier photo of this name had given
            for path in Item(gone, out, out, out).files():
                path.unlink(missing_ok=True)
    atomic.write_text(out / "registration.csv", _csv(table))
    new = sum(id_ in good for id_ in done)
    return new, sum(id_ in good for id_ in kept), failures


def _csv(table: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow(row | {"sample": escape_csv_formula(row["sample"])})
    return text.getvalue()


def open_worker(settings: Settings) -> Callable[[Sequence[Item]], list[Outcome]]:
    """In each worker: align pairs as ``settings`` say."""
    from wespe_bench import images, provenance
    from wespe_bench.prepare import registration
    from wespe_bench.prepare.homography import Unregistered

    def one(item: Item) -> Outcome:
        try:
            sources = [path.read_bytes() for path in (item.path, item.reference)]
            names = (str(item.path), str(item.reference))
            photo, other = (images.read_rgb(s, name=n) for s, n in zip(sources, names, strict=True))
        except OSError as error:
            return Outcome(item, error=f"{error.filename}: cannot be read ({error.strerror})")
        except (InputError, MemoryError) as error:
            return Outcome(item, error=one_line(error))
        row: dict[str, Any] = {
            "sample": item.sample,
            "input_source_sha256": provenance.sha256_bytes(sources[0]),
            "reference_source_sha256": provenance.sha256_bytes(sources[1]),
            "reason": "",
        }
        try:
            fit = registration.register(
                photo,
                other,
                features=settings.features,
                max_error=settings.max_error,
                min_overlap=settings.min_overlap,
            )
            pair = registration.aligned(photo, other, fit)
        except Unregistered as error:
            return Outcome(item, rows=(row | {"reason": f"dropped: {error}"},))
        except Exception as error:  # scikit-image on photos nobody thought of
            return Outcome(item, error=f"registration failed: {one_line(error)}")
        try:
            written = [
                images.write_png(path, pixels)
                for path, pixels in zip(item.files(), pair, strict=True)
            ]
        except OSError as error:
            reason = f"cannot write {item.out}: {error.strerror or error}"
            return Outcome(item, error=reason, fatal=error.errno in FATAL)
        left, top, right, bottom = fit.box
        row |= {
            "error_px": round(fit.error, 4),
            "worst_px": round(fit.worst, 4),
            "tiles": fit.tiles,
            "matches": fit.matches,
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "homography": " ".join(f"{value:.12g}" for value in fit.matrix.ravel()),
            "input_sha256": provenance.sha256_bytes(written[0]),
            "reference_sha256": provenance.sha256_bytes(written[1]),
        }
        return Outcome(item, rows=(row,))

    return lambda items: [one(item) for item in items]


def main(config: Register) -> int:
    """The verb ``data register``."""
    import math

    from wespe_bench import provenance
    from wespe_bench.registry import load_dataset

    check_jobs(config.jobs)
    for option in ("input", "reference", "out"):
        if not getattr(config, option):
            raise InputError(f"--{option} FOLDER is missing; see wespe-bench data register --help")
    if not (math.isfinite(config.max_error) and config.max_error > 0):
        raise InputError(f"--max-error {config.max_error}: expected a number of pixels above 0")
    if not 0 < config.min_overlap <= 1:
        raise InputError(f"--min-overlap {config.min_overlap}: expected a share, above 0 to 1")
    if config.verify:
        provenance.forget()
    out = Path(str(config.out))
    refuse_inside(out, config.input, config.reference)
    dataset = load_dataset(
        "folder",
        input=config.input,
        reference=config.reference,
        input_suffix=config.input_suffix or "",
        reference_suffix=config.reference_suffix or "",
    )
    settings = Settings(config.features, config.max_error, config.min_overlap)
    new, kept, failures = register_pairs(dataset, out, settings, jobs=config.jobs)
    there = f", {kept} were there already" if kept else ""
    print(f"{new} pairs registered{there} -> {out} (residual errors: {out / 'registration.csv'})")
    return tell(failures)
