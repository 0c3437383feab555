"""Where data sets are looked for, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from wespe_bench.datasets.locations import locate, named
from wespe_bench.errors import InputError


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("here/mine", "data/kitti", "data/mine", "other/kitti"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("WESPE_DATA", str(tmp_path / "data"))
    return tmp_path


def test_folder_then_files(folders: Path) -> None:
    assert locate("kitti") == folders / "data" / "kitti"
    (folders / "data" / "wespe-data.toml").write_text('kitti = "mine"\nx = "/x"\n')
    assert locate("kitti") == folders / "data" / "mine"
    (folders / "here" / "wespe-data.toml").write_text('kitti = "mine"\n')
    assert locate("kitti").resolve() == folders / "here" / "mine"
    assert set(named()) == {"kitti", "x"}
    # What is said on the command line stands above all files.
    assert locate("kitti", folders / "other") == folders / "other" / "kitti"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kitti = ", "not TOML"),
        ("kitti = 3", "kitti has to be a path in quotes"),
        ("[kitti]\npath = 'x'", "kitti has to be a path in quotes"),
        ("kitti = 'nowhere'", "says that kitti is in nowhere, which is no folder"),
    ],
)
def test_mistakes_in_the_file(folders: Path, text: str, words: str) -> None:
    (folders / "here" / "wespe-data.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        locate("kitti")
    assert words in str(caught.value)


def test_nowhere_says_where_it_looked_and_what_is_there(folders: Path) -> None:
    with pytest.raises(InputError) as caught:
        locate("dped")
    for words in (str(folders / "data" / "dped"), "'dped = ...'", "kitti/, mine/", "data list"):
        assert words in str(caught.value)


def test_a_name_with_a_line_break_stays_on_one_line(
    folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wespe_bench.cli import main

    monkeypatch.setattr("signal.signal", lambda *_: None)
    (folders / "here" / "wespe-data.toml").write_text('"a\\nb" = 3\n')
    assert main(["data", "list"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
