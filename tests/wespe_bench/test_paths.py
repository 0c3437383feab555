"""Photos, manifests and runs in a store: a real S3 protocol over loopback, by moto's server."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import Command, entry_point
from wespe_bench import load_scores, paths, patience, provenance, store
from wespe_bench.cli import main
from wespe_bench.errors import InputError
from wespe_bench.paths import to_path

METRICS = ["--metrics", "psnr", "bpp", "--jobs", "0"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def photos(photos: Path) -> Path:
    """Four photos are enough here: each costs many requests."""
    for number in (5, 6):
        (photos / f"img{number}.png").unlink()
    return photos


@pytest.fixture
def bucket(
    server: str, monkeypatch: pytest.MonkeyPatch, photos: Path, references: Path, tmp_path: Path
) -> str:
    """A bucket with the photos below photos/ and their references below truth/."""
    import s3fs

    for name, value in (
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.chdir(tmp_path)
    name = f"lab-{tmp_path.name.replace('_', '-').lower()}"[:60].rstrip("-")
    s3fs.S3FileSystem().mkdir(name)
    root = to_path(f"s3://{name}")
    for side, folder in (("photos", photos), ("truth", references)):
        for photo in folder.iterdir():
            paths.write_bytes(root / side / photo.name, photo.read_bytes())
    return f"s3://{name}"


def run_verb(bucket: str, out: str, *more: str) -> list[str]:
    sides = ["--input", f"{bucket}/photos", "--reference", f"{bucket}/truth"]
    return ["run", "--enhancers", "identity", "clahe", *sides, *METRICS, "--out", out, *more]


def rows(runs: str, target: Path) -> bytes:
    assert main(["export", "scores", runs, "--out", str(target)]) == 0
    return target.read_bytes()


@pytest.mark.slow
def test_all_in_a_store_gives_the_rows_of_files(
    bucket: str, photos: Path, references: Path, tmp_path: Path, capsys: Any
) -> None:
    local = ["--input", str(photos), "--reference", str(references), "--out", "here"]
    assert main(["run", "--enhancers", "identity", "clahe", *local, *METRICS]) == 0
    assert main(run_verb(bucket, f"{bucket}/runs")) == 0
    here = rows("here", tmp_path / "here.csv")
    assert rows(f"{bucket}/runs", tmp_path / "there.csv") == here
    # A run there, photos here, and the other way around.
    assert main(["run", "--enhancers", "clahe", *local[:-1], f"{bucket}/mixed", *METRICS]) == 0
    assert main(run_verb(bucket, "mixed")) == 0
    assert rows("mixed", tmp_path / "mixed.csv") == here
    capsys.readouterr()
    assert main(run_verb(bucket, f"{bucket}/runs")) == 0
    assert "0 results new, 8 there already; 0 scored" in capsys.readouterr().out
    reports = [
        to_path(f"{root}/report.md").read_text("utf-8") for root in (f"{bucket}/runs", "here")
    ]
    tables = [[line for line in report.splitlines() if "|" in line] for report in reports]
    assert tables[0] == tables[1] and any("clahe" in line for line in tables[0])


@pytest.mark.slow
def test_what_reads_runs_reads_them_there(bucket: str, tmp_path: Path, capsys: Any) -> None:
    runs = f"{bucket}/runs"
    assert main(run_verb(bucket, runs)) == 0
    assert main(["compare", "clahe", "identity", "--runs", runs, "--out", str(tmp_path)]) == 0
    assert "clahe against identity" in capsys.readouterr().out
    assert (tmp_path / "compare-clahe-identity.png").exists()
    assert main(["leaderboard", "--runs", runs]) == 0
    assert to_path(f"{runs}/leaderboard/leaderboard.html").is_file()
    assert main(["tables", "2", "--runs", runs]) == 0
    assert main(["figures", runs, "--out", str(tmp_path / "figures")]) == 0
    assert list((tmp_path / "figures").rglob("*.png"))
    assert main(["merge", runs, "--out", str(tmp_path / "copy")]) == 0
    assert main(["merge", str(tmp_path / "copy"), "--out", f"{bucket}/copy"]) == 0
    whole = rows(runs, tmp_path / "one.csv")
    assert rows(f"{bucket}/copy", tmp_path / "two.csv") == whole
    assert rows(str(tmp_path / "copy"), tmp_path / "three.csv") == whole


@pytest.mark.slow
def test_shards_and_changed_objects(bucket: str, photos: Path, tmp_path: Path, capsys: Any) -> None:
    out = f"{bucket}/runs"
    for shard in ("1/2", "2/2"):
        assert main(run_verb(bucket, out, "--shard", shard)) == 0
    assert len(load_scores(out)) == 2 * 4 * 2
    changed = to_path(f"{bucket}/photos/img3.png")
    paths.write_bytes(changed, (photos / "img4.png").read_bytes())
    capsys.readouterr()
    assert main(run_verb(bucket, out)) == 0
    assert "2 results new, 6 there already; 2 scored" in capsys.readouterr().out
    paths.write_bytes(changed, b"no photo")
    assert main(run_verb(bucket, out)) == 3
    assert f"{changed}: not a photo" in capsys.readouterr().err


SLOW = """
import time
def enhance(image):
    time.sleep(0.3)
    return 255 - image
"""


@pytest.mark.slow
def test_killed_and_resumed_in_a_store(bucket: str, tmp_path: Path, verb: Command) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    work = ["enhance", "slow.py:enhance", "--input", f"{bucket}/photos", "--jobs", "2", "--out"]
    assert verb(*work, "here").returncode == 0
    process = subprocess.Popen([*entry_point(), *work, f"{bucket}/run"], cwd=tmp_path)
    images = to_path(f"{bucket}/run/images")
    while not (images.is_dir() and paths.names(images)):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    result = verb(*work[:-3], "--jobs", "0", "--out", f"{bucket}/run")
    assert result.returncode == 0, result.stderr
    columns = ["sample", "input_sha256", "image_sha256"]
    there, here = (
        store.load(run, "enhanced")[columns]
        for run in (to_path(f"{bucket}/run"), tmp_path / "here")
    )
    assert there.equals(here)
    assert len(there) == 4


def test_a_manifest_and_a_camera_in_a_store(bucket: str, photos: Path, capsys: Any) -> None:
    split = ["data", "split", f"camera:{bucket}/photos", "--test", "2", "--out"]
    assert main([*split, f"{bucket}/split.json"]) == 0
    assert main(["data", "split", f"camera:{photos}", "--test", "2", "--out", "split.json"]) == 0
    assert to_path(f"{bucket}/split.json").read_bytes() == Path("split.json").read_bytes()
    assert not Path("s3:").exists()
    spec = f"camera:{bucket}/photos?split=test&manifest={bucket}/split.json"
    assert main(["enhance", "identity", "--dataset", spec, "--jobs", "0", "--out", "run"]) == 0
    assert "2 photos enhanced" in capsys.readouterr().out


def test_what_lies_in_a_store_besides_photos(bucket: str, capsys: Any) -> None:
    import s3fs

    fs = s3fs.S3FileSystem()
    root = to_path(f"{bucket}/odd")
    png = to_path(f"{bucket}/photos/img1.png").read_bytes()
    for name in ("a#1?.png", "deep/er/b.png", ".hidden/x.png", ".y.png", "note.txt"):
        paths.write_bytes(root / name, png)
    paths.write_bytes(root / "done" / "run.json", b"{}")
    paths.write_bytes(root / "done" / "images" / "c.png", png)
    assert main(["enhance", "identity", "--input", str(root), "--jobs", "0", "--out", "run"]) == 0
    assert list(store.load(Path("run"), "enhanced")["sample"]) == ["a#1?", "deep/er/b"]
    assert main(["enhance", "identity", "--input", f"{bucket}/none", "--jobs", "0"]) == 2
    assert f"no such folder: {bucket}/none" in capsys.readouterr().err
    for number, key in enumerate(("x\\y.png", "a::b.png", "../up.png")):
        fs.pipe_file(f"{bucket}/bad{number}/{key}", png)
        assert main(["enhance", "identity", "--input", f"{bucket}/bad{number}", "--jobs", "0"]) == 2
        assert "; rename it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://", "expected s3://BUCKET/FOLDER"),
        ("s3:///photos", "expected s3://BUCKET/FOLDER"),
        ("http://127.0.0.1/photos", "http://...: no store; known: s3://, gs://, hf://"),
        ("file:///etc", "file://...: no store"),
        ("s3://lab/x::file:///etc", "'::' has no meaning"),
        ("s3://no-such-bucket-anywhere/photos", "no such folder"),
    ],
)
def test_addresses_that_lead_nowhere(
    bucket: str, capsys: pytest.CaptureFixture[str], address: str, message: str
) -> None:
    assert main(["enhance", "identity", "--input", address, "--jobs", "0"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.slow
def test_a_store_that_does_not_answer(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    assert main(["enhance", "identity", "--input", f"{bucket}/photos", "--jobs", "0"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "Could not connect to the endpoint" in line
    s3fs.S3FileSystem.clear_instance_cache()


class Relay:
    """Between a client and the store; forwards nothing more after ``most`` requests."""

    def __init__(self, server: str, most: int) -> None:
        host, port = server.removeprefix("http://").split(":")
        self._server, self._left = (host, int(port)), most
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            there, back = self._socket.accept()[0], socket.create_connection(self._server)
            for pair in ((there, back, True), (back, there, False)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._left -= asks and data[:4] in (b"GET ", b"HEAD", b"PUT ")
                if self._left < 0:
                    return  # the connection stays open, and nothing is answered
                sink.sendall(data)


# Silent at once, at the hashes, at the photos, at those of workers.
@pytest.mark.parametrize(("most", "jobs"), [(0, "0"), (5, "0"), (9, "0"), (9, "2")])
def test_a_store_that_falls_silent_ends_the_verb_once(
    bucket: str,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    most: int,
    jobs: str,
) -> None:
    import s3fs

    relay = Relay(server, most)
    quick = {"config_kwargs": {"read_timeout": 1}}
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", relay.address)
    monkeypatch.setenv("FSSPEC_S3", json.dumps(quick))  # for the workers
    monkeypatch.setattr(patience, "options", lambda scheme: quick)
    monkeypatch.setattr(patience, "_SAY_AFTER", 0.2)
    monkeypatch.setattr(patience, "_last_said", -patience._SAY_EVERY)
    s3fs.S3FileSystem.clear_instance_cache()
    work = ["-q", "enhance", "identity", "--input", f"{bucket}/photos", "--jobs", jobs, "--out"]
    assert main([*work, "run"]) == 2
    lines = capsys.readouterr().err.splitlines()
    given_up = lines[-1]
    assert given_up.startswith(f"wespe-bench: error: {bucket}/photos")
    assert ": given up: the store gave no answer for " in given_up
    assert given_up.endswith("; what is done is kept, the same command resumes")
    assert sum("given up: " in line for line in lines) == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    s3fs.S3FileSystem.clear_instance_cache()
    assert main([*work, "run"]) == 0
    assert len(store.load(Path("run"), "enhanced")) == 4
    s3fs.S3FileSystem.clear_instance_cache()


def test_after_one_silence_no_other_photo_is_asked_for(bucket: str) -> None:
    asked = []

    def ask(path: Path) -> None:
        asked.append(path)
        time.sleep(0.05)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        list(paths.each(ask, [to_path(f"{bucket}/{number}.png") for number in range(100)]))
    assert len(asked) <= paths._AT_ONCE


def test_an_upload_that_is_never_asked_for_is_given_up(
    bucket: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(patience, "_UPLOAD", 1.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", Relay(server, 0).address)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(TimeoutError, match="given up: the store gave no answer for 1 s"):
        paths.write_bytes(to_path(f"{bucket}/new.png"), b"x")
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    "command",
    [
        "data make --input s3://lab/photos --out made",
        "data make --input photos --out s3://lab/made",
        "data pack --input s3://lab/photos --out packed",
        "data check camera:s3://lab/photos",
        "data check camera:photos --out s3://lab/check.csv",
        "data register --input s3://lab/photos --reference truth --out pairs",
        "data preview --input photos --out s3://lab/preview.jpg",
        "data fetch div2k --out http://lab/div2k",
        "study build --runs s3://lab/runs --method clahe --out study",
        "study serve s3://lab/study",
        "ffs score photos --out s3://lab/ffs.csv",
        "figures runs --out http://lab/figures",
        "reproduce --plan --out s3://lab/paper",
        "demo --out s3://lab/demo",
        "run --dataset samples --enhancers clahe --data s3://lab",
        "run --input photos --enhancers results:s3://lab/results",
        "run --input photos --enhancers clahe onnx:s3://lab/net.onnx",
        "train wespe --source camera:s3://lab/photos --target camera:photos",
        "leaderboard --add s3://lab/card.json",
    ],
)
def test_verbs_that_need_a_disk_refuse_addresses(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.chdir(photos.parent)
    words = command.split()
    assert main(words) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "a path of this machine is needed here, not an address" in line
    assert [path.name for path in photos.parent.iterdir()] == ["photos"]


def test_a_data_folder_in_a_store(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("WESPE_DATA", "s3://lab/data")
    assert main(["data", "list"]) == 2
    assert "WESPE_DATA=s3://lab/data: expected a folder of this machine" in capsys.readouterr().err


@pytest.mark.slow
def test_a_part_that_cannot_be_read_now_is_not_called_damaged(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert main(run_verb(bucket, f"{bucket}/runs")) == 0
    capsys.readouterr()
    real = paths.read_bytes

    def refused(path: Path) -> bytes:
        if path.suffix == ".parquet":
            raise PermissionError(13, "the store refuses it", str(path))
        return real(path)

    monkeypatch.setattr(paths, "read_bytes", refused)
    assert main(["export", "scores", f"{bucket}/runs", "--out", "x.csv"]) == 2
    message = capsys.readouterr().err
    assert "cannot be read (the store refuses it); run again once it can" in message
    assert "delete" not in message


def test_an_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import upath  # noqa: F401

    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=r"^gs://bucket/photos: needs uv sync --extra gs"):
        to_path("gs://bucket/photos")


def test_hashes_are_kept_by_the_stores_version(bucket: str, monkeypatch: Any) -> None:
    path = to_path(f"{bucket}/photos/img1.png")
    first = provenance.sha256_file(path)

    def read(_: Path) -> bytes:
        raise AssertionError("fetched again")

    with monkeypatch.context() as context:
        context.setattr(paths, "read_bytes", read)
        assert provenance.sha256_file(path) == first
    paths.write_bytes(path, path.read_bytes()[:-1] + b"!")
    assert provenance.sha256_file(path) != first


def test_work_on_this_machine_loads_none_of_it(photos: Path, command: Command) -> None:
    code = (
        "import sys; from wespe_bench.cli import main\n"
        "assert main(['run', '--enhancers', 'identity', '--input', 'photos', '--metrics', "
        "'entropy', '--out', 'run', '--jobs', '0']) == 0\n"
        "assert not {'upath', 's3fs', 'botocore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=photos.parent, check=True)
