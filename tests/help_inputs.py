"""Small inputs for the examples of the verbs' help, by the word that names them there."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.ffs.clocks import Jumping
from tests.ffs.conftest import NOW, crawling
from tests.ffs.flickr import World
from tests.ffs.rated import make as make_ratings
from tests.ffs.rated import write_rater
from tests.ffs.server import Server
from tests.oracles import bundle
from tests.reference_models.test_zoo import released_files
from tests.reference_models.trainings import make_photos
from tests.reports import paper_store
from tests.reports.runs import make_run
from tests.verbs import run_here
from tests.wespe_bench.cornia import test_importer as cornia
from tests.wespe_bench.datasets import trees
from tests.wespe_bench.prepare.test_registration import homography, seen
from tests.wespe_bench.study.studies import make_study
from tests.wespe_bench.study.test_importing import filled, put
from wespe_bench.images import write_png

PAPER = ("psnr", "ms_ssim")


def _photo(seed: int, height: int = 230, width: int = 300) -> np.ndarray:
    """A soft picture with some noise."""
    from scipy.ndimage import zoom

    rng = np.random.default_rng(seed)
    soft = zoom(rng.random((7, 11, 3)), (height / 7, width / 11, 1), order=1)[:height, :width]
    return (soft * 180 + rng.random((height, width, 3)) * 30 + 30).astype(np.uint8)


def once(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """``make`` in a folder of its own, whose content is copied from then on."""
    made = lru_cache(lambda: (found := TemporaryDirectory(), make(Path(found.name)))[0])
    return lambda folder: shutil.copytree(made().name, folder, dirs_exist_ok=True) and None


def photos(folder: Path, *size: int) -> None:
    """Five photos, with the names of the demo's, and their references."""
    for number, name in enumerate(("astronaut", "coffee", "chelsea", "flower", "china")):
        photo = _photo(number, *size)
        write_png(folder / "truth" / f"{name}.png", photo)
        write_png(folder / "photos" / f"{name}.png", (photo * 0.7).astype(np.uint8))


def verb(folder: Path, *words: str) -> None:
    """Run a verb there; it has to succeed."""
    done = run_here(folder, *words)
    assert done.returncode == 0, done.stderr


def _runs(folder: Path, *enhancers: str, out: str = "runs/demo") -> None:
    photos(folder)
    words = ("--input", "photos", "--reference", "truth", "--name", "samples", "--jobs", "0")
    verb(folder, "run", "--enhancers", *enhancers, *words, "--metrics", *PAPER, "--out", out)


@once
def demo(folder: Path) -> None:
    """Runs as the demo leaves them."""
    _runs(folder, "identity", "auto_levels", "clahe", "equalize", "Mine=unsharp")


def cards(folder: Path) -> None:
    """Another's card and results; an earlier card of mine."""
    _runs(folder, "Theirs=grey_world", "Mine=identity", out="theirs")
    verb(folder, "leaderboard", "--runs", "theirs")
    for label, name in (("Theirs", "their_card.json"), ("Mine", "card.json")):
        (card,) = folder.glob(f"theirs/leaderboard/cards/*/{label}/card.json")
        shutil.copy(card, folder / name)
    shutil.copytree(folder / "theirs/samples/Theirs/images", folder / "their_results")
    shutil.rmtree(folder / "theirs")


def mine(folder: Path) -> None:
    """A run that is better than its card's, on enough photos to show it."""
    values = np.random.default_rng(0).normal(20, 1, 30)
    for label, more in (("before", 0.0), ("Mine", 2.0)):
        make_run(folder / label, "Mine", {"psnr": list(values + more)})
    verb(folder, "leaderboard", "--runs", "before")
    (card,) = folder.glob("before/leaderboard/cards/*/Mine/card.json")
    shutil.copy(card, folder / "card.json")
    shutil.move(folder / "Mine", folder / "runs")


def iphone_runs(folder: Path) -> None:
    """Three methods on DPED's iPhone patches."""
    trees.dped(folder / "data")
    (folder / "data/dped/iphone/test_data/full_size_test_images").rename(folder / "not")
    for label in ("Mine", "WESPE", "DPED"):
        words = ("enhance", f"{label}=identity", "--dataset", "dped:iphone", "--data", "data")
        verb(folder, *words, "--jobs", "0", "--out", f"runs/{label}")
        verb(folder, "score", f"runs/{label}", "--metrics", *PAPER, "--jobs", "0")


def paper(folder: Path) -> None:
    """Runs as the paper's."""
    paper_store.whole(folder / "runs/paper")
    for label in ("LABEL", "Mine"):
        paper_store.add(
            folder / "runs", paper_store.PATCHES, label, paper_store.scores(9, 6, PAPER)
        )


def study(folder: Path) -> None:
    """A study, and the votes of three."""
    _, made = make_study(folder)
    for rater in range(3):
        put(folder / f"votes-{rater}.json", filled(made, rater))


def voted(folder: Path) -> None:
    """A study over the demo's runs, with votes."""
    demo(folder)
    words = ("--runs", "runs/demo", "--method", "clahe", "--rivals", "equalize", "--images", "5")
    verb(folder, "study", "build", *words)
    from wespe_bench.study.manifest import read

    for rater in range(3):
        put(folder / f"votes-{rater}.json", filled(read(folder / "study"), rater))
    verb(folder, "study", "import", "study", *(f"votes-{rater}.json" for rater in range(3)))


def two_cameras(folder: Path) -> None:
    """One scene by two cameras."""
    from skimage.data import astronaut

    photo = astronaut()[:300, :380]
    write_png(folder / "phone" / "0.png", photo)
    write_png(folder / "dslr" / "0.png", seen(photo, homography(photo.shape, 1)))


def pairs(folder: Path) -> None:
    """What `train` learns from, under the names of the examples."""
    make_photos(folder)
    (folder / "target").rename(folder / "dslr")
    shutil.copytree(folder / "truth", folder / "patches/dslr")
    shutil.copytree(folder / "phone", folder / "patches/phone")


def supervised(folder: Path) -> None:
    """Pairs of photos."""
    make_photos(folder)
    (folder / "truth").rename(folder / "dslr")


def simulated(folder: Path) -> None:
    """The pairs of `data make`."""
    photos(folder)
    (folder / "truth").rename(folder / "clean")
    verb(folder, "data", "make", "--input", "clean/", "--out", "pairs/", "--seed", "1")


@once
def crawl(folder: Path) -> None:
    """A crawl of 32 photos."""
    world = World(20_000, seed=1, base="https://flickr.test")
    (folder / "data").mkdir()
    with crawling(Server(world, Jumping(NOW)), folder / "data/ffs", 32) as crawler:
        assert crawler.crawl() == 0


def rated(folder: Path) -> None:
    """A CSV of photos with views and faves."""
    make_ratings(folder)
    lines = [f"{path.name},100,{n}" for n, path in enumerate(sorted(folder.glob("*.png")))]
    (folder / "mine.csv").write_text("\n".join(["path,views,faves", *lines]) + "\n")


def tid(folder: Path) -> None:
    """A list as TID2013's, of twelve scenes."""
    lines = ["dis_img_path,dis_type,ref_img_path,score"]
    rng = np.random.default_rng(2)
    for scene in range(12):
        clean = _photo(scene, 70, 80)
        for level, sigma in enumerate((0, 6, 15, 40)):
            name = f"TID2013/distorted_images/i{scene:02d}_{level}.png"
            noisy = np.clip(clean + rng.normal(0, sigma, clean.shape), 0, 255)
            write_png(folder / "databases" / name, noisy.astype(np.uint8))
            lines.append(f"{name},noise,TID2013/reference_images/i{scene:02d}.png,{7 - level}")
    (folder / "TID2013.txt").write_text("\n".join(lines) + "\n")


def archive(folder: Path) -> None:
    """DPED, packed."""
    trees.dped(folder)
    (folder / "downloads").mkdir()
    with tarfile.open(folder / "downloads/dped.tar.gz", "w:gz", compresslevel=1) as file:
        file.add(folder / "dped", "dped")


def shards(folder: Path) -> None:
    """Two shards of a run."""
    photos(folder)
    for number in (1, 2):
        words = ("run", "--enhancers", "identity", "--input", "photos", "--metrics", "entropy")
        verb(folder, *words, "--shard", f"{number}/2", "--out", f"shard{number}", "--jobs", "0")


def released(folder: Path) -> None:
    """DPED's models as released, of random weights."""
    (folder / "models_orig").mkdir()
    for phone in ("iphone", "sony"):
        for part in bundle.FIXTURE.parent.glob(f"{bundle.FIXTURE.name}.*"):
            name = part.name.replace("tiny_iphone", f"{phone}_orig")
            shutil.copy(part, folder / "models_orig" / name)


def two_pictures(folder: Path) -> None:
    """A result and its reference."""
    write_png(folder / "output.png", _photo(0))
    write_png(folder / "reference.png", _photo(1))


def zoo(name: str, file: str) -> Callable[[Path], None]:
    """A network's weights as released, in ``file``."""

    def make(folder: Path) -> None:
        files, _ = released_files(folder, name)
        files[-1].rename(folder / file)

    return make


#: A part of an example -> what makes the inputs that it names; the first part that is found.
INPUTS: dict[str, Callable[[Path], object]] = {
    "card.json --verify": lambda folder: (demo(folder), cards(folder)),
    "--since card.json": mine,
    "--dataset dped_iphone": iphone_runs,
    "tables": paper,
    "study report": voted,
    "study build": demo,
    "study ": study,
    "shard1/": shards,
    "--input phone/ --reference dslr/ --out aligned": two_cameras,
    "runs/demo": demo,
    "runs/samples/clahe": lambda folder: _runs(folder, "clahe", out="runs"),
    "--input pairs/": simulated,
    "--input clean/": lambda folder: (photos(folder), (folder / "truth").rename(folder / "clean")),
    "train dped --input": supervised,
    "--official": released,
    "import dped": released,
    "iphone.safetensors": lambda folder: (
        released(folder),
        verb(folder, *["import", "dped", "models_orig/iphone_orig", "--out", "iphone.safetensors"]),
    ),
    "--camera iphone": lambda folder: trees.dped(folder / "data"),
    "data check dped": lambda folder: trees.dped(folder / "data", train=6, test=4),
    "split kitti": lambda folder: trees.kitti(folder / "data"),
    "downloads/": archive,
    "Epoch99.pth": zoo("zero_dce", "Epoch99.pth"),
    "medium.pt": zoo("sci", "medium.pt"),
    "csrnet.pth": zoo("csrnet", "csrnet.pth"),
    "LUTs.pth": zoo("lut3d", "classifier.pth"),
    "--synthetic photos/": lambda folder: photos(folder, 56, 64),
    "CORNIA_release": lambda folder: cornia.write(folder / "CORNIA_release", cornia.release()),
    "TID2013.txt": tid,
    "--format webdataset": lambda folder: (
        crawl(folder),
        verb(folder, "ffs", "build", "data/ffs", "--validation", "4", "--test", "4"),
    ),
    "ffs stats": lambda folder: make_ratings(folder / "data/ffs"),
    "data/ffs": crawl,
    "mine.csv": rated,
    "ratings/": lambda folder: make_ratings(folder / "ratings"),
    "--rater": lambda folder: (
        photos(folder),
        (folder / "runs/rater").mkdir(parents=True),
        write_rater(folder / "runs/rater/rater.safetensors"),
    ),
    "output.png": two_pictures,
    "phone/": pairs,
    "patches/phone": pairs,
    "exp.toml": photos,
    "photos/": photos,
}


def make(example: str, folder: Path) -> None:
    """Put into a folder what an example names."""
    for part, write in INPUTS.items():
        if part in example:
            write(folder)
            break
    for name in {"mine.py", "my_model.py"}:
        (folder / name).write_text("def enhance(image):\n    return image // 2\n")
    (folder / "exp.toml").write_text('enhancers = ["identity"]\ninput = "photos"\n')
    (folder / "their_outputs").mkdir()
    for photo in (folder / "photos").glob("*.png"):
        shutil.copy(photo, folder / "their_outputs")
