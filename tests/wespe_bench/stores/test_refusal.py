"""Folders that a store refuses to list are named, and never left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wespe_bench import paths
from wespe_bench.cli import main
from wespe_bench.paths import to_path


@pytest.fixture
def closed(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The bucket, in which folders called ``closed`` may not be listed."""
    import s3fs

    listed = s3fs.S3FileSystem._ls

    async def ls(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
        if path.endswith("/closed"):
            raise PermissionError("Access Denied")
        return await listed(self, path, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_ls", ls)
    s3fs.S3FileSystem.clear_instance_cache()  # each has its methods from its beginning
    yield bucket
    s3fs.S3FileSystem.clear_instance_cache()


def test_photos_are_refused(closed: str, capsys: pytest.CaptureFixture[str]) -> None:
    photos = to_path(f"{closed}/photos")
    for folder in ("closed", "open"):
        paths.write_bytes(photos / folder / "x.png", paths.read_bytes(photos / "img1.png"))
    words = ["enhance", "identity", "--jobs", "0", "--input"]
    for folder, line in (
        ("photos", f"{closed}/photos/closed: cannot be listed; is it yours to read?"),
        (
            "photos/closed",
            "the store refuses it: PermissionError: Access Denied; see the keys it is given",
        ),
    ):
        assert main([*words, f"{closed}/{folder}", "--out", "run"]) == 2
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1 and line in error
    assert main([*words, f"{closed}/photos/open", "--out", "run"]) == 0


def test_runs_are_left_out_by_name(closed: str, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("open", "closed"):
        out, here = f"{closed}/runs/{folder}", ["--jobs", "0"]
        assert (
            main(["enhance", "identity", "--input", f"{closed}/photos", "--out", out, *here]) == 0
        )
        assert main(["score", out, "--metrics", "entropy", *here]) == 0
    capsys.readouterr()
    assert main(["export", "scores", f"{closed}/runs", "--out", "scores.csv"]) == 3
    found = capsys.readouterr()
    assert "4 rows of 1 runs" in found.out
    assert f"{closed}/runs/closed cannot be listed, so its runs are left out" in found.err
