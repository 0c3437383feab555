"""The real entry point, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Command
from tests.verbs import one_line
from wespe_bench import registry, store
from wespe_bench.cli import VERBS, main
from wespe_bench.images import write_png


def test_import_is_light() -> None:
    code = (
        "import sys, wespe_bench\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'skimage', 'PIL', 'pyarrow', 'cyclopts'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "wespe_bench.load_enhancer\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


HELP = f"""
import io, json, sys
from contextlib import redirect_stdout
from wespe_bench.cli import main
heavy = {{"torch", "pandas", "scipy", "skimage", "pyarrow", "matplotlib"}}
shown = {{}}
for verb in {list(VERBS)}:
    code, text = None, io.StringIO()
    with redirect_stdout(text):
        try:
            code = main([*verb.split(), "--help"])
        except SystemExit as stop:
            code = stop.code
    shown[verb] = [code or 0, text.getvalue(), sorted(heavy & set(sys.modules))]
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def shown() -> dict[str, tuple[int, str, list[str]]]:
    """Of each verb's --help: exit code, text, what heavy was imported; all in one process."""
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_shows_an_example_and_stays_light(
    verb: str, shown: dict[str, tuple[int, str, list[str]]]
) -> None:
    code, text, heavy = shown[verb]
    assert code == 0
    assert not heavy
    assert f"wespe-bench {verb}" in text
    assert "Example" in text


@pytest.mark.parametrize("training", ["train wespe", "train dped"])
def test_a_verb_with_presets_takes_no_words(training: str, verb: Command) -> None:
    one_line(verb(*training.split()), "--")


def test_top_level_help_and_version(command: Command, verb: Command) -> None:
    for option in ("--help", "-h", "help"):
        result = verb(option)
        assert result.returncode == 0
        assert all(name in result.stdout for name in VERBS)
    assert command().stdout == verb().stdout == verb("--help").stdout
    assert verb("--version").stdout.startswith("wespe-bench 0.")


def test_in_process_output_equals_that_of_a_process(
    command: Command, verb: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "img3.png").write_bytes(b"no photo")
    (tmp_path / "mine.py").write_text(
        "import os, warnings\n"
        "warnings.warn('careful')\n"
        "os.environ['MINE'] = '1'\n"
        "def enhance(image):\n"
        "    return image\n"
    )
    arguments = ("enhance", "mine.py:enhance", "--input", photos, "--jobs", "0", "--out")
    results, before = [], (Path.cwd(), dict(os.environ), list(sys.path), list(sys.argv))
    for run, out in ((command, "a"), (verb, "b"), (verb, "c")):
        done = run(*arguments, out)
        output = (done.stdout + done.stderr).replace(f"-> {out}", "").replace(f"enhance {out}:", "")
        said = [line for line in output.splitlines() if "photo/s" not in line]
        results.append((done.returncode, said))
        assert (Path.cwd(), dict(os.environ), list(sys.path), list(sys.argv)) == before
    assert results[0] == results[1] == results[2]
    code, said = results[0]
    assert code == 3
    assert "wespe-bench: warning: careful" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scroe"], ["unknown verb 'scroe'", "did you mean 'score'?"]),
        (["--jobs"], ["unknown option '--jobs'"]),
        (["export"], ["export what?", "export scores"]),
        (["enhance", "clahee"], ["unknown enhancer 'clahee'", "did you mean 'clahe'?"]),
        (["enhance", "grey-wrold"], ["did you mean 'grey_world'?"]),
        (["enhance"], ["Parameter ENHANCER requires an argument."]),
        (
            ["enhance", "clahe", "--jbos", "2"],
            ["Unknown option: --jbos. Did you mean --jobs?"],
        ),
        (["enhance", "clahe", "extra"], ["unexpected argument 'extra'"]),
        (["enhance", "clahe", "--jobs", "many"], ["--jobs", "'many'"]),
        (["enhance", "clahe", "--jobs", "-1"], ["--jobs -1"]),
        (["enhance", "clahe", "--jobs", "1.5"], ["--jobs", "whole number, not '1.5'"]),
        (["enhance", "clahe", "--jobs", "0x2"], ["--jobs", "whole number, not '0x2'"]),
        (["enhance", "clahe", "--shard", "5/3"], ["--shard '5/3'"]),
        (["enhance", "clahe", "--dataset", "smaples"], ["did you mean 'samples'?"]),
        (["enhance", "clahe", "--input", "nowhere"], ["no such folder: nowhere"]),
        (
            ["enhance", "clahe", "--dataset", "samples", "--input", "x"],
            ["go with --dataset folder"],
        ),
        (["enhance", "results:nowhere"], ["no such folder: nowhere"]),
        (["enhance", "results"], ["results:PATH"]),
        (["enhance", "nowhere.py:f"], ["no such file: nowhere.py"]),
        (["enhance", "no_such_module:f"], ["no module 'no_such_module'"]),
        (["enhance", "math:sqroot"], ["did you mean 'sqrt'?"]),
        (["enhance", "math:pi"], ["float, not a function"]),
        (["enhance", "a/b=clahe"], ["unknown enhancer"]),
        (
            ["enhance", "N=net.onnx"],
            ["unknown enhancer 'net.onnx' (did you mean 'onnx:net.onnx'?)"],
        ),
        (["enhance", "=clahe"], ["label"]),
        (["score", "nowhere"], ["no such folder: nowhere"]),
        (["score", "."], ["no runs below ."]),
        (["run"], ["nothing to run"]),
        (["run", "--enhancers", "identity", "--input", ""], ["--input is empty"]),
        (
            ["run", "--enhancers", "identity", "--input"],
            ["Parameter --input requires an argument."],
        ),
        (["run", "--suite", "dmeo"], ["did you mean 'demo'?"]),
        (["run", "--suite", "classical"], ["give --input"]),
        (["run", "--suite", "demo", "--only", "clahee"], ["--suite demo", "did you mean 'clahe'?"]),
        (["run", "--enhancers", "clahe", "--only", "clahe"], ["name a --suite"]),
        (["run", "--suite", "demo", "--metrics", "pnsr"], ["did you mean 'psnr'?"]),
        (["run", "--enhancers", "clahe", "CLAHE=clahe"], ["two enhancers are called 'CLAHE'"]),
        (["report", "nowhere"], ["no such folder: nowhere"]),
        (["export", "scores", "nowhere"], ["no such folder: nowhere"]),
        (["export", "scores", ".", "--format", "xls"], ["xls"]),
        (["merge", "nowhere", "--out", "x"], ["no such folder: nowhere"]),
        (["conventions"], ["Parameter IMAGE requires an argument."]),
        (["conventions", "a.png"], ["Parameter REFERENCE requires an argument."]),
        (["conventions", "--nope"], ["Unknown option: --nope."]),
        (["conventions", "a.png", "b.png"], ["a.png: no such file"]),
        (["doctor", "now"], ["unexpected argument 'now'"]),
        (["list", "metrix"], ["did you mean 'metrics'?"]),
    ],
)
def test_mistakes_get_one_line(verb: Command, arguments: list[str], words: list[str]) -> None:
    one_line(verb(*arguments), *words)


def test_out_of_memory_advises_what_the_verb_takes(
    verb: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr("wespe_bench.cli.call", full)
    one_line(verb("score", "runs"), "out of memory; try a smaller --jobs")
    one_line(verb("import", "sci", "medium.pt"), "out of memory; free some first")


def test_the_first_word_of_several_verbs_lists_them(verb: Command) -> None:
    result = verb("data", "--help")
    assert result.returncode == 0
    assert all(f"  {verb} " in result.stdout for verb in VERBS if verb.startswith("data "))
    assert "demo" not in result.stdout


def test_printed_tables_name_their_data_set() -> None:
    from wespe_bench.suites import _tables_of

    report = "# Title\n\n## two\n\n1 photo.\n\n| A |\n| 1 |\n\n- a remark\n\n## Where\n\n- no\n"
    assert _tables_of(report) == "\ntwo\n\n| A |\n| 1 |\n\n- a remark\n"


def test_list_names_everything(verb: Command) -> None:
    result = verb("list")
    for names in (registry.DATASETS, registry.ENHANCERS, registry.METRICS, registry.SUITES):
        assert all(f"  {name} " in result.stdout for name in names)


def test_run_export_and_resume(
    verb: Command, photos: Path, references: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("def darker(image):\n    return image // 2\n")
    arguments = ("run", "--enhancers", "identity", "Mine=mine.py:darker", "--input", photos)
    arguments += (
        "--reference",
        references,
        "--out",
        "out",
        "--jobs",
        "2",
        "--metrics",
        "psnr",
        "bpp",
    )
    result = verb(*arguments)
    assert result.returncode == 0, result.stderr
    assert "6 photos x 2 enhancers: 12 results new; 12 scored" in result.stdout
    assert "| Mine" in result.stdout
    assert (tmp_path / "out" / "report.html").is_file()
    assert verb("export", "scores", "out").returncode == 0
    first = (tmp_path / "out" / "scores.csv").read_bytes()
    frame = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert len(frame) == 2 * 6 * 2
    assert set(frame["label"]) == {"identity", "Mine"}
    # In one process, in reverse order, with --force: the same rows to the byte.
    result = verb(*arguments, "--force", "--jobs", "0")
    assert result.returncode == 0, result.stderr
    verb("export", "scores", "out")
    assert (tmp_path / "out" / "scores.csv").read_bytes() == first
    for kind in ("json", "parquet"):
        assert verb("export", "scores", "out", "--format", kind).returncode == 0
    assert len(json.loads((tmp_path / "out" / "scores.json").read_text())) == 24
    assert len(pd.read_parquet(tmp_path / "out" / "scores.parquet")) == 24


def test_partial_run_exits_with_3_and_lists_what_failed(
    verb: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "img3.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    arguments = ("run", "--enhancers", "identity", "clahe", "--input", photos, "--jobs", "0")
    result = verb(*arguments, "--out", "out")
    assert result.returncode == 3, result.stderr
    assert "6 photos x 2 enhancers: 10 results new; 10 scored" in result.stdout
    listed = [line for line in result.stderr.splitlines() if line.startswith("  enhance ")]
    assert len(listed) == 2
    assert all("img3.png: " in line for line in listed)
    assert "Traceback" not in result.stderr
    assert (tmp_path / "out" / "report.md").is_file()
    # The page on its own refuses to mean over different photos, or says which it took.
    assert verb("report", "out", "--common").returncode == 0


def test_formulas_are_escaped_in_csv(verb: Command, tmp_path: Path) -> None:
    write_png(tmp_path / "evil" / "=HYPERLINK(1).png", np.zeros((16, 16, 3), np.uint8))
    result = verb(
        "run", "--enhancers", "identity", "--input", "evil", "--out", "out", "--jobs", "0"
    )
    assert result.returncode == 0, result.stderr
    verb("export", "scores", "out")
    frame = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert set(frame["sample"]) == {"'=HYPERLINK(1)"}


def test_store_of_a_newer_version(verb: Command, photos: Path, tmp_path: Path) -> None:
    arguments = ("enhance", "identity", "--input", photos, "--out", "run", "--jobs", "0")
    assert verb(*arguments).returncode == 0
    path = tmp_path / "run" / "run.json"
    now = f'"schema": {store.SCHEMA}'
    path.write_text(path.read_text().replace(now, f'"schema": {store.SCHEMA + 1}'))
    before = sorted(p.name for p in (tmp_path / "run").rglob("*"))
    for other in (["score", "run"], ["report", "run"], ["export", "scores", "run"]):
        one_line(verb(*other), "newer wespe-bench", "upgrade")
    one_line(verb(*arguments), "newer")
    assert sorted(p.name for p in (tmp_path / "run").rglob("*")) == before


def test_output_closed_early(photos: Path, tmp_path: Path) -> None:
    from tests.conftest import entry_point

    result = subprocess.run(
        f"'{entry_point()[0]}' list | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in result.stderr


def test_shipped_models_have_labels_of_their_own(
    verb: Command, photos: Path, tmp_path: Path
) -> None:
    argv = ("run", "--enhancers", "tone:demo", "wespe:demo", "dped:demo?device=cpu", "identity")
    result = verb(*argv, "--input", photos, "--metrics", "entropy", "--out", "out", "--jobs", "0")
    assert result.returncode == 0, result.stderr
    assert {path.parent.name for path in (tmp_path / "out").glob("*/*/run.json")} == {
        *("DPED demo", "Tone demo", "WESPE demo", "identity")
    }


@pytest.mark.slow
def test_streams_of_other_encodings_and_none(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    from tests.conftest import entry_point

    arguments = ["run", "--enhancers", "identity", "--input", str(photos), "--out", "out"]
    arguments += ["--jobs", "0"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = command(*arguments, env=environment)
    assert result.returncode == 0, result.stderr
    line = " ".join([entry_point()[0], *arguments])
    closed = subprocess.run(f"{line} >&- 2>&-", shell=True, cwd=tmp_path, check=False)
    assert closed.returncode == 0


def test_other_photos_of_the_same_name(verb: Command, photos: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "b" / "photos" / "img1.png", np.zeros((24, 32, 3), np.uint8))
    arguments = ["run", "--enhancers", "identity", "--jobs", "0", "--out", "out", "--input"]
    assert verb(*arguments, photos).returncode == 0
    one_line(verb(*arguments, "b/photos"), "holds results of other photos", "--name")


@pytest.mark.slow
def test_bash_completes_verbs_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for shell in ("zsh", "fish", "bash"):
        assert main(["completion", shell]) == 0
        script = capsys.readouterr().out
        assert all(verb.split()[-1] in script for verb in VERBS)
    (tmp_path / "script").write_text(script)
    code = (
        "source ./script\n"
        "COMP_WORDS=(wespe-bench data sp); COMP_CWORD=2; COMP_LINE='wespe-bench data sp'\n"
        '_wespe_bench; echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["split"], done.stderr
