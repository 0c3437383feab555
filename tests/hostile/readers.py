"""What `tests.hostile.fuzz` feeds: every reader we wrote, with whole files to begin from.

A reader is a name, whole files (`seeds`), a way to damage one (`spoil`) and a way to read the
result (`read`), which raises nothing but InputError. Where a checksum would stop every change
at the door, ``spoil`` seals half of them again.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.hostile import photos, readers_of_folders, readers_of_states, readers_of_studies, whole
from tests.hostile.mutate import damaged, revalued
from tests.hostile.reader import Reader, json_file, plainly
from tests.hostile.readers_of_photos import (
    kept,
    read_archive,
    read_photo,
    spoil_archive,
    spoil_png,
)

# Checkpoints -----------------------------------------------------------------------------


def _spoil_index(data: bytes, dice: random.Random, other: bytes) -> bytes:
    from tests.oracles import bundle

    if dice.random() < 0.4:
        return damaged(data, dice, (bundle.MAGIC,), other)
    entries = whole.bundle_entries()
    number = dice.randrange(len(entries))
    parts = list(entries[number])
    which = dice.randrange(2)
    parts[which] = damaged(parts[which], dice, (), entries[-1][1])
    entries[number] = (parts[0][:5000], parts[1][:5000])
    if dice.random() < 0.3:
        entries += entries[-1:] * dice.randrange(1, 50)
    return bundle.table(entries)


def _read_index(folder: Path, data: bytes) -> Any:
    from reference_models.dped.importer import convert

    (folder / "x.index").write_bytes(data)
    (folder / "x.data-00000-of-00001").write_bytes(whole.bundle_data())
    return convert(folder / "x", folder / "x.safetensors").parameters


def _spoil_tensors(data: bytes, dice: random.Random, other: bytes) -> bytes:
    """Safetensors: its bytes, its header's values, or its card's."""
    chance = dice.random()
    if chance < 0.35:
        return damaged(data, dice, (b'"F32"', b'"dtype"', b"__metadata__"), other)
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length].decode(), data[8 + length :]
    if chance < 0.65:
        text = json.dumps(revalued(header, dice))
    else:
        content = json.loads(header)
        card = revalued(content["__metadata__"]["card"], dice)
        content["__metadata__"]["card"] = json.dumps(card)
        text = json.dumps(content)
    return len(text).to_bytes(8, "little") + text.encode() + rest


def _read_generator(folder: Path, data: bytes) -> Any:
    from reference_models import checkpoints

    return checkpoints.read(kept(folder, "x.safetensors", data))[1].width


def _read_tone(folder: Path, data: bytes) -> Any:
    from reference_models.tone.enhancer import tone

    return tone(str(kept(folder, "x.safetensors", data))).about["model"]


def _read_cornia(folder: Path, data: bytes) -> Any:
    from wespe_bench.metrics import cornia

    return cornia.load(str(kept(folder, "x.safetensors", data))).title


def _read_rater(folder: Path, data: bytes) -> Any:
    from ffs import checkpoints, scorer

    path = kept(folder, "x.safetensors", data)
    card = checkpoints.read_card(path)[0]
    return card.title, scorer.described(card, path)


def _spoil_mat(data: bytes, dice: random.Random, other: bytes) -> bytes:
    head, body = data[:128], damaged(data[128:], dice, whole.MAT_TAGS, other)
    if dice.random() < 0.5:
        small = zlib.compress(body)
        body = struct.pack("<II", 15, len(small)) + small
    return head + body


def _read_mat(folder: Path, data: bytes) -> Any:
    from wespe_bench import matlab
    from wespe_bench.errors import InputError

    path = kept(folder, "x.mat", data)
    found = matlab.read(path)
    for name, value in found.items():
        with contextlib.suppress(InputError):
            matlab.matrix(value, (None, None), name, path)
        with contextlib.suppress(InputError):
            matlab.field(value, "rho", path)
    return len(found)


def _read_matconvnet(folder: Path, data: bytes) -> Any:
    from wespe_bench import vgg_files

    return len(vgg_files.read_matconvnet(kept(folder, "x.mat", data)))


# Lists, manifests, cards -----------------------------------------------------------------


def _seal_manifest(content: Any) -> None:
    from wespe_bench.datasets import manifest

    rows = tuple(manifest._row(entry) for entry in content["photos"])
    content["revisions"] = manifest._revisions(rows)


def _read_manifest(folder: Path, data: bytes) -> Any:
    from wespe_bench.datasets import manifest

    return len(manifest.read(kept(folder, "x.json", data)).rows)


def _spoil_ratings(data: bytes, dice: random.Random, other: bytes) -> bytes:
    from ffs import manifest

    head, _, table = data.partition(b"\0")
    if dice.random() < 0.5:
        return damaged(table, dice, whole.CELLS, other) + b"\0" + head
    lines = [line.split(",") for line in table.decode().splitlines()]
    line = lines[dice.randrange(1, len(lines))]
    line[dice.randrange(len(line))] = dice.choice(whole.CELLS).decode(errors="replace")
    text = "\n".join(",".join(cells) for cells in lines) + "\n"
    content = revalued(head.decode(), dice) if dice.random() < 0.5 else json.loads(head)
    with contextlib.suppress(Exception):
        rows = [manifest._photo([manifest.unarmed(c) for c in cells]) for cells in lines[1:]]
        content["revision"] = manifest.revision(rows)
    return text.encode() + b"\0" + json.dumps(content).encode()


def _read_ratings(folder: Path, data: bytes) -> Any:
    from ffs import manifest

    table, _, head = data.partition(b"\0")
    (folder / manifest.TABLE).write_bytes(table)
    (folder / manifest.HEAD).write_bytes(head)
    return len(manifest.read(folder).photos)


def _seal_card(content: Any) -> None:
    from reports import cards

    content["scores_sha256"] = cards._digest([content["samples"], content["scores"]])


def _read_card(folder: Path, data: bytes) -> Any:
    from reports import cards

    return len(cards.read_card(kept(folder, "x.json", data)).rows())


def _read_iqa(folder: Path, data: bytes) -> Any:
    from wespe_bench.cornia import iqa

    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"")
    better = "" if b"dis_img_path" in data else "higher"
    return len(iqa.read_list(kept(folder, "x.csv", data), better=better).photos)


def _read_rated(folder: Path, data: bytes) -> Any:
    from ffs import rated

    return len(rated.read_csv(kept(folder, "x.csv", data)))


def _read_head(folder: Path, data: bytes) -> Any:
    from wespe_bench import store
    from wespe_bench.errors import InputError

    kept(folder, "run.json", data)
    kept(folder, "pack.json", data)
    from wespe_bench.datasets import packed

    with contextlib.suppress(InputError):
        packed.read_head(folder)
    return store.read_run(folder)["label"]


def _read_places(folder: Path, data: bytes) -> Any:
    from wespe_bench.datasets import locations

    kept(folder, locations.FILE, data)
    return len(locations.named(folder))


def _read_part(folder: Path, data: bytes) -> Any:
    from wespe_bench import provenance, store

    parts = folder / "run" / "scores"
    parts.mkdir(parents=True, exist_ok=True)
    for old in parts.iterdir():
        old.unlink()
    name = f"part-00000001-{provenance.sha256_bytes(data)[:32]}.parquet"
    (parts / name).write_bytes(data)
    return len(store.load(folder / "run", "scores"))


_CSV = plainly(*whole.CELLS)

READERS: Sequence[Reader] = (
    Reader("TensorFlow bundle", lambda: [whole.bundle_index()], _spoil_index, _read_index),
    Reader("generator checkpoint", whole.generators, _spoil_tensors, _read_generator),
    Reader("tone file", whole.tones, _spoil_tensors, _read_tone),
    Reader("CORNIA model", whole.cornias, _spoil_tensors, _read_cornia),
    Reader("rater card", whole.raters, _spoil_tensors, _read_rater),
    Reader(".mat", whole.mats, _spoil_mat, _read_mat),
    Reader("MatConvNet .mat", whole.matconvnets, _spoil_mat, _read_matconvnet),
    Reader("manifest", whole.manifests, json_file(_seal_manifest), _read_manifest),
    Reader("rated photos", whole.ratings, _spoil_ratings, _read_ratings),
    Reader("run card", whole.cards, json_file(_seal_card), _read_card),
    Reader("run.json, pack.json", whole.heads, json_file(), _read_head),
    Reader("store part", whole.parts, plainly(b"PAR1"), _read_part),
    Reader("wespe-data.toml", whole.places, plainly(b"[" * 500, b"=", b'"""', b"\0"), _read_places),
    Reader("list of ratings CSV", whole.lists, _CSV, _read_iqa),
    Reader("views and faves CSV", whole.faves, _CSV, _read_rated),
    Reader("photo", photos.photos, spoil_png, read_photo),
    Reader("zip, tar", whole.archives, spoil_archive, read_archive),
    *readers_of_studies.READERS,
    *readers_of_states.READERS,
    *readers_of_folders.READERS,
)

BY_NAME = {reader.name: reader for reader in READERS}


@functools.cache
def _seeds(name: str) -> list[bytes]:
    return BY_NAME[name].seeds()


def spoilt(name: str, seed: int, number: int) -> bytes:
    """The bytes of one attempt: the same for the same reader, seed and number."""
    dice = random.Random(f"{seed}/{name}/{number}")
    seeds = _seeds(name)
    return BY_NAME[name].spoil(dice.choice(seeds), dice, dice.choice(seeds))


def attempt(name: str, seed: int, number: int, folder: str) -> str:
    """One attempt, in the folder; what the reader gave, as text."""
    data = spoilt(name, seed, number)
    return str(BY_NAME[name].read(Path(folder), data))[:200]


def check_seeds(name: str, folder: str) -> int:
    """How many whole files the reader reads; raises what it raises."""
    for data in _seeds(name):
        if name == "rated photos":
            head, _, table = data.partition(b"\0")
            data = table + b"\0" + head
        BY_NAME[name].read(Path(folder), data)
    return len(_seeds(name))
