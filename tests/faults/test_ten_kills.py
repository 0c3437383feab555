"""Two thousand photos, four of them poison, and ten kills: the rows are an undisturbed run's.

Kills come after random numbers of decoded photos, of which every process keeps count in one file,
so each falls while work is under way, however busy the machine is.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from PIL import Image

from tests.conftest import Command, entry_point
from tests.faults.drivers import csv
from tests.faults.injected import injected
from wespe_bench import store, store_files

COUNT = 2000

#: Photos that are damaged, or kill the process that decodes them; then references that do.
DAMAGED, DEADLY, DAMAGED_REFERENCE, DEADLY_REFERENCE = "0444", "1333", "1666", "0777"

POISONED = {
    "enhance": (DAMAGED, DEADLY),
    "score": (DAMAGED_REFERENCE, DEADLY_REFERENCE),
}

ENHANCER = """
import time
def enhance(image):
    time.sleep(0.003)
    return 255 - image
"""

# A decoder with a fault: what ends in "deadly" is a real segmentation fault.
DECODER = """
import ctypes, os, resource
from PIL import Image
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
counter = os.open({counter!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.set_inheritable(counter, False)
def open_(source, *arguments, really=Image.open, **options):
    os.write(counter, b".")
    if source.getvalue().endswith(b"deadly"):
        ctypes.string_at(0)
    return really(source, *arguments, **options)
Image.open = open_
"""

#: engine -> (options of both verbs of each driver, folder of each driver)
ENGINES = {
    "local": [(["--jobs", "2"], "hit")],
    "ray": [(["--engine", "ray?workers=2"], "hit")],
    "shards": [(["--jobs", "1", "--shard", f"{i}/3"], "hit") for i in (1, 2, 3)],
    "merge": [(["--jobs", "1", "--shard", f"{i}/3"], f"shard{i}/hit") for i in (1, 2, 3)],
}


def poison(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if how == "damaged" else data + b"deadly")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(11)
    for side in ("in", "ref"):
        (folder / side).mkdir()
        for number in range(COUNT):
            pixels = rng.integers(0, 256, (32, 48, 3), np.uint8)
            Image.fromarray(pixels).save(folder / side / f"{number:04}.png")
    poison(folder / "in" / f"{DAMAGED}.png", "damaged")
    poison(folder / "in" / f"{DEADLY}.png", "deadly")
    poison(folder / "ref" / f"{DAMAGED_REFERENCE}.png", "damaged")
    poison(folder / "ref" / f"{DEADLY_REFERENCE}.png", "deadly")
    (folder / "slow.py").write_text(ENHANCER)
    return folder


def stages(photos: Path, options: list[str], out: str) -> list[list[str]]:
    inputs = ["--input", str(photos / "in"), "--reference", str(photos / "ref")]
    return [
        ["enhance", f"slow={photos / 'slow.py'}:enhance", *inputs, "--out", out, *options],
        ["score", out, "--metrics", "psnr", "bpp", *options],
    ]


@pytest.fixture(scope="module")
def calm(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which nobody disturbed the run ``calm``."""
    place = tmp_path_factory.mktemp("undisturbed")
    environment = injected(place / "site", DECODER.format(counter=str(place / "decoded")))
    for arguments in stages(photos, ["--jobs", "2"], "calm"):
        done = subprocess.run(
            [*entry_point(), *arguments],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3, done.stderr
    return place


@dataclass
class Ordeal:
    """Drivers that are killed, or whose workers are, and started again by the same command."""

    place: Path
    rng: random.Random
    environment: dict[str, str]
    log: list[tuple[str, int]] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def decoded(self) -> int:
        """Photos decoded so far, by whatever process."""
        counter = self.place / "decoded"
        return counter.stat().st_size if counter.exists() else 0

    def start(self, arguments: list[str], said: Path) -> subprocess.Popen[bytes]:
        with said.open("w") as file:
            process = subprocess.Popen(
                [*entry_point(), *arguments],
                cwd=self.place,
                env=self.environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def pass_through(
        self, commands: list[list[str]], *, drivers: int, workers: int
    ) -> list[tuple[int, str]]:
        """All of ``commands`` at once, so many killed; each one's exit code and last words."""
        files = [self.place / f"{commands[0][0]}{i}.txt" for i in range(len(commands))]
        running = [self.start(*pair) for pair in zip(commands, files, strict=True)]
        victims = ["driver"] * drivers + ["worker"] * workers
        self.rng.shuffle(victims)
        for victim in victims:
            aim = self.decoded() + self.rng.randint(40, 240)
            hit = False
            while not hit:
                time.sleep(0.003)
                alive = [i for i, driver in enumerate(running) if driver.poll() is None]
                assert alive, [file.read_text() for file in files]
                if self.decoded() < aim:
                    continue
                number = self.rng.choice(alive)
                if victim == "worker":
                    hit = self.kill_worker(running[number])
                else:
                    hit = self.kill_driver(running[number])
                    if hit:
                        running[number] = self.start(commands[number], files[number])
        codes = [driver.wait(600) for driver in running]
        # Nothing was killed after the work: photos were decoded after each kill.
        assert all(decoded < self.decoded() for _, decoded in self.log[-len(victims) :])
        _, left = psutil.wait_procs(self.orphans, timeout=60)
        assert not left
        return [(code, file.read_text()) for code, file in zip(codes, files, strict=True)]

    def kill_worker(self, driver: subprocess.Popen[bytes]) -> bool:
        """kill -9 of one process that decodes; whether there was one."""
        workers = [
            child
            for child in psutil.Process(driver.pid).children(recursive=True)
            if "spawn_main" in title(child) or title(child).startswith("ray::_Actor")
        ]
        if not workers:
            return False
        worker = self.rng.choice(sorted(workers, key=lambda child: child.pid))
        try:
            worker.kill()
        except psutil.NoSuchProcess:  # a pool that has just been closed
            return False
        psutil.wait_procs([worker], timeout=60)
        assert driver.poll() is None  # it goes on without
        self.log.append(("worker", self.decoded()))
        return True

    def kill_driver(self, driver: subprocess.Popen[bytes]) -> bool:
        """kill -9 of a driver, unless it has just ended.

        Its workers, and its Ray, have to end by themselves.
        """
        self.orphans += psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        if driver.wait(60) != -signal.SIGKILL:
            return False
        self.log.append(("driver", self.decoded()))
        return True

    def merge(self, arguments: list[str], images: Path, kills: int) -> None:
        """The same for ``merge``, which decodes nothing: killed as results arrive."""
        driver = self.start(arguments, self.place / "merge.txt")
        for _ in range(kills):
            aim = len(list(images.glob("*.png"))) + self.rng.randint(40, 240)
            while len(list(images.glob("*.png"))) < aim:
                assert driver.poll() is None, (self.place / "merge.txt").read_text()
                time.sleep(0.003)
            assert self.kill_driver(driver)
            assert len(list(images.glob("*.png"))) < COUNT - 2
            driver = self.start(arguments, self.place / "merge.txt")
        assert driver.wait(600) == 0, (self.place / "merge.txt").read_text()


@pytest.fixture
def ordeal(tmp_path: Path, engine: str) -> Iterator[Ordeal]:
    """The ordeal of an engine, of which nothing is left running when its test fails."""
    environment = injected(tmp_path / "site", DECODER.format(counter=str(tmp_path / "decoded")))
    made = Ordeal(tmp_path, random.Random(f"{engine} 11"), environment)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def raw(run: Path, kind: str) -> list[tuple[object, ...]]:
    """Keys of all the rows that were ever written."""
    tables = [store_files.read(path, kind) for _, path in store_files.numbered(run / kind)]
    keys = pa.concat_tables(tables).select(store_files.KEYS[kind])
    return list(zip(*(column.to_pylist() for column in keys.columns), strict=True))


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_ten_kills(
    command: Command, photos: Path, calm: Path, tmp_path: Path, ordeal: Ordeal, engine: str
) -> None:
    begun = time.monotonic()
    both = [stages(photos, *driver) for driver in ENGINES[engine]]
    for commands, drivers in zip(zip(*both, strict=True), (3, 2), strict=True):
        workers = 4 - drivers if engine == "merge" else 5 - drivers
        ends = ordeal.pass_through(list(commands), drivers=drivers, workers=workers)
        assert {code for code, _ in ends} <= {0, 3}, ends
        # Those and only those whose photos are poison say so, of each in one line.
        poisoned = POISONED[commands[0][0]]
        for code, said in ends:
            assert "Traceback" not in said
            assert code == (3 if any(f": {sample}: " in said for sample in poisoned) else 0)
        said = "".join(said for _, said in ends)
        assert [said.count(f": {sample}: ") for sample in poisoned] == [1, 1], said
        assert said.count("its worker process died 3 times") == 1
    run = tmp_path / "hit"
    if engine == "merge":
        shards = [f"shard{i}" for i in (1, 2, 3)]
        ordeal.merge(["merge", *shards, "--out", "."], run / "images", 2)
    assert len(ordeal.log) == 10
    assert csv("hit", tmp_path) == csv("calm", calm).replace(b"calm", b"hit")
    failures = store.load_failures(run)
    assert len(failures) == 5  # bpp and psnr of the deadly reference, psnr of the damaged one
    assert failures.equals(store.load_failures(calm / "calm"))
    for kind, count in (("enhanced", COUNT - 2), ("scores", 2 * (COUNT - 3) - 1)):
        keys = raw(run, kind)
        assert len(keys) == len(set(keys)) == count
    names = {path.name for path in (run / "images").iterdir()}
    assert names == {f"{n:04}.png" for n in range(COUNT)} - {f"{DAMAGED}.png", f"{DEADLY}.png"}
    assert not list(tmp_path.rglob("*.tmp"))
    print(
        f"{engine}: {COUNT} photos, {len(ordeal.log)} kills under way "
        f"({sum(who == 'driver' for who, _ in ordeal.log)} of drivers), {ordeal.decoded()} photos "
        f"decoded, {time.monotonic() - begun:.0f} s; {os.cpu_count()} cores"
    )
