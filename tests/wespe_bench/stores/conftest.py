"""A bucket with photos: a real S3 protocol over loopback, by moto's server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from wespe_bench import paths
from wespe_bench.paths import to_path


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
