"""What ``ffs build`` refuses: CSVs that are none, photos that are not there, too few of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ffs.conftest import HEAD, SMALL, Verb
from tests.ffs.test_verbs import complaint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--label", "within-owner"), "--label within-owner: no photo names its owner"),
        (("--age",), "--age: 60 of 60 photos have no day of upload"),
        (("--test", 60), "asked for, and there are 60"),
    ],
)
def test_what_refuses_the_photos_does_so_before_they_are_prepared(
    verb: Verb, rated: Path, tmp_path: Path, words: tuple[object, ...], said: str
) -> None:
    lines = [",".join(line.split(",")[:3]) for line in rated.read_text("utf-8-sig").splitlines()]
    rated.write_text("\n".join(lines) + "\n", "utf-8")
    line = complaint(verb("ffs", "build", rated, "--out", "set", *SMALL, *words))
    assert said in line
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column path; expected path,views,faves[,owner,uploaded,licence]"),
        ("path,views\n", "no column faves"),
        (f"{HEAD}\n", "has no photos"),
        ("path,views,faves\na.png,many,1\n", "line 2: views 'many' is no whole number"),
        ("path,views,faves\na.png,10,1\na.png,10,-1\n", "line 3: faves '-1' is no whole number"),
        ("path,views,faves\na.png,10\n", "line 2: too few fields; is a quote left open"),
        ("path,views,faves\n,10,1\n", "line 2: no path"),
        (f"{HEAD}\na.png,10,1,me,soon\n", "line 2: uploaded 'soon' is no day"),
        ("path,views,faves\na.png,10,1\nA.jpg,10,1\n", "photo a is in it twice"),
    ],
)
def test_wrong_csvs(verb: Verb, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    line = complaint(verb("ffs", "build", "bad.csv", "--out", "set"))
    assert line.startswith("wespe-bench: error: bad.csv: ")
    assert said in line


def test_only_zero_views(verb: Verb, rated: Path) -> None:
    rated.write_text(rated.read_text("utf-8").replace(",1000,", ",0,"), "utf-8")
    line = complaint(verb("ffs", "build", rated, "--out", "set", *SMALL))
    assert "no photos are left: 60 no views" in line


def test_all_labels_equal(verb: Verb, rated: Path) -> None:
    rows = [f"=p{n}.png,{100 * (n + 1)},{n + 1}" for n in range(60)]
    rated.write_text("path,views,faves\n" + "\n".join(rows), "utf-8")
    line = complaint(verb("ffs", "build", rated, "--out", "set", *SMALL))
    assert "all labels are equal: none of 46 training photos has more faves per view" in line
    assert "median, 0.01; there is nothing to learn" in line
    assert not Path("set/ffs.json").exists()


def test_a_split_smaller_than_asked(verb: Verb, rated: Path) -> None:
    line = complaint(verb("ffs", "build", rated, "--out", "set", *SMALL, "--train", 100))
    assert "100 training, 6 validation and 8 test photos are asked for, and there are 60" in line
    line = complaint(verb("ffs", "build", rated, "--out", "set", *SMALL, "--train", 0))
    assert "--train 0: expected a number of photos from 1" in line
    rows = [f"=p{n}.png,100,{n},same" for n in range(60)]
    rated.write_text("path,views,faves,owner\n" + "\n".join(rows), "utf-8")
    line = complaint(verb("ffs", "build", rated, "--out", "set", *SMALL, "--per-owner", 60))
    assert "60 photos of 1 owners cannot be split into the rest, 6 and 8 without putting" in line


def test_photos_that_are_missing_or_damaged(verb: Verb, rated: Path) -> None:
    (rated.parent / "=p3.png").unlink()
    (rated.parent / "=p4.png").write_bytes(b"no photo")
    code, out, err = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert code == 3
    assert "2 photos left out:" in err
    assert "=p3.png: cannot be read (No such file or directory)" in err
    assert "=p4.png: not a photo in a known format" in err
    assert out.startswith("58 photos: ")


def test_out_is_needed_and_must_be_new(verb: Verb, rated: Path, tmp_path: Path) -> None:
    assert "say where to, with --out DIR" in complaint(verb("ffs", "build", rated))
    line = complaint(verb("ffs", "build", rated, "--out", rated.parent, *SMALL))
    assert "holds the photos; choose another folder" in line
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x.txt").write_text("x")
    assert "holds x.txt" in complaint(verb("ffs", "build", rated, "--out", "taken", *SMALL))
    missing = "no such file: data/ffs; ffs crawl makes a crawl's folder, or give a CSV"
    assert missing in complaint(verb("ffs", "build", "data/ffs"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,views,faves\n.,10,1\n", "line 2: path '.' is no photo's"),
        ("path,views,faves\n/,10,1\n", "line 2: path '/' is no photo's"),
        ("path,views,faves\n..\\a.png,10,1\n", "a backslash (folders are parted by /)"),
        (
            "path|views|faves\na.png|10|1\n",
            "expected path,views,faves[,owner,uploaded,licence], separated",
        ),
        (
            "photo,views,faves\na.png,10,1\n",
            "no column path among 'photo, views, faves'; expected path",
        ),
        ("path,views,views,faves\na.png,10,20,1\n", "two columns are named views"),
    ],
)
def test_csvs_that_are_not_csvs(verb: Verb, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    assert said in complaint(verb("ffs", "build", "bad.csv", "--out", "set"))
    assert not (tmp_path / "set").exists()


def test_photos_that_are_all_missing_are_named(verb: Verb, rated: Path) -> None:
    for photo in rated.parent.glob("*.png"):
        photo.unlink()
    result = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert "no photos are left: none of them could be read" in complaint(result)
    assert result[2].count("cannot be read (No such file or directory)") == 60


def test_a_refusal_says_first_what_was_left_out(verb: Verb, rated: Path) -> None:
    code, out, err = verb("ffs", "build", rated, "--out", "set", *SMALL, "--min-views", 1001)
    assert code == 2
    assert "no photos are left: 60 fewer than 1001 views (--min-views)" in err
    code, out, err = verb(
        "ffs", "build", rated, "--out", "set", *SMALL, "--per-owner", 1, "--test", 40
    )
    assert code == 2
    assert "left out: 30 more than 1 of one owner (--per-owner)" in out
