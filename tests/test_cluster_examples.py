"""The examples for clusters, in small: each script as it stands, on this machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wespe_bench.cli import main
from wespe_bench.images import write_png

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(7):
        image = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        write_png(tmp_path / "photos" / f"p{number}.png", image)
    return tmp_path / "photos"


def run(script: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """A script of examples/, with this environment's programs first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", str(EXAMPLES / script), *arguments],
        env=os.environ | {"PATH": path} | variables,
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def done(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def rows(folder: Path, target: Path) -> pd.DataFrame:
    assert main(["export", "scores", str(folder), "--out", str(target)]) == 0
    return pd.read_csv(target).sort_values(["sample", "metric"]).reset_index(drop=True)


def whole(photos: Path, out: Path) -> pd.DataFrame:
    """What one machine makes of the photos."""
    arguments = ["run", "--enhancers", "auto_levels", "--input", str(photos), "--out", str(out)]
    assert main([*arguments, "--metrics", "entropy", "bpp", "--jobs", "0"]) == 0
    return rows(out, out.parent / "whole.csv")


@pytest.mark.slow
def test_a_slurm_array_gives_the_whole(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    for task in ("1", "2"):
        slurm = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2"}
        done(run("slurm_array.sh", str(photos), str(out), "auto_levels", **slurm))
    expected = whole(photos, tmp_path / "whole")
    found = rows(out, tmp_path / "shards.csv")
    assert len(found) == 14
    some = ["sample", "metric", "value", "image_sha256"]
    pd.testing.assert_frame_equal(found[some], expected[some])


@pytest.mark.slow
def test_a_ray_cluster_gives_the_whole(photos: Path, tmp_path: Path) -> None:
    port = free_port()
    ray = str(Path(sys.executable).parent / "ray")
    quiet = {"RAY_USAGE_STATS_ENABLED": "0"}
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    start = [ray, "start", "--head", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    # Blocking, so that this cluster can be ended and no other one.
    head = subprocess.Popen([*start, "--block"], env=os.environ | quiet | secret)
    try:
        await_port(port)
        out = str(tmp_path / "ray")
        address = f"127.0.0.1:{port}"
        wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        refused = run("ray_cluster.sh", address, str(photos), out, "auto_levels", **wrong)
        _, errors = refused.communicate(timeout=60)
        lines = [line for line in errors.splitlines() if line and "photo/s" not in line]
        assert refused.returncode == 2 and len(lines) == 1, errors
        assert f"the Ray cluster at {address} refuses our token" in lines[0]
        done(run("ray_cluster.sh", address, str(photos), out, "auto_levels", **secret))
    finally:
        head.terminate()
        head.wait(60)
    expected = whole(photos, tmp_path / "whole")
    found = rows(tmp_path / "ray", tmp_path / "ray.csv")
    some = ["sample", "metric", "value", "image_sha256"]
    pd.testing.assert_frame_equal(found[some], expected[some])


@pytest.mark.slow
def test_two_nodes_train_one_network(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for side in ("x", "y"):
        for number in range(4):
            image = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
            write_png(tmp_path / side / f"{number}.png", image)
    small = "--iterations 3 --warmup 1 --batch 4 --patch 32 --width 4 --blocks 1 --disc-width 4"
    small += " --vgg random --content-layer relu1_2 --device cpu"
    train = ["train", "wespe", "--source", str(tmp_path / "x"), "--target", str(tmp_path / "y")]
    train += [*small.split(), "--out", str(tmp_path / "trained")]
    together = {"HEAD": "127.0.0.1", "NODES": "2", "PORT": str(free_port())}
    nodes = [run("torchrun_two_nodes.sh", *train, NODE=str(i), **together) for i in range(2)]
    for node in nodes:
        done(node)
    assert (tmp_path / "trained" / "generator.safetensors").is_file()
    assert len(pd.read_csv(tmp_path / "trained" / "train.csv")) == 2


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def await_port(port: int, host: str = "127.0.0.1") -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            return socket.create_connection((host, port), timeout=1).close()
        time.sleep(0.1)
    raise TimeoutError(port)
