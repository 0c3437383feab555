"""A store that stops answering: said, given up by a limit, and the same command resumes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from wespe_bench import paths, patience, store
from wespe_bench.cli import main
from wespe_bench.paths import to_path


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
    with pytest.raises(TimeoutError, match=r"given up: the store gave no answer for \d+ s"):
        paths.write_bytes(to_path(f"{bucket}/new.png"), b"x")
    s3fs.S3FileSystem.clear_instance_cache()
