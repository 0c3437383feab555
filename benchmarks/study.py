"""``wespe-bench study serve`` under hundreds of raters, and tiles of a 20-megapixel picture.

The raters are simulated by another process on the same machine, over loopback, with a connection
each: every one asks for a session, looks at each pair for a random time (exponential, mean
``--think`` seconds; people take five or more) and votes. A vote's latency is from the first byte
sent to the last byte of the answer, which the server gives once the vote is on disk. At the end
the votes in the file are counted against those acknowledged. Goals: median under 20 ms, none
lost, both pictures of a pair, all tiles of the full size, under 1 s. Run:

    python benchmarks/study.py --raters 500 --votes 20 --think 4 --csv benchmarks/results/study.csv
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench.images import encode_png
from wespe_bench.provenance import sha256_bytes
from wespe_bench.study.build import build
from wespe_bench.study.database import key_of
from wespe_bench.study.manifest import Study
from wespe_bench.study.sampling import Pair, Source
from wespe_bench.study.votes import rows

#: 20 megapixels, 3 to 2.
SIZE = (3648, 5472)

GOAL_MEDIAN, GOAL_TILES = 0.020, 1.0


class Connection:
    """Just enough HTTP/1.1 for a rater: the client must not be what is measured."""

    def __init__(self, host: str, port: int, source: str = "127.0.0.1") -> None:
        self._where = host, port
        self._source = source, 0

    async def open(self) -> Connection:
        self._reader, self._writer = await asyncio.open_connection(
            *self._where, local_addr=self._source
        )
        return self

    async def ask(
        self, method: str, path: str, word: str = "", content: Any = None
    ) -> tuple[int, bytes]:
        body = b"" if content is None else json.dumps(content).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{self._where[1]}"]
        lines += [f"Authorization: Bearer {word}"] if word else []
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        answer = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12]), answer

    def close(self) -> None:
        self._writer.close()


async def rater(
    where: tuple[str, int], votes: int, think: float, draw: random.Random, took: list[float]
) -> tuple[str, int]:
    """One rater; returns the word and how many votes the server acknowledged."""
    # Few addresses, as behind offices' routers: a server takes 400 new raters at once from each.
    connection = await Connection(*where, f"127.0.0.{draw.randint(2, 9)}").open()
    await asyncio.sleep(draw.random() * think)
    status, answer = await connection.ask("POST", "/api/session", content={"token": ""})
    assert status == 201, answer
    word = json.loads(answer)["rater"]
    _, answer = await connection.ask("GET", "/api/session", word)
    questions = json.loads(answer)["questions"][:votes]
    acknowledged = 0
    for question in questions:
        await asyncio.sleep(draw.expovariate(1 / think))
        content = {
            "vote": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            "choice": draw.choice(["left", "right"]),
            "milliseconds": 1000,
        }
        while True:
            begun = time.perf_counter()
            status, answer = await connection.ask(
                "PUT", f"/api/votes/{question['id']}", word, content
            )
            took.append(time.perf_counter() - begun)
            if status != 429:
                break
            took.pop()  # faster than a person may be
            await asyncio.sleep(0.2)
        assert status == 200, answer
        acknowledged += 1
    connection.close()
    return word, acknowledged


async def crowd(where: tuple[str, int], raters: int, votes: int, think: float) -> dict[str, Any]:
    took: list[float] = []
    begun = time.perf_counter()
    people = [rater(where, votes, think, random.Random(n), took) for n in range(raters)]
    acknowledged = dict(await asyncio.gather(*people))
    seconds = time.perf_counter() - begun
    return {"took": took, "acknowledged": acknowledged, "seconds": seconds}


async def tiles(where: tuple[str, int], study: Study, pairs: int) -> list[float]:
    """Seconds until both pictures of a pair are here at full size, over six connections, which
    is how many a browser opens."""
    connections = [await Connection(*where).open() for _ in range(6)]
    found = []
    for question in study.questions[:pairs]:
        waiting = [
            f"/tiles/{name}/0/{column}_{row}.png"
            for name in (question.first, question.second)
            for level in study.pictures[name].levels[:1]
            for column in range(level.columns)
            for row in range(level.rows)
        ]

        async def fetch(connection: Connection, waiting: list[str] = waiting) -> None:
            while waiting:
                status, _ = await connection.ask("GET", waiting.pop())
                assert status == 200

        begun = time.perf_counter()
        await asyncio.gather(*(fetch(connection) for connection in connections))
        found.append(time.perf_counter() - begun)
    return found


def picture(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Something as hard to compress as a photo: smooth shapes and sensor noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    base = 110 + 60 * np.sin(x / (90 + seed)) + 50 * np.cos(y / 130)
    image = np.empty((*size, 3), np.uint8)
    for channel in range(3):
        image[..., channel] = (base + rng.normal(0, 2, size).astype(np.float32)).clip(0, 255)
    return image


def make(root: Path, questions: int, size: tuple[int, int]) -> Study:
    """A study: its first two questions at ``size``, the rest small."""
    pairs = []
    for number in range(questions):
        sources = []
        for place, method in enumerate(("rival", "method")):
            data = encode_png(picture(2 * number + place, size if number < 2 else (8, 8)), 1)
            path = root / f"{number}-{method}.png"
            path.write_bytes(data)
            sources.append(Source("made", f"{number:03d}", method, path, sha256_bytes(data)))
        pairs.append(Pair(*sources))
    return build(pairs, root / "study", seed=1, title="Benchmark.")


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        side = options.megapixels / 20
        size = (int(SIZE[0] * side**0.5), int(SIZE[1] * side**0.5))
        begun = time.perf_counter()
        study = make(Path(place), options.votes, size)
        print(f"built in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
        entry = Path(sys.executable).with_name("wespe-bench")
        server = subprocess.Popen(
            [entry, "study", "serve", folder, "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout
            said = "".join(server.stdout.readline() for _ in range(4))
            port = re.search(r"open http://127\.0\.0\.1:(\d+)/", said)
            assert port, said
            where = ("127.0.0.1", int(port[1]))
            shown = asyncio.run(tiles(where, large(study), 2))
            votes = asyncio.run(crowd(where, options.raters, options.votes, options.think))
        finally:
            server.kill()  # what is not on disk now is lost
            server.wait(30)
        stored = Counter(row[0] for row in rows(folder))
        lost = sum(
            max(0, count - stored[key_of(word)[:16]])
            for word, count in votes["acknowledged"].items()
        )
        doubled = sum(stored.values()) - sum(votes["acknowledged"].values()) + lost
    took = np.asarray(votes["took"])
    median, late = np.percentile(took, [50, 99])
    figures = [
        ("raters at once", options.raters, ""),
        ("votes acknowledged", sum(votes["acknowledged"].values()), ""),
        ("votes a second", len(took) / votes["seconds"], ""),
        ("votes lost", lost, "0"),
        ("votes doubled", doubled, "0"),
        ("vote, median (ms)", 1000 * median, f"< {1000 * GOAL_MEDIAN:.0f}"),
        ("vote, 99% (ms)", 1000 * late, ""),
        ("megapixels of a picture", size[0] * size[1] / 1e6, ""),
        ("pair at full size (s)", float(np.median(shown)), f"< {GOAL_TILES:.0f}"),
    ]
    return [
        {"figure": name, "value": round(value, 3), "goal": goal} for name, value, goal in figures
    ]


def large(study: Study) -> Study:
    """The study with the questions of big pictures first."""
    from dataclasses import replace

    size = {name: p.width * p.height for name, p in study.pictures.items()}
    return replace(study, questions=tuple(sorted(study.questions, key=lambda q: -size[q.first])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=200)
    parser.add_argument("--votes", type=int, default=70, help="of each rater")
    parser.add_argument("--think", type=float, default=1.0, help="mean seconds over a pair")
    parser.add_argument("--megapixels", type=float, default=20.0)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    figures = run(options)
    for row in figures:
        print(f"{row['figure']:<26}{row['value']:>12g}  {row['goal']}")
    if options.csv:
        with open(options.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["figure", "value", "goal"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(figures)


if __name__ == "__main__":
    main()
