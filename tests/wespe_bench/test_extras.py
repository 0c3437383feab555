"""Without the extras: what scoring needs works, and what is missing is said in one line."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from wespe_bench.errors import EXTRAS, InputError, lacking, require
from wespe_bench.verbs import VERBS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

HELP = f"""
from wespe_bench.cli import main
for verb in {list(VERBS)}:
    assert main([*verb.split(), "--help"]) == 0, verb
"""


SCORING = """
from wespe_bench.cli import main
for verb in (
    "run --dataset samples --enhancers identity tone:demo --metrics psnr ssim --jobs 0 --out out",
    "leaderboard --runs out",
    "figures out --photos chelsea --methods identity",
):
    assert main(verb.split()) == 0, verb
"""


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line, or code, in a process that finds no package of `EXTRAS`."""
    site = tmp_path / "site"
    site.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.partition(".")[0] not in EXTRAS and not entry.name.endswith(".pth"):
            (site / entry.name).symlink_to(entry)

    def run(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
        code = code or "from wespe_bench.cli import main; sys.exit(main(sys.argv[1:]))"
        start = f"import sys; sys.path += [{str(site)!r}, {str(ROOT)!r}]\n{code}"
        return subprocess.run(
            [sys.executable, "-S", "-c", start, *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            check=False,
        )

    return run


def test_core_is_small_and_each_extra_is_declared() -> None:
    assert len(PROJECT["dependencies"]) <= 20
    owners = importlib.metadata.packages_distributions()
    for module, extra in EXTRAS.items():
        if module == "requests":  # pooch brings it
            continue
        (package,) = set(owners[module])
        names = [re.split("[>=;]", line)[0] for line in PROJECT["optional-dependencies"][extra]]
        assert package.lower().replace("_", "-") in names
        assert f"wespe-bench[{extra}]" in str(lacking(module))


def test_require(monkeypatch: pytest.MonkeyPatch) -> None:
    require("choix")
    monkeypatch.setitem(EXTRAS, "no_such_module", "study")
    with pytest.raises(InputError, match=r"no_such_module is not installed.*bench\[study\]"):
        require("no_such_module")


@pytest.mark.slow
def test_scoring_works_without_extras(
    bare: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = bare(code=HELP)
    assert done.returncode == 0, done.stderr
    done = bare(code=SCORING)
    assert done.returncode == 0, done.stderr
    assert "| identity |" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["ffs", "crawl", "--photos", "3"], "crawl"),
        (["data", "fetch", "div2k"], "data"),
        (["data", "check", "camera:.", "--verify"], "data"),
    ],
)
def test_a_missing_extra_is_named(
    bare: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    extra: str,
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "0" * 32)
    done = bare(*words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"pip install 'wespe-bench[{extra}]'" in line
