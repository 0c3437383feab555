"""Every example in every --help is run, on small inputs; those that are not have their reason."""

from __future__ import annotations

import glob
import inspect
import platform
import re
import shlex
import sys
from pathlib import Path

import pytest

from docs.verb_pages import OUTPUTS
from tests import help_inputs
from tests.conftest import Command
from tests.reference_models.trainings import DPED, WESPE
from wespe_bench import atomic, cli
from wespe_bench.verbs import VERBS


def examples(verb: str) -> list[str]:
    """The commands in a verb's help, after "wespe-bench"."""
    doc = inspect.getdoc(getattr(cli._module(VERBS[verb].module), VERBS[verb].config)) or ""
    return re.findall(r"^ +(?:[A-Z_]+=\S+ )?wespe-bench (.*)$", doc, flags=re.MULTILINE)


ALL = list(dict.fromkeys(example for verb in VERBS for example in examples(verb)))

#: Why an example is not run here, and where what it does is tested.
NOT_RUN = {
    "demo": "tests/test_readme.py runs it, in a process of its own",
    "demo --train": "trains for minutes; tests/reference_models/test_demo.py has fewer steps",
    'reproduce --go --official models_orig/ --only "*iphone*"': (
        "trains for hours; tests/wespe_bench/reproduce/test_go.py runs it in little"
    ),
    "reproduce --mini --go": "takes minutes; tests/wespe_bench/reproduce/test_mini.py has less",
    "study serve study": "serves until it is stopped; tests/wespe_bench/study/test_serving.py",
    "study serve study --host 0.0.0.0 --port 8765": "serves the network until it is stopped",
    "data fetch div2k": "downloads gigabytes; tests/wespe_bench/prepare/test_fetch.py has a server",
    "ffs train ratings/ --mode full --vgg torchvision --head 4096": (
        "needs torchvision's VGG-19 weights, a download of 548 MB; tests/ffs/test_training.py"
    ),
    "ffs crawl --out data/ffs --photos 16000": "asks Flickr; tests/ffs/test_crawl.py has a server",
    "push generator.safetensors --scores card.json --to me/wespe": (
        "sends to the Hub; tests/reports/test_push.py has a server"
    ),
    "import hosa HOSA_release/": "needs the authors' files; tests/wespe_bench/cornia has them",
}

#: Options that make an example small; its own words stay before them.
_TINY = {
    "train wespe": WESPE[WESPE.index("--width") :],
    "train dped": DPED[DPED.index("--width") :],
}
SMALLER = {
    **{f"{verb} ": [*words, "--iterations", "1"] for verb, words in _TINY.items()},
    "run --suite demo --enhancers": ["--only", "identity", "--metrics", "psnr"],
    "run --suite demo --only": ["--metrics", "psnr"],
    "time ": ["--size", "48x32", "--repeats", "3", "--warmup", "3"],
    "ffs train ": ["--vgg", "random", "--width", "2", "--prep", "native", "--device", "cpu"],
    "cornia fit ": ["--words", "12", "--samples", "4000", "--held-out", "0.4"],
    "ffs build mine.csv": ["--size", "224x224", "--validation", "4", "--test", "4"],
    "ffs build data/ffs": ["--validation", "4", "--test", "4"],
}

#: An example of each verb -> the file with what it prints, for the documentation.
SHOWN = {
    run[0]: OUTPUTS / f"{verb.replace(' ', '-')}.txt"
    for verb in VERBS
    if (run := [e for e in examples(verb) if e not in NOT_RUN and f"{e} ".startswith(f"{verb} ")])
}
#: What these print depends on the machine, so only the first line is compared.
OF_THE_MACHINE = ("doctor", "time", "completion")


@pytest.mark.slow
@pytest.mark.parametrize("example", [example for example in ALL if example not in NOT_RUN])
def test_an_example_runs(
    example: str,
    verb: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    undrawn: None,
    pytestconfig: pytest.Config,
) -> None:
    monkeypatch.setenv("WESPE_DATA", "data")  # wrapped alike wherever tmp_path is
    monkeypatch.chdir(tmp_path)
    help_inputs.make(example, tmp_path)
    words = shlex.split(example.partition(" > ")[0])
    if words[-1] == "votes-*.json":  # a shell would do it
        words[-1:] = sorted(glob.glob(words[-1]))
    more = [word for start in SMALLER if example.startswith(start) for word in SMALLER[start]]
    words += more
    if "jobs" in inspect.signature(_config(words)).parameters:
        words += ["--jobs", "0"]
    done = verb(*words)
    # The small data set has fewer photos than the real one, which is a fault.
    assert done.returncode == (3 if example == "data check dped:iphone" else 0), done.stderr
    if file := SHOWN.get(example):
        text = (
            f"$ wespe-bench {example} {shlex.join(more)}".rstrip()
            + f"\n{_shown(done.stdout, tmp_path)}"
        )
        if pytestconfig.getoption("--rewrite-golden"):
            atomic.write_text(file, text)
        lines = 2 if file.stem in OF_THE_MACHINE else None
        assert _form(text)[:lines] == _form(file.read_text("utf-8"))[:lines], "--rewrite-golden"


def _shown(text: str, folder: Path) -> str:
    """What was printed, as documentation shows it: no paths of this machine, not too long."""
    text = text.replace(f"{folder}/", "").replace(sys.prefix, ".venv")
    text = text.replace(platform.platform(), platform.system())
    lines = [line if len(line) < 1500 else f"{line[:300]} [...]" for line in text.splitlines()]
    more = [f"[shortened here: {len(lines) - 30} more lines]"] if len(lines) > 60 else []
    return "\n".join([*(lines[:30] if more else lines), *more]) + "\n"


def _form(text: str) -> list[str]:
    """The lines of a text without numbers, and without what their length changes."""
    text = re.sub(r"[-+\N{MINUS SIGN}]?\d[\w.:+-]*", "0", text)
    return [" ".join(re.sub(r"-{2,}", "--", line).split()) for line in text.splitlines()]


@pytest.mark.parametrize("verb_name", ["run", "study build", "data register"])
def test_examples_can_be_pasted_from_a_narrow_terminal(
    verb_name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert cli.main([*verb_name.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {f"  wespe-bench {example}" for example in examples(verb_name)} <= set(lines)


def test_outputs_are_of_the_examples_that_help_shows() -> None:
    assert {file.name for file in SHOWN.values()} == {file.name for file in OUTPUTS.glob("*")}
    for example, file in SHOWN.items():
        command = file.read_text("utf-8").partition("\n")[0]
        assert f"{command} ".startswith(f"$ wespe-bench {example} "), file


def _config(words: list[str]) -> type:
    verb = " ".join(words[:2]) if " ".join(words[:2]) in VERBS else words[0]
    found: type = getattr(cli._module(VERBS[verb].module), VERBS[verb].config)
    return found


def test_reasons_are_of_examples() -> None:
    assert set(NOT_RUN) <= set(ALL)
