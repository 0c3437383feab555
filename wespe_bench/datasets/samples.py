"""Real photos that are on every machine already, with a simulated camera for the "phone" side.

scikit-image and scikit-learn ship photos inside their wheels. They are the references; the
inputs are what `wespe_bench.datasets.simulator` makes of them, written once below
``$WESPE_DATA`` where that is set, else in the cache folder. ``samples?camera=local`` takes the
camera of `wespe_bench.datasets.local_camera` instead, whose faults no tone curve undoes. The photos
are split by name: nothing that is ever fitted or trained on packaged photos may see the test half.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from wespe_bench import atomic, provenance
from wespe_bench.datasets.local_camera import CAMERAS
from wespe_bench.datasets.survey import one_of
from wespe_bench.datasets.tree import MARKER
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.provenance import made_folder
from wespe_bench.types import Dataset, Sample

NOTE = "real photos, simulated camera"

#: The demo's photos: name -> (package, file inside it).
TEST = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}

#: What may be fitted and trained on. The two motorcycle views are one scene, so both are here.
FIT = {
    "brick": ("skimage", "data/brick.png"),
    "camera": ("skimage", "data/camera.png"),
    "coins": ("skimage", "data/coins.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
    "hubble": ("skimage", "data/hubble_deep_field.jpg"),
    "moon": ("skimage", "data/moon.png"),
    "motorcycle_left": ("skimage", "data/motorcycle_left.png"),
    "motorcycle_right": ("skimage", "data/motorcycle_right.png"),
}


def load(*, data: Path | str | None = None, seed: int = 0, camera: str = "global") -> Dataset:
    """The test half: five colour photos, paired with what the simulated camera made of them.

    ``data`` is where the pairs are written (default `made_folder`), ``camera`` is global or local.
    The data set is called samples, or samples_local. Raises InputError when a packaged photo is
    missing, the folder cannot be written or the camera is unknown.
    """
    return _load("samples", TEST, data, seed, camera)


def load_fit(*, data: Path | str | None = None, seed: int = 0, camera: str = "global") -> Dataset:
    """The half that may be fitted and trained on: four colour and six grey photos."""
    return _load("samples_fit", FIT, data, seed, camera)


def _load(
    name: str,
    photos: dict[str, tuple[str, str]],
    data: Path | str | None,
    seed: int,
    camera_name: str,
) -> Dataset:
    camera = CAMERAS[one_of("camera", camera_name, CAMERAS)](seed=seed)
    settings = hashlib.sha256(camera.describe().encode()).hexdigest()[:8]
    if camera_name != "global":
        name = f"{name}_{camera_name}"
    root = made_folder(data)
    folder = root / name / f"{camera_name}-{settings}"
    _mark(root / name)
    samples = []
    for photo, (package, file) in sorted(photos.items()):
        phone, scene = folder / "phone" / f"{photo}.jpg", folder / "scene" / f"{photo}.png"
        if not (phone.is_file() and scene.is_file()):
            pixels = read_rgb(packaged(package, file))
            try:
                write_png(scene, pixels)
                atomic.write_bytes(phone, camera.photograph(pixels, photo))
            except OSError as error:
                raise InputError(
                    f"cannot write the sample photos to {root} ({error.strerror}); "
                    "name another folder with --data or WESPE_DATA"
                ) from None
        samples.append(Sample(photo, phone, scene))
    return Dataset(
        name=name,
        revision=provenance.revision(provenance.hash_samples(samples)),
        paired=True,
        samples=tuple(samples),
        note=NOTE,
    )


def _mark(folder: Path) -> None:
    """Keep the samples out of a photo folder that happens to hold the data folder."""
    try:
        if not (folder / MARKER).exists():
            atomic.write_text(folder / MARKER, "sample photos of wespe-bench\n")
    except OSError:
        pass  # writing the photos fails next, and says so


def packaged(package: str, file: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise InputError(f"the photo {file} is missing from the installed {package}; reinstall it")
    return path
