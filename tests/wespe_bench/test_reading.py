"""Files that are none, and text that is deeper than any program writes: an error, never a wait."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wespe_bench.datasets import trees
from wespe_bench import load_dataset, provenance, reading
from wespe_bench.cli import call
from wespe_bench.datasets import headers, locations, manifest, packed
from wespe_bench.datasets.simulator import Camera
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.prepare import fetch
from wespe_bench.prepare.make import make
from wespe_bench.store import read_run

DEEP = "[" * 200_000


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize(
    "read", [read_rgb, manifest.read, provenance.sha256_file, headers.photo_size]
)
def test_no_pipe_or_device_is_waited_for(read: Callable[[Path], Any], pipe: Path) -> None:
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="not a regular file"):
            read(path)


def test_an_archive_or_a_list_of_folders_that_is_a_pipe(pipe: Path, tmp_path: Path) -> None:
    for more in ([], ["--sha256", "0" * 64]):
        with pytest.raises(InputError, match="not a regular file"):
            call("data fetch", [str(pipe), "--data", str(tmp_path), *more])
    pipe.rename(tmp_path / locations.FILE)
    with pytest.raises(InputError, match="not a regular file"):
        locations.named(tmp_path)


def test_links_to_pipes_are_left_out(pipe: Path, tmp_path: Path) -> None:
    folder = trees.camera(tmp_path / "set", 2)
    (folder / "p.png").symlink_to(pipe)
    (folder / "zero.png").symlink_to("/dev/zero")
    with pytest.warns(UserWarning, match="neither file nor folder"):
        assert len(load_dataset("folder", input=folder)) == 2


@pytest.mark.parametrize("schema", ["Infinity", "1e999", "true", "-4", "null", "[]", '"1"'])
@pytest.mark.parametrize(
    ("read", "name"), [(read_run, "run.json"), (packed.read_head, "pack.json")]
)
def test_strange_layout_numbers(
    read: Callable[[Path], Any], name: str, schema: str, tmp_path: Path
) -> None:
    head = {"files": {"input": "i"}, "index": "i", "index_sha256": "", "left_out": {}}
    text = json.dumps(head | {"dataset": {"name": "n", "revision": "r"}, "schema": 0})
    (tmp_path / name).write_text(text.replace('"schema": 0', f'"schema": {schema}'))
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path)


def test_endlessly_nested_text(photos: Path, tmp_path: Path) -> None:
    for name in ("run.json", "pack.json", "manifest.json", "lock", locations.FILE):
        (tmp_path / name).write_text(DEEP if name != locations.FILE else f"a={'[' * 20_000}")
    dataset = load_dataset("folder", input=photos)
    for read, words in (
        (lambda: read_run(tmp_path), "damaged"),
        (lambda: packed.read_head(tmp_path), "damaged"),
        (lambda: make(dataset, tmp_path, Camera()), "damaged"),
        (lambda: manifest.read(tmp_path / "manifest.json"), "not a manifest"),
        (lambda: fetch.read_lock(tmp_path / "lock"), "damaged"),
        (lambda: locations.named(tmp_path), "not TOML"),
    ):
        with pytest.raises(InputError, match=words):
            read()


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert reading.read_json(tmp_path / "a.json") == {"a": 1}


def test_a_file_the_user_names(tmp_path: Path, pipe: Path) -> None:
    there = tmp_path / "a.csv"
    there.write_bytes(b"\xef\xbb\xbfa\r\n\xc3\xa9")
    assert reading.wanted_bytes(there) == there.read_bytes()
    assert reading.wanted_text(there) == "a\r\n\xe9"
    none, strange = tmp_path / "none", tmp_path / "latin.csv"
    strange.write_bytes(b"\xe9")
    for read, line in (
        (lambda: reading.wanted_bytes(none), f"{none}: no such file"),
        (lambda: reading.wanted_bytes(none, name="it"), "it: no such file"),
        (lambda: reading.wanted_text(none, missing="make it"), "make it"),
        (lambda: reading.wanted_bytes(pipe), f"{pipe}: cannot be read (not a regular file)"),
        (lambda: reading.wanted_text(tmp_path), f"{tmp_path}: cannot be read (Is a directory)"),
        (lambda: reading.wanted_text(strange), f"{strange}: not a text file in UTF-8"),
        (
            lambda: reading.wanted_text(strange, strange="save it again"),
            f"{strange}: save it again",
        ),
    ):
        with pytest.raises(InputError) as found:
            read()
        assert str(found.value) == line
