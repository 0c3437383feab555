"""DPED's generators together, each applied to the photos of its own phone: ``dped:FOLDER``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_models.cameras import CAMERAS, named_in
from reference_models.dped.enhancer import OPTIONS, GeneratorEnhancer, made, of_spec
from wespe_bench.errors import InputError
from wespe_bench.options import split_options

if TYPE_CHECKING:
    from wespe_bench.types import Dataset, Sample


def _remedy(folder: Path) -> str:
    """How to make a folder's checkpoints: a loop over the released bundles that lie in it."""
    names = [shlex.quote(path.stem) for path in sorted(folder.glob("*.index"))]
    if not names:
        return "make them with `wespe-bench import dped`"
    place = f'{shlex.quote(str(folder))}/"$name"'
    return (
        f"import its bundles first: for name in {' '.join(names)}; do wespe-bench import dped "
        f"{place} --out {place}.safetensors; done"
    )


class GeneratorsByCamera:
    """The generators of a folder; each photo goes to the one for its phone.

    A photo's phone is the one that its id names, as those of DPED's data sets do, else the one that
    the folder of its data set names; ``camera`` is taken where neither names one.

    Raises InputError for a folder without generators, and for one that does not say whose photos it
    is for or that is for the same phone as another.
    """

    def __init__(
        self, folder: Path, load: Callable[[Path], GeneratorEnhancer], camera: str = ""
    ) -> None:
        self.folder, self.camera = folder, camera
        self.generators: dict[str, GeneratorEnhancer] = {}
        for path in sorted(folder.glob("*.safetensors")):
            generator = load(path)
            found = named_in([generator.card.camera])
            if len(found) != 1:
                raise InputError(
                    f"{path}: it is for {generator.card.camera or 'unknown'} photos; a folder of "
                    f"generators holds one each of {', '.join(CAMERAS)}; import it with --camera"
                )
            if found[0] in self.generators:
                other = self.generators[found[0]].checkpoint.name
                raise InputError(f"{folder}: {other} and {path.name} are both for {found[0]}")
            self.generators[found[0]] = generator
        if not self.generators:
            raise InputError(f"{folder}: no .safetensors in it; {_remedy(folder)}")
        if camera and camera not in self.generators:
            raise InputError(f"{folder}: no generator for {camera}, which camera= names")
        parts = sorted(f"{name}={g.fingerprint}" for name, g in self.generators.items())
        self.fingerprint = ";".join([*parts, f"camera={camera}"])

    @property
    def about(self) -> dict[str, Any]:
        """The model, for run.json and tables; counts are those of one generator."""
        names = ", ".join(sorted(self.generators))
        abouts = [generator.about for generator in self.generators.values()]
        notes = "; ".join(sorted({about["note"] for about in abouts}))
        note = f"a generator for each phone ({names}); {notes}"
        alike = {
            name: abouts[0][name]
            for name in ("parameters", "multiply_adds")
            if len({about[name] for about in abouts}) == 1
        }
        return {"model": "DPED", "camera": "", "note": note, **alike}

    def camera_of(self, sample: Sample) -> str:
        """The phone of a photo. Raises InputError where it is not clear, or has no generator."""
        above = sample.path.parents
        folder = above[min(sample.id.count("/"), len(above) - 1)].name
        found = named_in([sample.id]) or named_in([folder])
        if not found and self.camera:
            return self.camera
        if len(found) != 1:
            names = " and ".join(found) or "no phone"
            hint = "" if self.camera else ", or say ?camera=iphone for photos that name no phone"
            raise InputError(
                f"{sample.id}: its id and folder name {names}, so no generator of {self.folder} "
                f"can be chosen; rename it{hint}"
            )
        if found[0] not in self.generators:
            raise InputError(f"{sample.id}: {self.folder} has no generator for {found[0]} photos")
        return found[0]

    def check(self, dataset: Dataset) -> None:
        """Raise InputError where the camera of a photo is not clear; before any is enhanced."""
        errors = []
        for sample in dataset.samples:
            try:
                self.camera_of(sample)
            except InputError as error:
                errors.append(str(error))
        if errors:
            more = f" (and {len(errors) - 1} more photos)" if len(errors) > 1 else ""
            raise InputError(f"{errors[0]}{more}")

    def for_sample(self, sample: Sample, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) to float32 of the same shape, by the generator of the photo's phone."""
        return self.generators[self.camera_of(sample)](image)

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        if not self.camera:
            raise InputError(
                f"dped:{self.folder} needs to know a photo's phone; say ?camera=iphone"
            )
        return self.generators[self.camera](image)


def dped(argument: str) -> GeneratorEnhancer | GeneratorsByCamera:
    """A DPED or WESPE generator, photos of any size: dped:CHECKPOINT?precision=fp32&max_memory=2GB.

    ``dped:demo`` is the small one that ships (`reference_models.demo`). ``device`` is auto,
    cpu or cuda; ``precision`` fp32, fp16 or bf16; see `reference_models.dped.enhancer`.
    ``dped:FOLDER`` takes each photo's own generator (`GeneratorsByCamera`).
    """
    name = argument.partition("?")[0]
    if name != "demo" and Path(name).is_dir():
        path, options = split_options("dped", argument, {**OPTIONS, "camera": [""]})
        return GeneratorsByCamera(Path(path), lambda file: made(file, options), options["camera"])
    return of_spec("dped", argument)
