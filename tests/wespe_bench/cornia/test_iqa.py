"""Lists of rated photos: ours, the five databases', and wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from wespe_bench.cornia.iqa import DATABASES, Rated, read_list
from wespe_bench.errors import InputError


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a photo")


def listed(folder: Path, text: str) -> Path:
    path = folder / "list.csv"
    path.write_text(text)
    return path


def test_our_own(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "sub/b.png", "c.png")
    path = listed(tmp_path, "image,score,group\na.png,1.5,x\nsub/b.png,-2,x\nc.png,3e1,\n")
    ratings = read_list(path, better="higher")
    assert ratings.photos == (
        Rated(tmp_path / "a.png", 1.5, "x"),
        Rated(tmp_path / "sub" / "b.png", -2.0, "x"),
        Rated(tmp_path / "c.png", 30.0, "c.png"),
    )
    assert (ratings.scale, ratings.higher_is_better) == ("scale of list", True)


@pytest.mark.parametrize("root", ["databases", "databases/TID2013"])
def test_a_database_in_other_case(tmp_path: Path, root: str) -> None:
    make(tmp_path / "databases" / "TID2013", "Distorted_Images/I01_01_5.BMP")
    text = (
        "dis_img_path,dis_type,ref_img_path,score\n"
        "TID2013/distorted_images/i01_01_5.bmp,AWGN,TID2013/reference_images/i01.bmp,3.6\n"
    )
    ratings = read_list(listed(tmp_path, text), tmp_path / root)
    assert ratings.photos[0].group == "TID2013/reference_images/i01.bmp"
    assert ratings.photos[0].path.name == "I01_01_5.BMP"
    assert (ratings.scale, ratings.higher_is_better) == ("TID2013 MOS", True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "found nothing"),
        ("image,score\n", "no photos, only the line of column names"),
        ("photo,mos\na.png,1\n", "expected a first line with the columns .* found photo, mos"),
        ("image,score\na.png,\n", "line 2: the score '' is not a number"),
        ("image,score\na.png,1\nb.png,good\n", "line 3: the score 'good'"),
        ("image,score\na.png,nan\n", "line 2: the score is nan"),
        ("image,score\na.png,inf\n", "line 2: the score is inf"),
        ("image,score\na.png\n", "line 2: the score '' is not"),
        ("image,score\n,5\n", "line 2: no image"),
        ("image,score\na.png,1\na.png,2\n", r"line 3: a.png is listed twice \(line 2"),
        ("image,score\na.png,1\n./a.png,2\n", r"line 3: ./a.png is listed twice .*it as a.png"),
        ("image,score\na.png,1\nx/../a.png,2\n", "x/../a.png"),
        ("image,score\na.png,1,9\n", "line 2: 3 fields, the header has 2; decimals need a po"),
        ("image,score,score\na.png,1,9\n", "two columns are called score"),
        ("image,score\na.png,1_0\n", "the score '1_0' is not a number"),
        ("image,score\na.png,1e308\n", "the score is 1e"),
        ("image,score\na/a.png,1\nb/b.png,2\n", "2 of 2 photos are not below"),
        (f"image,score\n{'n' * 300}.png,1\n", "1 of 1 photos are not below"),
        ("image,score\na.png,1\nz.png,2\n", "1 of 2 photos are not below .*, for instance z.png"),
        ("image,score\n../../etc,1\n", "1 of 1 photos are not below"),
        ("image,score\na.png,1\n", "say which way its scores run with --better"),
    ],
)
def test_wrong_lists(tmp_path: Path, text: str, complaint: str) -> None:
    make(tmp_path, "a.png", "b.png")
    with pytest.raises(InputError, match=complaint) as caught:
        read_list(listed(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_list(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_bytes(b"image,score\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_list(tmp_path / "x.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_list(tmp_path)
    path = listed(tmp_path, "image,score\na.png,1\n")
    with pytest.raises(InputError, match="no such folder"):
        read_list(path, tmp_path / "nowhere")


def test_a_direction_that_contradicts_the_database(tmp_path: Path) -> None:
    make(tmp_path, "LIVE/a.bmp")
    path = listed(tmp_path, "dis_img_path,dis_type,ref_img_path,score\nLIVE/a.bmp,x,LIVE/r.bmp,3\n")
    assert not read_list(path).higher_is_better
    assert not read_list(path, better="lower").higher_is_better
    with pytest.raises(InputError, match="LIVE's scores are better when they are lower"):
        read_list(path, better="higher")


def test_rows_of_two_databases(tmp_path: Path) -> None:
    make(tmp_path, "LIVE/a.bmp", "TID2013/b.bmp")
    text = "dis_img_path,ref_img_path,score\nLIVE/a.bmp,LIVE/r.bmp,3\nTID2013/b.bmp,r.bmp,4\n"
    with pytest.raises(InputError, match=r"line 3: TID2013/b.bmp is not of LIVE"):
        read_list(listed(tmp_path, text))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "count", "groups"),
    [
        ("LIVE", 779, 29),
        ("CSIQ", 866, 30),
        ("TID2013", 3000, 25),
        ("KADID-10k", 10125, 81),
        ("KonIQ-10k", 10073, 10073),
    ],
)
def test_the_five_lists(shared: Path, tmp_path: Path, name: str, count: int, groups: int) -> None:
    source = shared / "iqa" / f"{name}.txt"
    lines = source.read_text().splitlines()[1:]
    make(tmp_path, *(line.split(",")[0] for line in lines))
    ratings = read_list(source, tmp_path)
    assert len(ratings.photos) == count == len(lines)
    assert len({photo.group for photo in ratings.photos}) == groups
    assert (ratings.higher_is_better, ratings.scale) == DATABASES[name]
    by_name = {photo.path.relative_to(tmp_path).as_posix(): photo.score for photo in ratings.photos}
    first = lines[0].split(",")
    assert by_name[first[0]] == float(first[-1])


@pytest.mark.shared_data
def test_known_ways_of_the_scores(shared: Path) -> None:
    """Strong noise is worse than mild noise of the same photo, each list's way round."""
    for name, mild, strong in (
        ("TID2013", "i01_01_1.bmp", "i01_01_5.bmp"),
        ("KADID-10k", "I01_01_01.png", "I01_01_05.png"),
        ("CSIQ", "1600.AWGN.1.png", "1600.AWGN.5.png"),
    ):
        rows = [line.split(",") for line in (shared / "iqa" / f"{name}.txt").open()]
        score = {row[0].rpartition("/")[2]: row[-1] for row in rows}
        assert (float(score[mild]) > float(score[strong])) == DATABASES[name][0]
