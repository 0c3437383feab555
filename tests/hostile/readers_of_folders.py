"""How run folders, networks of features and data sets' trees are damaged, and read."""

from __future__ import annotations

import functools
import io
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from tests.hostile import whole
from tests.hostile.mutate import damaged
from tests.hostile.reader import Reader, plainly
from tests.hostile.readers_of_photos import kept
from wespe_bench.errors import InputError, printable


@functools.cache
def _samples() -> bytes:
    from wespe_bench import store

    rows = [
        {"sample": f"s{n}", "path": f"/p/{n}.png", "sha256": f"{n:064x}"}
        | {"reference": None, "reference_sha256": None}
        for n in range(20)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store.write_samples(Path(folder), rows)
        return Path(folder, "samples.parquet").read_bytes()


def _read_pieces(folder: Path, data: bytes) -> Any:
    """The rows of samples.parquet and of scores, a piece at a time, are those read at once."""
    from wespe_bench import provenance, store, store_pieces

    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    (run / "scores").mkdir(parents=True)
    name = f"part-00000001-{provenance.sha256_bytes(data)[:32]}.parquet"
    where = run / "scores" / name
    if b"image_sha256" not in data and b"reference_sha256" in data:
        where = run / "samples.parquet"
    where.write_bytes(data)
    if where.parent != run:
        (run / "samples.parquet").write_bytes(_samples())
    found = [len(piece.scores) for piece in store_pieces.pieces(run)]
    known = set(store.load_samples(run)["sample"])
    scores = store.load(run, "scores")["sample"]
    assert sum(found) == sum(sample in known for sample in scores)
    return found


@functools.cache
def _networks() -> list[bytes]:
    """Means over places: an operator, a weight within the file, and attributes."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 224, 224])
    found = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])
    weight = numpy_helper.from_array(np.ones((3, 5), np.float32), "w")
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["a"]),
        helper.make_node("Flatten", ["a"], ["b"], axis=1),
        helper.make_node("MatMul", ["b", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [given], [found], [weight])
    opset = [helper.make_opsetid("", 13)]
    file = io.BytesIO()
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), file)
    return [file.getvalue()]


def _read_network(folder: Path, data: bytes) -> Any:
    """What is read of the file by us, and the features that onnxruntime gives."""
    from ffs import feature_networks
    from wespe_bench import onnx_file

    path = kept(folder, "x.onnx", data)
    for file in onnx_file.external_files(path, data):
        assert isinstance(file, Path)
    onnx_file.in_training(data)
    return feature_networks.start("onnx", file=path, normalisation="0..1")[1]


#: A data set, and a tree in its layout: a file a line, with the width that its header states.
_TREES = {
    "dped:iphone": [
        *(f"dped/iphone/test_data/patches/{s}/{n}.png" for s in ("iphone", "canon") for n in "01"),
        "dped/iphone/test_data/full_size_test_images/0.png",
    ],
    "kitti": [
        f"kitti/2011_09_26/2011_09_26_drive_000{d}_extract/image_0{c}/data/000000000{n}.png"
        for d in "12"
        for c in "23"
        for n in "01"
    ],
    "kitti:object": [f"kitti/training/image_2/00000{n}.png" for n in "012"],
    "cityscapes": [
        f"cityscapes/leftImg8bit/{part}/{city}/{city}_00000{n}_000019_leftImg8bit.png"
        for part, city in (("train", "aachen"), ("val", "munster"))
        for n in "01"
    ],
    "div2k": ["div2k/DIV2K_train_HR/0001.png", "div2k/DIV2K_valid_HR/0801.png"],
    "lol": [f"lol/our485/{side}/2.png" for side in ("low", "high")],
}


def _trees() -> list[bytes]:
    return [
        "\n".join([name, *(f"100 {path}" for path in paths)]).encode()
        for name, paths in _TREES.items()
    ]


_NAMES = (
    *(b"\n64 ", b"\n0 ", b"/", b" ", b"..", b".png", b".PNG", b".jpg", b"\xc3\xa9", b"\xff"),
    *(b"\n100 kitti/", b"/copy/", b"999999999999", b"\n-1 ", b"\t", b"aachen", b"image_02"),
)


def _spoil_tree(data: bytes, dice: random.Random, other: bytes) -> bytes:
    head, _, lines = data.partition(b"\n")
    return head + b"\n" + damaged(lines, dice, _NAMES, other)


@functools.cache
def _png(width: int) -> bytes:
    import numpy as np

    from wespe_bench.images import encode_png

    return encode_png(np.zeros((40, width, 3), np.uint8))


def _read_tree(folder: Path, data: bytes) -> Any:
    """What `data check` says of the tree, and what is loaded of it."""
    from wespe_bench import load_dataset
    from wespe_bench.prepare.check import check

    name, *lines = data.split(b"\n")
    root = folder / "data"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for line in lines[:200]:
        width, _, path = line.partition(b" ")
        _put(root, path.decode("utf-8", "surrogateescape"), width)
    answers: list[Callable[[], Any]] = [
        lambda: len(check(name.decode(), root, quiet=True).faults),
        lambda: len(load_dataset(name.decode(), data=root).samples),
    ]
    found = []
    for answer in answers:
        try:
            found.append(answer())
        except InputError as error:
            found.append(printable(str(error)))  # as the command line shows names of files
    if not any(isinstance(one, int) for one in found):
        raise InputError(found[-1])
    return found


def _put(root: Path, name: str, width: bytes) -> None:
    """A file of the tree: a PNG of the width, or bytes that are none where it is no number."""
    parts = [part for part in PurePosixPath(name.replace("\0", "")).parts if part not in "/.."]
    if not parts:
        return
    path = root.joinpath(*parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if width == b"0":
            path.mkdir()
        else:
            path.write_bytes(
                _png(int(width)) if width.isdigit() and 0 < int(width[:9]) < 1000 else width
            )
    except OSError:  # a name too long, a file where a folder should be
        return


READERS: Sequence[Reader] = (
    Reader("run in pieces", lambda: [_samples(), *whole.parts()], plainly(b"PAR1"), _read_pieces),
    Reader(
        "ONNX of features", _networks, plainly(b"location", b"\x82", b"\xff" * 9), _read_network
    ),
    Reader("data set's tree", _trees, _spoil_tree, _read_tree),
)
