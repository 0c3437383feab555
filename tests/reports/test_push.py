"""``push``: what arrives at a small Hub here, read with the classes of huggingface_hub."""

from __future__ import annotations

import base64
import dataclasses
import filecmp
import json
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ffs import manifest
from tests.conftest import Command
from tests.ffs.rated import make, write_rater
from tests.reports.runs import make_run
from tests.verbs import one_line

VALUES = {"psnr": [20.0, 21.0, 23.5], "ssim": [0.4, 0.5, 0.6]}
TOKEN = "hf_" + "a" * 34


class Hub:
    """The answers of a Hub that huggingface_hub asks for; what it got, by repository."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.made: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/api/repos/create":
            asked = json.loads(body)
            self.made.append(asked)
            name = f"{asked['organization']}/{asked['name']}"
            self.repositories[name] = {}
            place = "" if asked.get("type", "model") == "model" else f"{asked['type']}s/"
            return 200, {"url": f"https://huggingface.co/{place}{name}"}
        if path == "/api/validate-yaml":
            return 200, {}
        if found := re.fullmatch(r"/api/(?:model|space|dataset)s/([^/]+/[^/]+)/(\w+)/main", path):
            if found[2] == "preupload":
                files = [one["path"] for one in json.loads(body)["files"]]
                same = {"uploadMode": "regular", "shouldIgnore": False}
                return 200, {"files": [{"path": file, **same} for file in files]}
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.repositories[found[1]][line["value"]["path"]] = content
            commit = {"commitUrl": f"https://huggingface.co/{found[1]}/commit/1", "commitOid": "1"}
            return 200, {**commit, "success": True}
        return 404, {"error": f"no {path}"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.tokens.add(self.headers["authorization"])
            length = self.headers["content-length"]
            body = self.rfile.read(int(length)) if length else self._chunks()
            status, answer = made.answer(self.path.partition("?")[0], body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _chunks(self) -> bytes:
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def card(verb: Command, tmp_path: Path) -> Path:
    """A result card, with the mean PSNR 21.5 and SSIM 0.5."""
    make_run(tmp_path / "runs", "Mine", VALUES)
    assert verb("leaderboard", "--runs", "runs").returncode == 0
    return next((tmp_path / "runs/leaderboard/cards").glob("*/Mine/card.json"))


@pytest.fixture
def rater(tmp_path: Path) -> Path:
    """A rater's checkpoint and its card."""
    test = {"accuracy": 0.75, "n": 400, "auc": 0.8}
    file = write_rater(tmp_path / "rater.safetensors", test=test, training={"ratings": "r1"})
    (tmp_path / "MODEL_CARD.md").write_text("# A rater\n", "utf-8")
    return file


def _results(readme: str) -> set[tuple[str, str, str, float]]:
    from huggingface_hub import ModelCard

    data = ModelCard(readme).data
    assert data.library_name == "wespe-bench"
    return {
        (one.task_type, one.dataset_revision, one.metric_type, one.metric_value)
        for one in data.eval_results or ()
    }


def _visibility(hub: Hub) -> str:
    """As asked for at first; versions of huggingface_hub differ."""
    asked = hub.made[0]
    return str(asked.get("visibility") or ("private" if asked["private"] else "public"))


def test_a_model_arrives_with_its_results(verb: Command, hub: Hub, rater: Path, card: Path) -> None:
    done = verb("push", str(rater), "--scores", str(card), "--to", "me/rater")
    assert done.returncode == 0, done.stderr
    files = hub.repositories["me/rater"]
    revision = json.loads(card.read_text())["dataset"]["revision"]
    assert files["rater.safetensors"] == rater.read_bytes()
    assert files["cards/photos/Mine.json"] == card.read_bytes()
    readme = files["README.md"].decode()
    assert readme.endswith("---\n\n# A rater\n")
    assert _results(readme) == {
        ("image-classification", "r1", "accuracy", 0.75),
        ("image-classification", "r1", "roc_auc", 0.8),
        ("image-to-image", revision, "psnr", 21.5),
        ("image-to-image", revision, "ssim", 0.5),
    }
    assert _visibility(hub) == "private"
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_the_metadata_is_yaml_whatever_the_names(
    verb: Command, card: Path, rater: Path, tmp_path: Path
) -> None:
    import yaml

    content = json.loads(card.read_text())
    content["dataset"]["name"] = name = 'a: "b" # \U0001f600 ---'
    card.write_text(json.dumps(content))
    done = verb("push", str(rater), "--scores", str(card), "--out", "kept")
    assert done.returncode == 0, done.stderr
    _, head, _ = (tmp_path / "kept/README.md").read_text("utf-8").split("---\n", 2)
    assert yaml.safe_load(head)["model-index"][0]["results"][1]["dataset"]["name"] == name


def test_a_demo_model_needs_no_hub(verb: Command, tmp_path: Path) -> None:
    import reference_models.wespe

    model = Path(reference_models.wespe.__file__).with_name("demo.safetensors")
    done = verb("push", str(model), "--out", "kept")
    assert done.returncode == 0, done.stderr
    assert filecmp.cmp(tmp_path / "kept/demo.safetensors", model, shallow=False)
    assert _results((tmp_path / "kept/README.md").read_text("utf-8")) == set()


def test_pages_are_static_spaces(verb: Command, hub: Hub, card: Path, tmp_path: Path) -> None:
    from huggingface_hub import RepoCard

    assert verb("report", "runs", "--title", "Mine: all").returncode == 0
    assert verb("push", "runs", "--to", "me/page", "--public").returncode == 0
    files = hub.repositories["me/page"]
    assert files["index.html"] == (tmp_path / "runs/report.html").read_bytes()
    shown = {path.relative_to(tmp_path / "runs") for path in tmp_path.glob("runs/report_files/*")}
    assert set(files) == {"README.md", "index.html", *(path.as_posix() for path in shown)} and shown
    data = RepoCard(files["README.md"].decode()).data
    assert (data.sdk, data.app_file, data.title) == ("static", "index.html", "Mine: all")
    assert _visibility(hub) == "public" and hub.made[0]["sdk"] == "static"
    done = verb("push", "runs/leaderboard", "--to", "me/board")
    assert done.returncode == 0, done.stderr
    assert hub.repositories["me/board"]["cards/photos/Mine/card.json"] == card.read_bytes()
    shutil.rmtree(tmp_path / "runs/report_files")
    (tmp_path / "runs/report_files").symlink_to(tmp_path)
    one_line(verb("push", "runs", "--to", "me/page"), "report_files: a link")


def test_a_data_set_arrives_as_it_was_exported(verb: Command, hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    made = make(tmp_path / "ratings")
    free = [dataclasses.replace(photo, licence="cc0") for photo in made.photos]
    manifest.write(manifest.ratings(made.folder, free, made.threshold, 0, made.note))
    words = ["ffs", "export", "ratings", "--format", "huggingface", "--out", "share"]
    assert verb(*words).returncode == 0
    done = verb("push", "share", "--to", "me/photos")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("/datasets/me/photos\n")
    share = tmp_path / "share"
    files = {p.relative_to(share).as_posix(): p for p in share.rglob("*") if p.is_file()}
    assert hub.repositories["me/photos"] == {n: p.read_bytes() for n, p in files.items()}
    assert _visibility(hub) == "private" and hub.made[0]["type"] == "dataset"
    head = DatasetCard((share / "README.md").read_text("utf-8")).data
    assert head.task_categories == ["image-classification"]
    one_line(
        verb("push", "share", "--out", "kept"),
        "--out kept: a data set is sent as it lies in share; look",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rater.safetensors"], "--to OWNER/NAME, or a folder with --out"),
        (["rater.safetensors", "--to", "rater"], "--to rater: expected OWNER/NAME"),
        (["no.safetensors", "--out", "x"], "no.safetensors: no such file"),
        (["MODEL_CARD.md", "--out", "x"], "MODEL_CARD.md: not a model of wespe-bench"),
        ([".", "--out", "x"], "no page; make one with wespe-bench report"),
        ([".", "--out", "x", "--scores", "y"], "--scores is for a model"),
        (["alone/rater.safetensors", "--out", "x"], "its card is missing"),
    ],
)
def test_what_is_wrong_is_named(
    verb: Command, rater: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "alone").mkdir()
    shutil.copy(rater, tmp_path / "alone")
    one_line(verb("push", *words), said)


def test_a_hub_that_refuses(verb: Command, hub: Hub, rater: Path) -> None:
    hub.answer = lambda *_: (403, {"error": "not yours"})
    one_line(verb("push", str(rater), "--to", "me/rater"), "me/rater: not sent", "403")
