"""Two Ray nodes with a network between them that loses every packet for ten seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.conftest import entry_point
from tests.faults.drivers import COUNT, fill
from tests.faults.test_ray import SECRET, node, rows
from wespe_bench import store
from wespe_bench.cli import main
from wespe_bench.run import open_runs

HEAD, OTHER = "10.91.0.1", "10.91.0.2"

# Slow in the two networks, each of which has a file with a byte for each of its photos. The first
# photos wait for each other, so that both nodes have joined.
ENHANCER = """
import os, time
from pathlib import Path
def enhance(image):
    files = [Path(name) for name in FILES]
    for file in files:
        if file.name == str(os.stat("/proc/self/ns/net").st_ino):
            with file.open("a") as grows:
                grows.write("x")
            end = time.monotonic() + 60
            while not all(file.exists() for file in files) and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
    return 255 - image
"""


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Cable:
    """Two networks, ``head`` and ``other``, and the cable between them."""

    def __init__(self) -> None:
        self.ends = {f"head{os.getpid()}": HEAD, f"other{os.getpid()}": OTHER}
        self.head, self.other = (["ip", "netns", "exec", name] for name in self.ends)

    def plug(self) -> None:
        first, second = self.ends
        ip(
            "link",
            "add",
            "wire",
            "netns",
            first,
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            second,
        )
        for name, address in self.ends.items():
            ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            for device in ("lo", "wire"):
                ip("-n", name, "link", "set", device, "up")

    def cut(self) -> None:
        """Packets go to a card that does not exist, both ways: nobody hears of an error."""
        for name, peer in zip(self.ends, reversed(self.ends.values()), strict=True):
            nobody = ["lladdr", "02:00:00:00:00:99", "nud", "permanent"]
            ip("-n", name, "neigh", "replace", peer, *nobody, "dev", "wire")

    def mend(self) -> None:
        for name, peer in zip(self.ends, reversed(self.ends.values()), strict=True):
            ip("-n", name, "neigh", "delete", peer, "dev", "wire")


@pytest.fixture
def cable() -> Iterator[Cable]:
    needs.networks()
    made = Cable()
    try:
        for name in made.ends:
            ip("netns", "add", name)
        made.plug()
        yield made
    finally:
        for name in made.ends:
            subprocess.run(["ip", "netns", "delete", name], check=False)


# Ray waits longer than ten seconds for a node, if nobody says otherwise.
HASTY = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "2",
}


@pytest.mark.long
@pytest.mark.parametrize("given_up", [False, True], ids=["waited for", "given up"])
def test_a_node_is_cut_off_for_ten_seconds(
    cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_up: bool
) -> None:
    for name, value in (HASTY if given_up else {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    here, there = (tmp_path / str(Path("/run/netns", name).stat().st_ino) for name in cable.ends)
    Path("slow.py").write_text(ENHANCER.replace("FILES", repr([str(here), str(there)])))
    work = ["run", "--enhancers", "slow.py:enhance", "--input", "in", "--reference", "ref"]
    work += ["--metrics", "psnr", "bpp"]
    port = 6379
    wait = f"from tests.test_cluster_examples import await_port; await_port({port}, {HEAD!r})"
    whole = ("--head", f"--port={port}", f"--node-ip-address={HEAD}", "--include-dashboard=false")
    joined = (f"--address={HEAD}:{port}", f"--node-ip-address={OTHER}")
    with node(*whole, inside=cable.head), node(*joined, inside=cable.other):
        python = [*cable.head, sys.executable, "-c", wait]
        subprocess.run(python, cwd=Path(__file__).parents[2], check=True)
        engine = ["--engine", f"ray:{HEAD}:{port}", "--out", "cluster"]
        driver = subprocess.Popen(
            [*cable.head, *entry_point(), *work, *engine],
            env=os.environ | SECRET,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while driver.poll() is None and not there.exists():
                time.sleep(0.05)
            cable.cut()
            before = size(there)
            time.sleep(10)
            during, done = driver.poll(), size(there) - before
            cable.mend()
            _, errors = driver.communicate(timeout=300)
        finally:
            driver.kill()
    assert during is None, f"it was over before the cable was mended: {errors}"
    assert driver.returncode == 0, errors
    assert before and done <= 2  # what it had been given
    assert main([*work, "--jobs", "2", "--out", "alone"]) == 0
    assert rows(Path("alone"), Path("alone.csv")) == rows(Path("cluster"), Path("cluster.csv"))
    [run] = open_runs(Path("cluster")).found
    assert len(store.load(run.folder, "enhanced")) == COUNT
