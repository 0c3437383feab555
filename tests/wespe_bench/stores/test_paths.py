"""Photos, manifests and runs in a store: a real S3 protocol over loopback, by moto's server."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command, entry_point
from wespe_bench import load_scores, paths, provenance, store
from wespe_bench.cli import main
from wespe_bench.errors import InputError
from wespe_bench.paths import to_path

pytestmark = pytest.mark.usefixtures("undrawn")
METRICS = ["--metrics", "psnr", "bpp", "--jobs", "0"]


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
