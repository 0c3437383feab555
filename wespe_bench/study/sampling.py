"""Which photos a study shows, drawn by seed, and which two pictures make each question."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wespe_bench import links
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.run import Run
from wespe_bench.store import result_of

#: The rival that is no run: the input photos themselves.
ORIGINAL = "original"

#: What an attention check shows beside the photo.
DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Source:
    """One picture before it has tiles: the file that is scored, or the input photo."""

    dataset: str
    sample: str
    method: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One question: the rival's picture and the method's; or the damaged one and the photo."""

    first: Source
    second: Source
    check: str | None = None


@dataclass(frozen=True, slots=True)
class _Results:
    """What a run has of each sample: the input photo, and the method's result."""

    inputs: dict[str, Source]
    results: dict[str, Source]


def choose(
    runs: Sequence[Run],
    method: str,
    rivals: Sequence[str],
    *,
    images: int,
    checks: int = 0,
    seed: int = 0,
) -> list[Pair]:
    """Pairs of every rival against ``method`` on ``images`` photos of each data set.

    Data sets are those on which ``method`` has a run among ``runs``; photos are
    drawn by ``seed`` and id from those of which every method has a result. A rival is a run's
    label, or `ORIGINAL`. ``checks`` pairs of a photo with its damaged copy follow.

    Raises InputError: an unknown method, two runs of one method on one data set, a rival that
    lacks a data set, runs of different photos, too few photos.
    """
    if method == ORIGINAL or DAMAGED in (method, *rivals):
        raise InputError(f"{ORIGINAL} and {DAMAGED} are no methods; --method takes a run's label")
    if method in rivals or len(set(rivals)) != len(rivals):
        raise InputError("--rivals: each once, and not the --method itself")
    found = _by_dataset(runs)
    labels = {label for methods in found.values() for label in methods}
    for name in (method, *rivals):
        if name not in labels and name != ORIGINAL:
            raise InputError(
                f"no run of {name!r}{did_you_mean(name, labels | {ORIGINAL})}; "
                f"methods there: {', '.join(sorted(labels))}"
            )
    pairs: list[Pair] = []
    originals: list[Source] = []
    for dataset, methods in sorted(found.items()):
        if method not in methods:
            continue
        tested = _read(methods[method], dataset, method)
        others = {}
        for rival in rivals:
            if rival != ORIGINAL and rival not in methods:
                raise InputError(
                    f"{dataset}: no run of {rival!r} there; run it, or leave {dataset} out of "
                    "--runs"
                )
            others[rival] = (
                tested.inputs if rival == ORIGINAL else _same(tested, methods[rival], rival)
            )
        for sample in _drawn(dataset, tested.results, others, images, seed):
            for name in (method, *(rival for rival in rivals if rival != ORIGINAL)):
                folder = methods[name].folder
                links.check_file(result_of(folder, sample), folder)
            originals.append(tested.inputs[sample])
            pairs += [Pair(others[rival][sample], tested.results[sample]) for rival in rivals]
    return pairs + _checks(originals, checks, seed)


def _by_dataset(runs: Sequence[Run]) -> dict[str, dict[str, Run]]:
    """Data set -> label -> run."""
    found: dict[str, dict[str, Run]] = {}
    for folder, run in sorted({run.folder.resolve(): run for run in runs}.items()):
        other = found.setdefault(run.dataset, {}).setdefault(run.label, run)
        if other is not run:
            raise InputError(
                f"two runs of {run.label!r} on {run.dataset}: {other.folder.resolve()} and "
                f"{folder}; give one of them"
            )
    return found


def _read(run: Run, dataset: str, method: str) -> _Results:
    return _Results(
        {
            str(sample): Source(dataset, str(sample), ORIGINAL, Path(path), sha256)
            for sample, path, sha256 in run.samples[["sample", "path", "sha256"]].itertuples(
                index=False
            )
        },
        {
            str(sample): Source(
                dataset, str(sample), method, result_of(run.folder, str(sample)), sha256
            )
            for sample, sha256 in run.results["image_sha256"].items()
        },
    )


def _same(tested: _Results, run: Run, rival: str) -> dict[str, Source]:
    """The rival's results, once it is sure that they are of the same photos."""
    dataset = next(iter(tested.inputs.values())).dataset if tested.inputs else ""
    other = _read(run, dataset, rival)
    for sample, photo in other.inputs.items():
        if sample in tested.inputs and tested.inputs[sample].sha256 != photo.sha256:
            raise InputError(
                f"{run.folder}: its {sample} of {dataset} is another photo than the --method's; "
                "run both on the same photos"
            )
    return other.results


def _drawn(
    dataset: str,
    results: Mapping[str, Source],
    others: Mapping[str, Mapping[str, Source]],
    images: int,
    seed: int,
) -> list[str]:
    """``images`` sample ids, by the seed and each id alone: another rival changes nothing."""
    common = [s for s in results if all(s in pictures for pictures in others.values())]
    if len(common) < images:
        raise InputError(
            f"{dataset}: {len(common)} photos of which every method has a result, --images is "
            f"{images}; take fewer, or finish the runs"
        )
    return sorted(common, key=lambda sample: _key(seed, dataset, sample))[:images]


def _checks(originals: Sequence[Source], checks: int, seed: int) -> list[Pair]:
    if checks > len(originals):
        raise InputError(f"--checks {checks}: at most one for each of {len(originals)} photos")
    chosen = sorted(originals, key=lambda s: _key(seed, "check", s.dataset, s.sample))[:checks]
    return [
        Pair(Source(s.dataset, s.sample, DAMAGED, s.path, s.sha256), s, "second") for s in chosen
    ]


def _key(seed: int, *words: str) -> bytes:
    text = "\x1f".join((str(seed), *words))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
