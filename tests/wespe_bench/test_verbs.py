"""What holds for every verb: nothing empty is taken for a name, and the exit code is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from wespe_bench import cli, listing, load_scores, suites
from wespe_bench.arguments import parse
from wespe_bench.cli import main
from wespe_bench.errors import InputError


@pytest.mark.parametrize(
    ("verb", "argv"),
    [
        ("data split", ["samples", "--out", ""]),
        ("data fetch", ["a.zip", "--out", ""]),
        ("data check", ["kitti", "--out="]),
        ("data check", [""]),
        ("data preview", ["--dataset", ""]),
        ("data pack", ["--data", ""]),
    ],
)
def test_what_is_empty_is_refused_everywhere(verb: str, argv: list[str]) -> None:
    with pytest.raises(InputError, match="is empty; is a variable unset"):
        cli.call(verb, argv)


@pytest.mark.parametrize("verb", ["leaderboard", "ffs train", "data split"])
def test_a_line_break_in_out_is_refused(verb: str) -> None:
    words = {"ffs train": ["ratings"], "data split": ["samples"]}.get(verb, [])
    with pytest.raises(InputError, match=r"--out 'a\\nb': a name with a line break"):
        cli.call(verb, [*words, "--out", "a\nb"])


def test_only_verbs_that_resume_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(listing, "main", stop)
    monkeypatch.setattr(suites, "run_suite", stop)
    for verb, said in (("list", False), ("run", True)):
        assert cli.main([verb]) == 130
        assert ("the same command resumes" in capsys.readouterr().err) == said


def test_the_demo_goes_where_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[suites.RunSuite] = []

    def ask(config: suites.RunSuite) -> int:
        asked.append(config)
        return 3

    monkeypatch.setattr(suites, "run_suite", ask)
    argv = ["--out", "else where", "--data", "there", "--no-live"]
    assert cli.call("demo", argv) == 3
    ((out, data),) = {(config.out, config.data) for config in asked}
    assert (out, data) == ("else where", "there")
    assert "--suite demo --out 'else where' --enhancers" in capsys.readouterr().out


def test_no_run_lies_in_another_or_over_others(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    work = ["--input", "photos", "--metrics", "bpp", "--jobs", "0", "--out"]
    assert main(["run", "--enhancers", "identity", "clahe", *work, "runs"]) == 0
    rows = len(load_scores("runs"))
    capsys.readouterr()
    for arguments, message in (
        (["run", "--enhancers", "unsharp", *work, "runs/photos/clahe"], "lies inside the run"),
        (["merge", "runs", "--out", "runs/photos/clahe/more"], "lies inside runs"),
        (["merge", "runs/photos/identity", "--out", "runs/photos/clahe/x"], "lies inside the run"),
        (["merge", "runs/photos/identity", "--out", "runs"], "is not empty and is no run folder"),
        (["merge", "runs", "--out", "runs/more"], "lies inside runs, which would hold its runs"),
    ):
        assert main(arguments) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert message in line
        assert len(load_scores("runs")) == rows
    assert main(["merge", "runs/photos/identity", "--out", "other"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--engine", "ray:ray://head:10001"],
        ["--enhancers", "cmd:fetch --from=http://lab/ {input} {output}"],
        ["--name", "http://lab/photos"],
    ],
)
def test_addresses_that_are_no_paths_are_let_through(words: list[str]) -> None:
    parsed = parse(suites.RunSuite, words, "run")
    assert words[1] in (parsed.engine, parsed.name, *parsed.enhancers)
