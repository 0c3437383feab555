"""The adapters in examples/ and the commands that they and the pages on adapters show."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from wespe_bench.images import write_png

ROOT = Path(__file__).parent.parent
ADAPTERS = sorted((ROOT / "examples" / "adapters").glob("*.py"))
PAGE = "".join(page.read_text("utf-8") for page in (ROOT / "docs/how-to").glob("network-*.md"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with examples/ as in the repository, and two photos."""
    folder = tmp_path_factory.mktemp("adapters")
    (folder / "examples").symlink_to(ROOT / "examples")
    rng = np.random.default_rng(0)
    for name in ("day", "night"):
        photo = rng.integers(20, 200, (22, 31, 3), np.uint8)
        write_png(folder / "photos" / f"{name}.png", photo)
    return folder


@pytest.fixture(scope="module")
def exported(folder: Path) -> Path:
    """The same, with the networks that export.py makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["export.py", str(folder / "exported")])
        runpy.run_path(str(folder / "examples/adapters/export.py"), run_name="__main__")
    return folder


def _specs(text: str) -> list[str]:
    """What the commands of a text say after --enhancers, for files of examples/."""
    lines = re.findall(r"wespe-bench run --enhancers (.*)", text)
    return [shlex.split(line)[0].replace("cmd:python ", f"cmd:{sys.executable} ") for line in lines]


SPECS = [spec for path in ADAPTERS for spec in _specs(path.read_text("utf-8"))]
SPECS += [spec for spec in _specs(PAGE) if "exported/" in spec]


def _runs(verb: Command, spec: str, folder: Path, out: Path) -> Path:
    """Run an adapter over both photos; the run's folder."""
    words = ["--input", "photos", "--metrics", "bpp", "--jobs", "0", "--out", out]
    result = verb("run", "--enhancers", spec, *words, cwd=folder)
    assert result.returncode == 0, result.stderr
    (run,) = out.glob("*/*/run.json")
    assert run.parent.name == spec.partition("=")[0]
    assert len(list((run.parent / "images").glob("*.png"))) == 2
    return run.parent


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "exported/" not in spec])
def test_an_adapter_runs(folder: Path, tmp_path: Path, verb: Command, spec: str) -> None:
    run = _runs(verb, spec, folder, tmp_path)
    if run.name == "Own":
        about = json.loads((run / "run.json").read_text("utf-8"))["about"]
        assert about["note"] == "gamma 0.8"


@pytest.mark.slow
@pytest.mark.parametrize("spec", [spec for spec in SPECS if "exported/" in spec])
def test_an_exported_network_runs(exported: Path, tmp_path: Path, verb: Command, spec: str) -> None:
    _runs(verb, spec, exported, tmp_path)


def test_every_kind_has_one() -> None:
    kinds = {spec.partition("=")[2].partition(":")[0].rpartition(".")[2] for spec in SPECS}
    assert kinds == {"py", "cmd", "pt2", "onnx", "torchscript"}


@pytest.mark.slow
def test_the_three_files_are_one_network(exported: Path) -> None:
    from wespe_bench.images import read_rgb
    from wespe_bench.registry import load_enhancer

    photo = read_rgb(exported / "photos" / "day.png")
    results = [
        load_enhancer(f"{kind}:{exported / 'exported' / name}?output=1&multiple=4")(photo)
        for kind, name in (
            ("torchscript", "network.ts"),
            ("pt2", "network.pt2"),
            ("onnx", "network.onnx"),
        )
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-5)
    assert np.abs(results[0] - photo / 255).max() > 0.01


def test_the_page_names_every_hook_and_setting() -> None:
    from reference_models.network_files import _OPTIONS

    for name in (*_OPTIONS, "for_sample", "batch", "about", "check", "inspect"):
        assert f"`{name}" in PAGE, name
