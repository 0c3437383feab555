"""Downloads from a server of our own: resumed, checked, and refused when wrong."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from wespe_bench import downloads
from wespe_bench.cli import call
from wespe_bench.datasets.source import Archive, sources
from wespe_bench.errors import InputError
from wespe_bench.prepare.fetch import fetch, private_name


def archive_bytes(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        member = zipfile.ZipInfo("photos/1.png")  # of one date: the same bytes a second later
        file.writestr(member, np.random.default_rng(seed).bytes(400_000))
    return buffer.getvalue()


DATA = archive_bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()


@dataclass
class Server:
    """What the server does, and what it was asked for."""

    url: str = ""
    data: bytes = DATA
    tag: str = '"one"'
    ranges: bool = True
    break_after: int = 0  # bytes of each answer, 0 for all of them
    status: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append((self.path, wanted))
            if state.status:
                self.send_error(state.status)
                return
            begin = 0
            if wanted and state.ranges and self.headers.get("If-Range") in (None, state.tag):
                match = re.fullmatch(r"bytes=(\d+)-", wanted)
                assert match
                begin = int(match[1])
                self.send_response(206)
                last = len(state.data) - 1
                self.send_header("Content-Range", f"bytes {begin}-{last}/{len(state.data)}")
            else:
                self.send_response(200)
            body = state.data[begin:]
            self.send_header("ETag", state.tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.break_after or None])

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/photos.zip"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def partial(server: Server, folder: Path, more: str = "") -> Path:
    return folder / f"{private_name(server.url)}.partial{more}"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(downloads, "_CHUNK", 10_000)


def test_in_one_go(server: Server, tmp_path: Path) -> None:
    archive = Archive(server.url, SHA256, len(DATA), "photos")
    folder, files = fetch(archive, tmp_path, tmp_path / "lock")
    assert (folder, files) == (tmp_path / "photos", 1)
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]  # no archive, no rest, no lock
    assert fetch(archive, tmp_path, tmp_path / "lock") == (folder, 0)
    assert len(server.asked) == 1


def test_a_server_that_breaks_off_is_asked_for_the_rest(server: Server, tmp_path: Path) -> None:
    server.break_after = 150_000
    archive = Archive(server.url, SHA256)
    fetch(archive, tmp_path, tmp_path / "lock", keep=True)
    assert (tmp_path / "photos.zip").read_bytes() == DATA
    begins = [0 if asked is None else int(asked[6:-1]) for _, asked in server.asked]
    assert len(begins) == 3
    assert begins == sorted(set(begins))
    assert begins[1] > 100_000


def test_half_a_download_is_kept_and_taken_up_by_the_next_command(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(server.url, SHA256)
    monkeypatch.setattr(downloads, "_TRIES", 1)
    server.break_after = 150_000

    def die(*_: object) -> None:
        raise KeyboardInterrupt  # as when the user has had enough

    monkeypatch.setattr(downloads.time, "sleep", die)
    with pytest.raises(KeyboardInterrupt):
        fetch(archive, tmp_path, tmp_path / "lock")
    half = (partial(server, tmp_path)).stat().st_size
    assert 0 < half < len(DATA)
    assert not (tmp_path / "photos").exists()
    server.break_after = 0
    fetch(archive, tmp_path, tmp_path / "lock")
    assert server.asked[-1] == ("/photos.zip", f"bytes={half}-")
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    server: Server, tmp_path: Path
) -> None:
    (partial(server, tmp_path)).write_bytes(b"old" * 1000)
    stamp = {"url": server.url, "stamp": '"old"'}
    (partial(server, tmp_path, ".json")).write_text(json.dumps(stamp))
    fetch(Archive(server.url, SHA256), tmp_path, tmp_path / "lock")
    assert server.asked == [("/photos.zip", "bytes=3000-")]
    assert (tmp_path / "photos" / "1.png").stat().st_size == 400_000


def test_a_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (partial(server, tmp_path)).write_bytes(DATA[:1000])
    stamp = {"url": server.url, "stamp": server.tag}
    (partial(server, tmp_path, ".json")).write_text(json.dumps(stamp))
    fetch(Archive(server.url, SHA256), tmp_path, tmp_path / "lock", keep=True)
    assert (tmp_path / "photos.zip").read_bytes() == DATA


def test_one_that_always_breaks_off_is_given_up(server: Server, tmp_path: Path) -> None:
    server.ranges, server.break_after = False, 150_000
    with pytest.raises(InputError, match=r"broke off.* bytes are kept, the same command goes on"):
        fetch(Archive(server.url, SHA256), tmp_path, tmp_path / "lock")


def test_wrong_bytes_are_thrown_away(server: Server, tmp_path: Path) -> None:
    server.data = archive_bytes(1)
    with pytest.raises(InputError, match=f"does not have the SHA-256 {SHA256}"):
        fetch(Archive(server.url, SHA256), tmp_path, tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=f"{len(server.data)} bytes there, expected 7"):
        fetch(Archive(server.url, SHA256, 7), tmp_path, tmp_path / "lock")


def test_the_hash_of_first_sight_holds(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "fetch.lock.json"
    folder, _ = fetch(Archive(server.url), tmp_path / "data", lock)
    assert "no published SHA-256" in capsys.readouterr().out
    assert json.loads(lock.read_text()) == {server.url: SHA256}
    folder.rename(tmp_path / "moved")
    server.data = archive_bytes(1)
    with pytest.raises(InputError, match=SHA256):
        fetch(Archive(server.url), tmp_path / "data", lock)
    lock.write_text("{")
    with pytest.raises(InputError, match=r"lock\.json: damaged"):
        fetch(Archive(server.url), tmp_path / "data", lock)


def test_what_was_refused_is_deleted_and_pins_nothing(server: Server, tmp_path: Path) -> None:
    lock = tmp_path / "fetch.lock.json"
    for data in (b"<html>please log in</html>", DATA[:-100]):
        server.data = data
        with pytest.raises(InputError, match=r"photos\.zip was thrown away: "):
            fetch(Archive(server.url), tmp_path, lock)
        assert list(tmp_path.iterdir()) == []
    server.data = DATA
    assert fetch(Archive(server.url), tmp_path, lock)[1] == 1
    (tmp_path / "photos").rename(tmp_path / "moved")
    server.data = archive_bytes(1)
    with pytest.raises(InputError, match=r"delete the line of this address in .*fetch\.lock\.json"):
        fetch(Archive(server.url), tmp_path, lock)


def test_the_users_own_files_are_left_alone(server: Server, tmp_path: Path) -> None:
    lock, mine = tmp_path / "fetch.lock.json", tmp_path / "photos.zip"
    mine.write_bytes(archive_bytes(5))
    fetch(Archive(server.url), tmp_path, lock)
    assert json.loads(lock.read_text()) == {server.url: SHA256}
    assert mine.read_bytes() == archive_bytes(5)
    (tmp_path / "photos").rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"photos\.zip is there already; move it away"):
        fetch(Archive(server.url), tmp_path, lock, keep=True)
    assert mine.read_bytes() == archive_bytes(5)


@pytest.mark.parametrize("url", ["http://", "http:///x.zip", "http://[::1", "http://h:x/y.zip"])
def test_texts_that_are_not_addresses(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no address; expected"):
        call("data fetch", [url, "--data", str(tmp_path)])


@pytest.mark.slow
def test_through_the_real_entry_point(command: Command, server: Server, tmp_path: Path) -> None:
    result = command("data", "fetch", server.url, "--sha256", SHA256, "--data", "data")
    assert result.returncode == 0, result.stderr
    assert "1 files -> data/photos" in result.stdout
    mirror = server.url.removesuffix("/photos.zip")
    for status, words in (
        (404, "DIV2K_train_HR.zip: the server says 404"),
        (0, f"DIV2K_train_HR.zip: {len(DATA)} bytes there, expected 3530603713"),
    ):
        server.status = status
        result = command("data", "fetch", "div2k", "--mirror", mirror, "--data", "data")
        assert result.returncode == 2
        line = result.stderr.splitlines()[-1]
        assert words in line, result.stderr
        assert "Traceback" not in result.stderr
    server.status, server.data = 0, b"<html>please log in</html>"
    result = command("data", "fetch", server.url + "?login", "--out", "new")
    assert result.returncode == 2
    assert "no zip or tar file" in result.stderr
    result = command("data", "fetch", "http://127.0.0.1:9/x.zip")
    assert result.returncode == 2
    assert "cannot be reached" in result.stderr


@pytest.mark.parametrize(
    "name", sorted(name for name, source in sources().items() if not source.archives)
)
def test_the_others_say_how_to_get_them(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="nothing was downloaded; get it by hand"):
        call("data fetch", [name, "--data", "here"])
    said = capsys.readouterr().out
    assert sources()[name].page in said
    assert sources()[name].get in said
