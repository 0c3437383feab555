"""``ffs build`` reads CSVs as spreadsheets write them, or says what to change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ffs import licences, manifest
from ffs.rated import read_csv
from ffs.train import _licensed
from wespe_bench.errors import InputError

HEAD = "path,views,faves,owner,uploaded"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_csv_as_spreadsheets_write_it(tmp_path: Path, separator: str) -> None:
    days = ("2016/05/31", "1464652800", "20160531", "2016-05-31 12:00")
    lines = [HEAD, *(f"p{n}.png,204.0,{n}.00,me,{day}" for n, day in enumerate(days))]
    (tmp_path / "x.csv").write_text("\n".join(lines).replace(",", separator), "utf-8")
    rows = read_csv(tmp_path / "x.csv")
    assert [(row.views, row.faves) for row in rows] == [(204, n) for n in range(4)]
    assert {row.uploaded for row in rows} == {"2016-05-31"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p.png,9,1,me,31/05/2016", "'31/05/2016' is no day; write it as 2016-05-31, or as sec"),
        ("https://x.org/p.jpg,9,1,me,", "is an address; download the photo, paths are local files"),
        ("p.png,20.5,1,me,", "views '20.5' is no whole number"),
    ],
)
def test_lines_that_cannot_be_read_name_the_remedy(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(f"{HEAD}\n{line}\n", "utf-8")
    with pytest.raises(InputError, match=re.escape(said)):
        read_csv(tmp_path / "x.csv")


def test_licences_of_a_csv_choose_what_is_trained_on(tmp_path: Path) -> None:
    names = ("cc-by", "cc-by-nc", "", "us-government")
    text = "".join(f"p{n}.png,9,{n},,,{name}\n" for n, name in enumerate(names))
    (tmp_path / "x.csv").write_text(f"{HEAD},licence\n{text}", "utf-8")
    rows = read_csv(tmp_path / "x.csv")
    assert [row.licence for row in rows] == list(names)
    photos = [
        manifest.Photo(row.id, "a", 9, row.faves, "", "", "low", "test", "0" * 64, row.licence)
        for row in rows
    ]
    manifest.write(manifest.ratings(tmp_path, photos, 9.0, 0, ""))
    found = manifest.read(tmp_path)
    asked = ("", "cc-by", "cc", "open", "cc0,cc-by")
    assert [len(_licensed(found, only).photos) for only in asked] == [4, 1, 2, 3, 1]
    with pytest.raises(InputError, match=r"no photo of .* has it, but cc-by, cc-by-nc, unknown"):
        _licensed(found, "cc0")


def test_licences_written_in_other_ways(tmp_path: Path) -> None:
    names = ("CC BY-SA 4.0", "https://creativecommons.org/publicdomain/zero/1.0/", "4", "(c) me")
    text = "".join(f"p{n}.png,9,{n},,,{name}\n" for n, name in enumerate(names))
    (tmp_path / "x.csv").write_text(f"{HEAD},licence\n{text}", "utf-8")
    found = [row.licence for row in read_csv(tmp_path / "x.csv")]
    assert found == ["cc-by-sa", "cc0", "4", "(c) me"]
    assert [licences.taken("open", one) for one in found] == [True, True, True, False]
