"""How the files by which long work is resumed are damaged, and read."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile import whole
from tests.hostile.mutate import damaged
from tests.hostile.reader import Reader, json_file, plainly
from tests.hostile.readers_of_photos import kept
from tests.hostile.readers_of_studies import DEEP
from wespe_bench.errors import InputError

_HASH = "0123456789abcdef" * 4


def _json(content: Any) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(content).encode()]


def _text(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _deep() -> Callable[[bytes, random.Random, bytes], bytes]:
    """Damage to JSON, also by lists as deep as can be."""
    values = json_file()

    def spoil(data: bytes, dice: random.Random, other: bytes) -> bytes:
        if dice.random() < 0.1:
            return data.replace(dice.choice((b"0", b"1", b'"')), DEEP + b',"', 1)
        return values(data, dice, other)

    return spoil


def _networks() -> dict[str, Any]:
    import torch

    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    return {"network": network, "optimiser": torch.optim.Adam(network.parameters())}


@functools.cache
def _trained() -> bytes:
    from wespe_bench.training import resume

    parts = _networks()
    parts["network"](__import__("torch").ones(1, 3)).sum().backward()
    parts["optimiser"].step()
    with tempfile.TemporaryDirectory() as folder:
        resume.save(Path(folder), 7, {"lr": 1e-4}, parts)
        return Path(folder, resume.NAME).read_bytes()


def _read_trained(folder: Path, data: bytes) -> Any:
    from wespe_bench.training import resume

    kept(folder, resume.NAME, data)
    return resume.restore(folder, {"lr": 1e-4}, _networks())


def _read_curves(folder: Path, data: bytes) -> Any:
    from reference_models import seeds
    from wespe_bench.reproduce import states
    from wespe_bench.training import curves

    (folder / "seed-0").mkdir(exist_ok=True)
    kept(folder, "train.csv", data)
    kept(folder / "seed-0", "train.csv", data)
    seeds.write_table(folder, [0])
    return states.last_iteration(folder), len(curves.summary(curves.read(folder)))


def _read_lock(folder: Path, data: bytes) -> Any:
    from wespe_bench.prepare import fetch

    return len(fetch.read_lock(kept(folder, "fetch.lock.json", data)))


def _some(found: Any) -> int:
    """How much was read; what is damaged counts for nothing there, which is a refusal."""
    if not found:
        raise InputError("nothing")
    return len(found)


def _read_journal(folder: Path, data: bytes) -> Any:
    from wespe_bench.reproduce import states

    kept(folder, states.JOURNAL, data)
    return _some(
        [
            one_line_errors.get("commands")
            for one_line_errors in states.read_journal(folder).values()
        ]
    )


def _read_rows(folder: Path, data: bytes) -> Any:
    from wespe_bench.journal import Journal

    kept(folder, "part-00000001.jsonl", data)
    return _some(Journal(folder).rows())


def _read_rated(folder: Path, data: bytes) -> Any:
    from ffs import score

    rows = score._read(kept(folder, "photos.csv", data))
    score._write(folder / "again.csv", rows)
    return len(rows)


def _crawls() -> list[bytes]:
    from ffs.settings import SCHEMA, Settings

    return [json.dumps({"wespe_bench_crawl": SCHEMA, **dataclasses.asdict(Settings())}).encode()]


def _read_crawl(folder: Path, data: bytes) -> Any:
    from ffs import settings

    kept(folder, settings.FILE, data)
    found = settings.read(folder)
    settings.write(folder, found or settings.Settings())
    return found


@functools.cache
def _state() -> bytes:
    from ffs.state import FILE, State

    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder))
        state.set("round", 3)
        state._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        state._db.execute("PRAGMA journal_mode = DELETE")
        state.close()
        return Path(folder, FILE).read_bytes()


def _read_state(folder: Path, data: bytes) -> Any:
    from ffs.state import FILE, State, one_line_errors

    for old in folder.glob(f"{FILE}*"):
        old.unlink()
    kept(folder, FILE, data)
    with one_line_errors(folder):
        state = State(folder)
        try:
            return state.get("round"), len(state.windows()), state.photo("1")
        finally:
            state.close()


def _replies() -> list[bytes]:
    reply = {"method": "flickr.photos.getSizes", "params": {"photo_id": "1"}, "at": 1.5}
    return [json.dumps(reply | {"text": "{}", "about": {"kind": "sizes", "id": "1"}}).encode()]


def _spoil_reply(data: bytes, dice: random.Random, other: bytes) -> bytes:
    if dice.random() < 0.5:
        return gzip.compress(_deep()(data, dice, other), 6, mtime=0)
    return damaged(gzip.compress(data, 6, mtime=0), dice, (b"\x1f\x8b\x08", _bomb()), other)


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(2**26), 6, mtime=0) * 32


def _read_reply(folder: Path, data: bytes) -> Any:
    from ffs.replies import Replies

    if data[:1] == b"{":
        data = gzip.compress(data)
    kept(folder, "00000001.json.gz", data)
    return Replies(folder).read(1).body()


def _features() -> list[bytes]:
    from ffs import frozen

    with tempfile.TemporaryDirectory() as folder:
        frozen._store(Path(folder), [(bytes([n] * 32), np.ones((2, 4), "f4")) for n in range(3)])
        return [next(Path(folder).glob("part-*")).read_bytes()]


def _read_features(folder: Path, data: bytes) -> Any:
    from ffs import frozen

    return _some(frozen._load(kept(folder, "part-0.safetensors", data).parent))


def _spoil_features(data: bytes, dice: random.Random, other: bytes) -> bytes:
    return damaged(
        data, dice, (b'"F32"', b'"I64"', b'"U8"', b'"shape":[', b"[]", b"\xff" * 8), other
    )


def _read_table5(folder: Path, data: bytes) -> Any:
    from reports.paper import study

    kept(folder, study.FILE, data)
    return len(study.grid(folder).entries)


_CELL = {"rival": "original", "dataset": "cityscapes", "share": 0.9, "spread": 0.04}
_TABLE5 = {
    "format": 1,
    "study": "of a test",
    "cells": [_CELL | {"low": 0.85, "high": 0.94, "votes": 266, "method": "WESPE"}],
}
_JOURNAL = {"steps": {"train wespe": {"commands": [["train", "wespe"]], "seconds": 1.5}}}

READERS: Sequence[Reader] = (
    Reader("training state", lambda: [_trained()], plainly(b"PK\3\4", b"\x80\2c"), _read_trained),
    Reader(
        "train.csv",
        _text("iteration,loss,psnr\n10,1.5,20\n20,1.25,21\n"),
        plainly(*whole.CELLS),
        _read_curves,
    ),
    Reader("fetch.lock.json", _json({"https://a.org/b.zip": _HASH}), _deep(), _read_lock),
    Reader("reproduce.json", _json(_JOURNAL), _deep(), _read_journal),
    Reader(
        "journal",
        _text('{"sample": "a/1", "offset": 0}\n{"sample": "b", "offset": 9}\n'),
        plainly(DEEP, b"\n", b'"', b"../x"),
        _read_rows,
    ),
    Reader(
        "scores of photos CSV",
        _text(f"photo,ffs,sha256,version\na/1.jpg,0.5,{_HASH},1\nb.png,0.25,{_HASH},1\n"),
        plainly(*whole.CELLS, b'"' + b"x" * 200_000),
        _read_rated,
    ),
    Reader("crawl.json", _crawls, _deep(), _read_crawl),
    Reader(
        "crawl.sqlite", lambda: [_state()], plainly(b"CREATE TRIGGER", b"\xff" * 9), _read_state
    ),
    Reader("crawl reply", _replies, _spoil_reply, _read_reply),
    Reader("kept features", _features, _spoil_features, _read_features),
    Reader("table5.json", _json(_TABLE5), _deep(), _read_table5),
)
