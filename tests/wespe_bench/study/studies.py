"""Small studies, real servers and raters for the tests of the user study."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.conftest import entry_point
from wespe_bench import provenance, store
from wespe_bench.images import encode_png, write_png
from wespe_bench.provenance import sha256_bytes
from wespe_bench.study.build import build
from wespe_bench.study.manifest import Study
from wespe_bench.study.sampling import Pair, Source

SIZE = (20, 30)


def make_run(root: Path, dataset: str, label: str, count: int, shade: int) -> Path:
    """A run folder: ``count`` photos of ``dataset``, and a flat grey result of each."""
    run = root / dataset / label
    rows, results = [], []
    for number in range(count):
        rng = np.random.default_rng(number)
        photo = root / "photos" / dataset / f"{number}.png"
        pixels = rng.integers(0, 256, (*SIZE, 3), np.uint8)
        sha256 = sha256_bytes(write_png(photo, pixels))
        sample = f"{dataset}/{number:02d}"
        rows.append(
            {
                "sample": sample,
                "path": str(photo),
                "sha256": sha256,
                "reference": None,
                "reference_sha256": None,
            }
        )
        result = write_png(run / "images" / f"{sample}.png", np.full((*SIZE, 3), shade, np.uint8))
        results.append(
            {
                "sample": sample,
                "input_sha256": sha256,
                "fingerprint": f"{label}:1",
                "image_sha256": sha256_bytes(result),
                "seconds": 0.1,
            }
        )
    store.write_samples(run, rows)
    store.append(run, "enhanced", results)
    revision = provenance.revision((r["sample"], r["sha256"], None) for r in rows)
    head = {"name": dataset, "revision": revision, "paired": False, "note": "", "n": count}
    store.write_run(
        run,
        {"label": label, "enhancer": label, "fingerprint": f"{label}:1", "dataset": head},
    )
    return run


def make_study(
    root: Path, questions: int = 4, size: tuple[int, int] = (16, 24), checks: int = 0
) -> tuple[Path, Study]:
    """A study in ``root/study``: questions of two data sets, and checks."""
    pairs = []
    for number in range(questions + checks):
        sources = []
        for shade, method in ((number, "rival"), (number + 100, "method")):
            data = encode_png(np.full((*size, 3), shade, np.uint8))
            path = root / "pictures" / f"{number}-{method}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            dataset = ("one", "two")[number % 2]
            sources.append(Source(dataset, f"s{number}", method, path, sha256_bytes(data)))
        pairs.append(Pair(*sources, check=None if number < questions else "second"))
    study = build(pairs, root / "study", seed=3, title="Which?")
    return root / "study", study


@dataclass
class Served:
    """A running ``study serve``: where it is, its admin token, its process."""

    root: str
    admin: str
    token: str
    process: subprocess.Popen[str]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.root, timeout=120, trust_env=False)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextlib.contextmanager
def served(folder: Path, *options: str, limit: str = "") -> Iterator[Served]:
    """``study serve`` in a process of its own, on a free port of this machine.

    ``limit``: the argument of the shell's ulimit before.
    """
    before = ("sh", "-c", f'ulimit {limit}; exec "$@"', "sh") if limit else ()
    # Under a limit of a file's size Python would keep half of a module's bytecode, for good.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} if limit else None
    process = subprocess.Popen(
        [*before, *entry_point(), "study", "serve", str(folder), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout
    said = [process.stdout.readline() for _ in range(4)]
    try:
        assert said[-1], process.stderr.read() if process.stderr else ""
        found = re.search(r"open (http://\S+?/)(?:#t=(\S+))?\n", said[1])
        header = re.search(r"curl -H @(\S+) ", said[2])
        assert found and header, said
        admin = Path(header[1]).read_text("utf-8").rpartition(" ")[2].strip()
        yield Served(found[1], admin, found[2] or "", process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


@dataclass
class Person:
    """A rater as the page behaves: begins, asks for the pairs, sends votes with own numbers."""

    client: httpx.Client
    word: str = ""
    session: dict[str, Any] = field(default_factory=dict)

    def join(self, token: str = "") -> Person:
        answer = self.client.post("/api/session", json={"token": token})
        assert answer.status_code == 201, answer.text
        self.word = answer.json()["rater"]
        return self.look()

    def look(self) -> Person:
        answer = self.client.get("/api/session", headers=self.bearer)
        assert answer.status_code == 200, answer.text
        self.session = answer.json()
        return self

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.word}"}

    def id(self, place: int) -> str:
        return str(self.session["questions"][place]["id"])

    def vote(self, place: int, choice: str = "left", **fields: Any) -> httpx.Response:
        body = {"vote": str(uuid.uuid4()), "choice": choice, "milliseconds": 1200, **fields}
        return self.client.put(f"/api/votes/{self.id(place)}", json=body, headers=self.bearer)
