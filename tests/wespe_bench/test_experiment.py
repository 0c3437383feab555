"""``run --config FILE``: options from a file, and the file that repeats a run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Command
from tests.verbs import one_line
from wespe_bench import cli, experiment
from wespe_bench.images import write_png
from wespe_bench.suites import _REPEAT, RunSuite


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A folder of one small photo."""
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    write_png(tmp_path / "photos" / "a.png", pixels)
    return tmp_path / "photos"


def test_an_experiment_is_repeated_by_its_file(verb: Command, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "exp.toml").write_text(
        'input = "photos"\nenhancers = ["identity", "Flat=equalize"]\nmetrics = ["entropy"]\n'
        'input-suffix = ""\njobs = 0\nout = "one"\n'
    )
    first = verb("run", "--config", "exp.toml", "--metrics", "entropy", "bpp")
    assert first.returncode == 0, first.stderr
    kept = tmp_path / "one" / "photos" / "Flat" / experiment.FILE
    said = tomllib.loads(kept.read_text())
    assert said == {
        "input": "photos",
        "enhancers": ["identity", "Flat=equalize"],
        "metrics": ["entropy", "bpp"],
        "input_suffix": "",
    }
    again = verb("run", "--config", kept, "--jobs", "0", "--out", "two")
    assert again.returncode == 0, again.stderr
    scores = [verb("export", "scores", out, "--out", f"{out}.csv") for out in ("one", "two")]
    assert all(done.returncode == 0 for done in scores)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (tmp_path / "two" / "photos" / "Flat" / experiment.FILE).read_text() == kept.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("enhancer = ['identity']", ["unknown option 'enhancer'", "did you mean 'enhancers'?"]),
        ("enhancers = 'identity'", ["enhancers", 'a list of texts: ["a", "b"]']),
        ("jobs = true", ["jobs", "a whole number"]),
        ("suite = 3", ["suite", "a text in quotes"]),
        ("stretch = 1", ["stretch", "true or false"]),
        ("suite = demo", ["exp.toml: not TOML"]),
        ("config = 'exp.toml'", ["unknown option 'config'"]),
        ("input = ''\nenhancers = ['identity']", ["--input is empty"]),
    ],
)
def test_mistakes_in_the_file(verb: Command, tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "exp.toml").write_text(text)
    one_line(verb("run", "--config=exp.toml"), *words)


def test_a_file_that_is_not_there(verb: Command) -> None:
    one_line(verb("run", "--config", "exp.toml"), "--config exp.toml: No such file")
    one_line(verb("run", "--config"), "--config requires an argument")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXT, enhancers=st.lists(TEXT, max_size=3), stretch=st.booleans())
def test_what_is_written_is_read(
    tmp_path: Path, name: str, enhancers: list[str], stretch: bool
) -> None:
    asked = RunSuite(name=name, enhancers=tuple(enhancers), stretch=stretch)
    experiment.write(tmp_path, asked, _REPEAT)
    assert experiment.read(RunSuite, tmp_path / experiment.FILE) == asked


def test_quiet_and_verbose(verb: Command, photo: Path, tmp_path: Path) -> None:
    words = ("run", "--enhancers", "identity", "--input", "photos", "--jobs", "0", "--metrics")
    loud = verb(*words, "entropy", "--out", "a")
    quiet = verb(*words, "entropy", "-q", "--out", "b")
    assert "photo/s" in loud.stderr
    assert (quiet.returncode, quiet.stderr) == (0, "")
    wrong = verb("-v", *words, "entropi")
    assert wrong.returncode == 2
    assert "Traceback" in wrong.stderr
    assert wrong.stderr.splitlines()[-1].startswith("wespe-bench: error: unknown metric")
    one_line(verb(*words, "entropi"), "unknown metric")


def test_help_has_no_colours_with_no_color(verb: Command) -> None:
    result = verb("run", "--help", env={"NO_COLOR": "1", "FORCE_COLOR": "1", "HOME": "/"})
    assert result.returncode == 0
    assert "\x1b[3" not in result.stdout


def test_the_example_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "command-line.md"
    block = page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "exp.toml").write_text(block)
    config = cli.settings("run", ["--config", str(tmp_path / "exp.toml"), "--out", "runs/x"])
    assert (config.suite, config.out) == ("demo", "runs/x")
    assert config.enhancers == ("Mine=mine.py:enhance",)
