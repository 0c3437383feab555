"""A Ray cluster of processes on this machine: a node joins, dies, and every row is there once."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import entry_point
from tests.faults.drivers import COUNT
from tests.test_cluster_examples import await_port, free_port
from wespe_bench import store
from wespe_bench.cli import main
from wespe_bench.run import open_runs

SECRET = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
}


@contextmanager
def node(*arguments: str, inside: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A node of one worker; it and all its processes are gone at the end.

    ``inside`` is the start of a command line that runs the rest in a network of its own.
    """
    ray = str(Path(sys.executable).parent / "ray")
    command = [*inside, ray, "start", "--block", "--num-cpus=1"]
    process = subprocess.Popen(
        [*command, *arguments], env=os.environ | SECRET, start_new_session=True
    )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a node's raylet and workers, as when its machine loses power."""
    import psutil

    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
    process.wait(30)


def rows(run: Path, target: Path) -> str:
    assert main(["export", "scores", str(run), "--out", str(target)]) == 0
    return target.read_text().replace(run.name, "RUN")


@pytest.mark.long
def test_a_node_joins_and_is_killed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    work = ["run", "--enhancers", "slow.py:enhance", "--input", "in", "--reference", "ref"]
    work += ["--metrics", "psnr", "bpp", "--jobs", "2"]
    assert main([*work, "--out", "alone"]) == 0
    port = free_port()
    address = f"127.0.0.1:{port}"
    with node("--head", f"--port={port}", "--include-dashboard=false"):
        await_port(port)
        again = [*entry_point(), *work, "--out", "cluster", "--engine", f"ray:{address}"]

        def drive_until(share: int) -> subprocess.Popen[bytes]:
            driver = subprocess.Popen(again, env=os.environ | SECRET)
            while driver.poll() is None and len(list(found.rglob("images/*.png"))) < share:
                time.sleep(0.02)
            assert driver.poll() is None, "it was over before anything could die"
            return driver

        found = Path("cluster")
        driver = drive_until(COUNT // 5)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        with node(f"--address={address}") as second:
            driver = drive_until(COUNT // 2)
            end(second)
            assert driver.wait(300) == 0
    assert rows(Path("alone"), place / "alone.csv") == rows(Path("cluster"), place / "cluster.csv")
    [run] = open_runs(Path("cluster")).found
    assert len(store.load(run.folder, "enhanced")) == COUNT
