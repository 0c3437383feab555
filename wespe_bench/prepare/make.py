"""The verb ``data make``: a simulated camera over clean photos -> a paired data set.

The folder it writes holds ``input/`` (what the camera makes of the photos, JPEG),
``reference/`` (the clean photos as decoded, PNG) and ``manifest.json``: the camera's
settings, where the photos came from, and every file's hash. The same photos, settings and
seed give the same files, in any order and with any number of processes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from wespe_bench import reading
from wespe_bench.arguments import DataOptions, JobOptions
from wespe_bench.engines import FATAL, Outcome
from wespe_bench.errors import InputError, one_line
from wespe_bench.journal import Journal, refuse_inside, refuse_other, stands, work_through
from wespe_bench.lock import held
from wespe_bench.option_checks import check_choices, check_jobs
from wespe_bench.runs import Failure, folder_name, tell
from wespe_bench.types import check_id

if TYPE_CHECKING:
    from wespe_bench.datasets.local_camera import SimulatedCamera
    from wespe_bench.types import Dataset

#: Layout number of manifest.json.
SCHEMA = 1


@dataclass(frozen=True)
class Make(DataOptions, JobOptions):
    """Photograph clean photos with a simulated camera: pairs to train and test with.

    Writes input/ (the camera's JPEGs), reference/ (the clean photos as PNGs) and
    manifest.json. The settings left out here are the camera's own (wespe_bench.datasets.simulator,
    wespe_bench.datasets.local_camera).

    Example:
      wespe-bench data make --input clean/ --out pairs/ --seed 1
      wespe-bench run --suite classical --input pairs/input --reference pairs/reference
    """

    dataset: str | None = None
    """A data set's name; its photos are taken as clean."""
    input: str | None = None
    """A folder of clean photos, instead of a named data set."""
    name: str | None = None
    """What to call the photos of --input (default: the folder's name)."""
    out: str | None = None
    """The folder to write (default: made/NAME where data sets live)."""
    camera: str = "global"
    """global (errs in little but tone, alike all over the photo) or local (haze, mixed light,
    defocus, grain and other faults that no tone curve undoes)."""
    seed: int = 0
    """Of the noise and of how each shot deviates from the camera's own faults."""
    exposure_stops: float | None = None
    """Mean exposure error in stops."""
    blur: float | None = None
    """Sigma of the lens blur in pixels; of the local camera, in the centre."""
    resolution: float | None = None
    """The sensor's share of the photo's width, above 0 to 1; the global camera's only."""
    noise: float | None = None
    """Factor on the camera's shot and read noise; 0 is none."""
    jpeg_quality: int | None = None
    """1 to 95."""
    verify: bool = False
    """Hash every file again instead of trusting its size and time."""


@dataclass(frozen=True, slots=True)
class Item:
    """One photo to take, and where its two files go."""

    sample: str
    path: Path
    input: Path
    reference: Path


def make(
    dataset: Dataset, out: Path, camera: SimulatedCamera, *, jobs: int = 0
) -> tuple[int, int, list[Failure]]:
    """Photograph ``dataset``'s photos into the folder ``out``; resumes what is there.

    Returns how many pairs are new, how many were there, and what failed. Raises InputError
    when ``out`` holds something else, lies among the photos, or cannot be written.
    """
    from wespe_bench import provenance

    refuse_inside(out, samples=dataset.samples)
    _check_names(dataset)
    key = provenance.sha256_bytes(camera.describe().encode())[:12]
    journal = Journal(out / f"journal-{key}")
    if _read_manifest(out, camera) is None:
        journal.claim("other settings or another seed")
    hashes = {id_: content for id_, content, _ in provenance.hash_samples(dataset.samples)}
    with held(out, f"make {key} {dataset.revision}"):
        return _make(dataset, out, camera, jobs, journal, hashes)


def _make(
    dataset: Dataset,
    out: Path,
    camera: SimulatedCamera,
    jobs: int,
    journal: Journal,
    hashes: dict[str, str],
) -> tuple[int, int, list[Failure]]:
    from wespe_bench import atomic, provenance
    from wespe_bench.engines import chunk_of

    # Read again: before the lock was ours it could be written.
    before = _read_manifest(out, camera) or {"samples": [], "dataset": {}}
    rows = {row["sample"]: row for row in before["samples"]} | journal.rows()
    contents = {id_: row.get("source_sha256") for id_, row in rows.items()}
    name = before["dataset"].get("name", dataset.name)
    refuse_other(out, contents, hashes, renamed=name != dataset.name)
    atomic.remove_leftovers(out)
    todo, kept = [], {}
    for sample in dataset.samples:
        item = Item(
            sample.id,
            sample.path,
            out / "input" / f"{sample.id}.jpg",
            out / "reference" / f"{sample.id}.png",
        )
        row = rows.get(sample.id)
        source = {"source_sha256": hashes[sample.id]}
        made = {"input_sha256": item.input, "reference_sha256": item.reference}
        if row is not None and stands(row, source, made):
            kept[sample.id] = row
        else:
            todo.append(item)
    done, failures = work_through(
        open_worker,
        camera,
        todo,
        journal,
        title="make",
        jobs=jobs,
        chunk=chunk_of((item.path for item in todo), len(todo)),
        sample_of=lambda item: str(item.sample),
    )
    found = kept | done
    if not found:
        raise InputError(f"{dataset.name}: no photo could be taken; {failures[0].error}")
    for gone in rows.keys() - found.keys():  # photos that have left the data set, or broken ones
        for path in (out / "input" / f"{gone}.jpg", out / "reference" / f"{gone}.png"):
            path.unlink(missing_ok=True)
    content = {
        "schema": SCHEMA,
        "camera": camera.describe(),
        "settings": asdict(camera),
        "dataset": {"name": dataset.name, "revision": dataset.revision},
        "note": "simulated camera",
        "versions": provenance.versions(),
        "left_out": {failure.sample: failure.error for failure in failures},
        "samples": [found[s.id] for s in dataset.samples if s.id in found],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    atomic.write_text(out / "manifest.json", text + "\n")
    journal.remove()
    return len(done), len(kept), failures


def _check_names(dataset: Dataset) -> None:
    """Refuse a photo in a folder that is called as another's JPEG will be."""
    known = {sample.id: sample.path for sample in dataset.samples}
    for sample in dataset.samples:
        for parent in PurePosixPath(sample.id).parents:
            if parent.suffix == ".jpg" and str(parent.with_suffix("")) in known:
                raise InputError(
                    f"{sample.path} lies in a folder named like the JPEG of "
                    f"{known[str(parent.with_suffix(''))]}; rename one of them"
                )


def _read_manifest(out: Path, camera: SimulatedCamera) -> dict[str, Any] | None:
    """The manifest of what ``camera`` made in ``out``, None where there is none.

    Raises InputError when it is damaged, newer, or of another camera.
    """
    path = out / "manifest.json"
    try:
        content = reading.read_json(path)
        if reading.layout_number(content["schema"]) > SCHEMA:
            raise InputError(f"{path}: written by a newer wespe-bench; upgrade it")
        fine = isinstance(content["camera"], str) and isinstance(content["dataset"], dict)
        for row in content["samples"]:
            check_id(row["sample"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError):
        fine, content = False, {}
    if not fine:
        raise InputError(f"{path}: damaged, or no manifest of data make; choose another --out")
    if content["camera"] != camera.describe():
        raise InputError(
            f"{out} was made with other settings or another seed; choose another --out"
        )
    return dict(content)


def open_worker(camera: SimulatedCamera) -> Callable[[Sequence[Item]], list[Outcome]]:
    """In each worker: take the photos with ``camera``."""
    from wespe_bench import atomic, images, provenance

    def one(item: Item) -> Outcome:
        try:
            source = item.path.read_bytes()
            scene = images.read_rgb(source, name=str(item.path))
            taken = camera.photograph(scene, item.sample)
        except OSError as error:
            return Outcome(item, error=f"{item.path}: cannot be read ({error.strerror})")
        except (InputError, MemoryError) as error:
            return Outcome(item, error=one_line(error))
        try:
            clean = images.write_png(item.reference, scene)
            atomic.write_bytes(item.input, taken)
        except OSError as error:
            reason = f"cannot write {item.input.parent}: {error.strerror or error}"
            return Outcome(item, error=reason, fatal=error.errno in FATAL)
        row = {
            "sample": item.sample,
            "source_sha256": provenance.sha256_bytes(source),
            "input_sha256": provenance.sha256_bytes(taken),
            "reference_sha256": provenance.sha256_bytes(clean),
        }
        return Outcome(item, rows=(row,))

    return lambda items: [one(item) for item in items]


def camera_of(config: Make) -> SimulatedCamera:
    """The camera with the settings of ``config``. Raises InputError for one out of range."""
    import math
    from dataclasses import replace

    from wespe_bench.datasets.local_camera import CAMERAS

    check_choices(config, {"camera": tuple(CAMERAS)})
    ranges = {
        "exposure_stops": (-10.0, 10.0),
        "blur": (0.0, 100.0),
        "resolution": (0.01, 1.0),
        "noise": (0.0, 1000.0),
        "jpeg_quality": (1, 95),
    }
    chosen: dict[str, Any] = {}
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if value is None:
            continue
        if not (math.isfinite(value) and low <= value <= high):
            option = name.replace("_", "-")
            raise InputError(f"--{option} {value}: expected a number from {low} to {high}")
        if name == "resolution" and config.camera == "local":
            raise InputError("--resolution: the local camera has no such setting; leave it out")
        chosen[name] = value
    camera = CAMERAS[config.camera](seed=config.seed)
    factor = chosen.pop("noise", 1.0)
    noise = {
        "shot_noise": camera.shot_noise * factor**2,  # a variance
        "read_noise": camera.read_noise * factor,
    }
    return replace(camera, **noise, **chosen)


def main(config: Make) -> int:
    """The verb ``data make``."""
    from types import SimpleNamespace

    from wespe_bench import provenance
    from wespe_bench.datasets.choice import choose
    from wespe_bench.provenance import data_folder

    check_jobs(config.jobs)
    camera = camera_of(config)
    if not (config.dataset or config.input is not None):
        raise InputError("nothing to photograph: give --input FOLDER, or --dataset NAME")
    if config.verify:
        provenance.forget()
    unpaired = {"reference": None, "input_suffix": None, "reference_suffix": None}
    dataset, options = choose(config.dataset, SimpleNamespace(**asdict(config), **unpaired))
    root = Path(config.data) if config.data else data_folder()
    out = Path(config.out) if config.out else root / "made" / folder_name(dataset.name)
    refuse_inside(out, config.input, options.get("folder"))
    done, kept, failures = make(dataset, out, camera, jobs=config.jobs)
    there = f", {kept} were there already" if kept else ""
    print(f"{done} pairs made{there} -> {out}")
    return tell(failures)
