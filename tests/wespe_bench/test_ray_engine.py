"""The engine `ray`: what the local one promises, through actors of a Ray of its own."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.deaths import dying, unable
from wespe_bench import ray_connection
from wespe_bench.cli import main
from wespe_bench.engines import load_engine
from wespe_bench.errors import InputError
from wespe_bench.ray_connection import import_ray
from wespe_bench.ray_engine import load


@pytest.mark.slow
def test_every_item_once_whatever_dies(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    engine = load("?workers=2")
    outcomes = list(engine(dying, str(tmp_path), list(range(-1, 11)), jobs=1))
    assert sorted(outcome.item for outcome in outcomes) == list(range(-1, 11))
    failed = {outcome.item: outcome.error for outcome in outcomes if outcome.error}
    assert sorted(failed) == [-1, 3]
    assert "died 3 times" in failed[3] and "-1 is below zero" in failed[-1]
    assert (tmp_path / "3").read_text() == "xxx"
    # Relative paths mean the same on every node.
    assert {o.rows[0]["folder"] for o in outcomes if o.rows} == {str(Path.cwd())}
    assert len({o.rows[0]["process"] for o in outcomes if o.rows}) >= 2
    # Ray has one of its own.
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.slow
def test_setup_that_fails_is_fatal() -> None:
    outcomes = list(load_engine("ray")(unable, None, [1, 2], jobs=1, chunk=2))
    assert [(o.fatal, o.error) for o in outcomes] == 2 * [(True, "the model file is missing")]


@pytest.mark.slow
def test_rows_equal_the_local_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[Any] = []
    module = import_ray()
    start = module.init
    monkeypatch.setattr(module, "init", lambda **options: starts.append(start(**options)))
    tables = []
    for engine in ("local", "ray"):
        out = tmp_path / engine
        run = ["run", "--enhancers", "clahe", "--dataset", "samples", "--out", str(out)]
        assert main([*run, "--jobs", "2", "--engine", engine, "--metrics", "psnr", "bpp"]) == 0
        assert main(["export", "scores", str(out), "--out", str(tmp_path / f"{engine}.csv")]) == 0
        tables.append((tmp_path / f"{engine}.csv").read_text().replace(engine, ""))
        pngs = {p.name: p.read_bytes() for p in out.rglob("*.png") if "images" in p.parts}
        tables.append(repr(sorted(pngs.items())))
    assert tables[0] == tables[2] and tables[1] == tables[3]
    # One Ray enhanced and scored, and it has ended.
    assert len(starts) == 1 and not module.is_initialized()


@pytest.mark.parametrize(
    "spec", ["ray:?workers=two", "ray?gpus=-1", "ray?gpus=nan", "ray?workers=-1", "ray?cpus=1"]
)
def test_bad_options(spec: str) -> None:
    with pytest.raises(InputError, match="ray"):
        load_engine(spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ray?wrkers=2", r"^--engine ray\?wrkers=2: no option 'wrkers=2' \(did you mean"),
        ("ray?workers=1&workers=2", "workers is given twice"),
        ("ray:127.0.0.1", r"^--engine ray:127\.0\.0\.1: expected ray:HOST:PORT"),
        ("ray:head:port", "expected ray:HOST:PORT"),
    ],
)
def test_what_is_wrong_with_a_spec(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_engine(spec)


def test_an_unknown_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "demo", "--engine", "rya"]) == 2
    assert "unknown engine 'rya' (did you mean 'ray'?)" in capsys.readouterr().err


def test_no_cluster_there() -> None:
    # Port 1 answers nobody; --engine says where it looked instead of a traceback.
    with pytest.raises(InputError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        list(load("127.0.0.1:1")(unable, None, [1], jobs=1))


@pytest.mark.parametrize(
    ("known", "line"),
    [("127.0.0.1:1", r"no Ray cluster answers at \S+:1 "), ("", "no Ray cluster is known")],
)
def test_the_cluster_that_was_here_last_has_ended(
    known: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray._private import services

    monkeypatch.setattr(services, "find_gcs_addresses", set)  # of other tests
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if known:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(known)
    with pytest.raises(InputError, match=line):
        list(load("auto")(unable, None, [1], jobs=1))


@pytest.mark.slow
def test_a_head_that_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    # Connections are taken, as the system does for a process that hangs, and nothing is said.
    monkeypatch.setattr(ray_connection, "ANSWER", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InputError, match=rf"{address} takes connections, but no Ray .* in 1 s"):
            list(load(address)(unable, None, [1], jobs=1))


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="--extra ray"):
        load("")
