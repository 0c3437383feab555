"""What is wrong with a store is said where it is, and costs only the cells it concerns."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.paper import render, tables
from reports.paper import runs as paper_runs
from reports.paper.choices import Choices
from reports.paper.render import tex
from tests.reports.paper_store import BLIND, OWN_CORNIA, TRUTH, add, cell, one, scores, whole
from tests.reports.runs import make_run
from tests.reports.test_markdown import HOSTILE, tokens
from wespe_bench import store
from wespe_bench.cli import call
from wespe_bench.errors import InputError
from wespe_bench.metric_scores import of_run
from wespe_bench.run import Run

PATCHES = "dped_iphone_patches_test"


def _pair(root: Path, **second: object) -> Path:
    add(root, PATCHES, "ape_like", scores(1, 4, TRUTH))
    add(root, PATCHES, "DPED", scores(2, 4, TRUTH), **second)
    return root


def test_two_versions_of_a_metric_are_refused_together(tmp_path: Path) -> None:
    found = one(2, _pair(tmp_path, version="2"))
    for method in ("ape", "dped"):
        entry = cell(found, "iphone", method, "psnr")
        assert math.isnan(entry.ours)
        assert re.search("has 2 versions .* wespe-bench score .* --metrics psnr", entry.reason)
    assert len(found.failures) == 3


def test_one_version_of_another_metric_stays(tmp_path: Path) -> None:
    root = _pair(tmp_path)
    rows = store.records(store.load(root / PATCHES / "DPED", "scores"))
    newer = [row | {"metric_version": "9"} for row in rows if row["metric"] == "psnr"]
    store.append(root / PATCHES / "DPED", "scores", newer)
    found = one(2, root)
    assert "has 2 versions" in cell(found, "iphone", "dped", "psnr").reason
    assert cell(found, "iphone", "dped", "ssim").n == 4
    assert cell(found, "iphone", "ape", "ssim").n == 4


def test_two_revisions_are_refused_by_name(tmp_path: Path) -> None:
    entry = cell(one(2, _pair(tmp_path, revision="0b" * 32)), "iphone", "ape", "psnr")
    assert "has 2 revisions" in entry.reason
    assert f"{PATCHES}/DPED" in entry.reason


def test_a_half_scored_run_loses_its_own_cells_only(tmp_path: Path) -> None:
    add(tmp_path, PATCHES, "ape_like", scores(1, 4, TRUTH))
    half = scores(2, 4, TRUTH)
    half["psnr"] = half["psnr"][:2]
    add(tmp_path, PATCHES, "DPED", half)
    found = one(2, tmp_path)
    entry = cell(found, "iphone", "dped", "psnr")
    assert "psnr lacks 2 of 4 photos (s02, s03)" in entry.reason
    assert "wespe-bench tables all --runs" in entry.reason, "how to see what they share"
    assert cell(found, "iphone", "dped", "ssim").n == cell(found, "iphone", "ape", "psnr").n == 4
    assert not cell(found, "iphone", "ape", "psnr").best
    shared = one(2, tmp_path, common=True)
    for method in ("ape", "dped"):
        assert cell(shared, "iphone", method, "psnr").n == 2
    assert any("only the 2 of 4 photos" in note for note in shared.notes)


def test_a_nan_is_refused_and_an_infinity_counted(tmp_path: Path) -> None:
    values = scores(1, 4, TRUTH)
    values["psnr"][1] = math.nan
    add(tmp_path / "nan", PATCHES, "ape_like", values)
    found = one(2, tmp_path / "nan")
    assert "psnr is not a number for s01" in cell(found, "iphone", "ape", "psnr").reason
    assert cell(found, "iphone", "ape", "ssim").n == 4
    values["psnr"][1] = math.inf
    add(tmp_path / "inf", PATCHES, "ape_like", values)
    entry = cell(one(2, tmp_path / "inf"), "iphone", "ape", "psnr")
    assert entry.n == 3
    assert math.isfinite(entry.ours)
    assert any("Infinite on 1 photo" in note for note in entry.notes)
    add(tmp_path / "all", PATCHES, "ape_like", {"psnr": [math.inf, math.inf]})
    entry = cell(one(2, tmp_path / "all"), "iphone", "ape", "psnr")
    assert math.isnan(entry.ours)
    assert "infinite on every photo" in entry.reason


def test_one_photo_has_no_interval_and_says_so(tmp_path: Path) -> None:
    add(tmp_path, "cityscapes_test", "identity", scores(1, 1, BLIND))
    found = one(6, tmp_path)
    entry = cell(found, "cityscapes", "original", "entropy")
    assert (entry.n, math.isnan(entry.low)) == (1, True)
    assert "With n = 1 there is no interval, and a mean says little" in found.notes


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    "harm",
    [
        lambda run: (run / "samples.parquet").unlink(),
        lambda run: _cut(next((run / "scores").iterdir())),
        lambda run: (run / "run.json").write_text("{"),
        lambda run: (run / "run.json").write_text("[" * 100_000),
    ],
)
def test_a_run_that_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, harm: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    root = _pair(tmp_path / "runs")
    harm(root / PATCHES / "DPED")
    assert call("tables", ["2", "--runs", str(root)]) == 3
    captured = capsys.readouterr()
    assert "DPED is left out" in captured.err
    assert "DPED" in captured.err
    assert cell(one(2, root), "iphone", "ape", "psnr").n == 4


def test_a_run_deleted_meanwhile_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _pair(tmp_path)

    def late(run: Run, metrics: Sequence[str]) -> object:
        if run.folder.name == "DPED":
            shutil.rmtree(run.folder)
        return of_run(run, metrics)

    monkeypatch.setattr(paper_runs, "of_run", late)
    found = one(2, root)
    assert "DPED is left out" in found.failures[0]
    assert "No run of DPED [13] here" in cell(found, "iphone", "dped", "psnr").reason
    assert cell(found, "iphone", "ape", "psnr").n == 4


def test_runs_of_another_machine_need_none_of_its_files(tmp_path: Path) -> None:
    whole(tmp_path / "there")
    shutil.rmtree(tmp_path / "there" / "data")
    before = one(3, tmp_path / "there")
    (tmp_path / "there").rename(tmp_path / "here")
    after = one(3, tmp_path / "here")
    assert [entry.ours for entry in after.entries.values() if entry.n] == [
        entry.ours for entry in before.entries.values() if entry.n
    ]


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}


def test_names_do_nothing_in_any_format(tmp_path: Path) -> None:
    hostile = [name for name in HOSTILE if "\udce9" not in name]
    for number, name in enumerate(hostile):
        clean = name.replace("/", "∕").replace("\0", "")
        root = tmp_path / str(number)
        metrics = {"cornia": OWN_CORNIA | {"title": name, "summary": name}}
        more = {"note": name, "metrics": metrics, "command": name}
        folder = f"{clean}x"
        add(root, clean, "=1+1", scores(1, 2, BLIND), name, folder=folder, version=name, **more)
        choice = {"methods": {"=1+1": "ape"}, "datasets": {"iphone full": clean}}
        found = one(3, root, **choice)
        assert cell(found, "iphone", "ape", "entropy").n == 2, name
        text = re.sub("</?ins>", "", render.render([found], "md"))  # our underline
        kinds = {token.type for token in tokens(text)}
        assert not kinds & {"html_inline", "html_block", "link_open", "image", "code_inline"}
        assert not kinds & {"fence", "s_open", "code_block", "blockquote_open"}
        lines = [line for line in text.splitlines() if line.startswith("|")]
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(cells) == 1
        page = _Tags(render.render([found], "html"))
        assert not page.tags & {"script", "img", "iframe", "h3", "b", "i"}
        assert all(link.startswith("#t3n") for link in page.links)
        for line in csv.reader(io.StringIO(render.render([found], "csv"))):
            assert not any(value[:1] in ("=", "@", "\t", "\r") for value in line)
        json.loads(render.render([found], "json"))
        latex = render.render([found], "tex")
        assert latex.count("\\begin") == latex.count("\\end") == 3
        assert "\x00" not in latex


def test_tex_leaves_no_command() -> None:
    assert tex("\\input{/etc/passwd}") == r"\textbackslash{}input\{/etc/passwd\}"
    assert tex("%$&#_^~{}") == r"\%\$\&\#\_\textasciicircum{}\textasciitilde{}\{\}"


def test_wrong_options_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(_pair(tmp_path / "runs"))
    for argv, said in (
        (["9"], "no table 9 in the paper"),
        (["two"], "expected a table's number"),
        (["2", "--runs", "nowhere"], "no such folder"),
        (["2", "--runs", root, "--method", "APE=nobody"], "no run of 'nobody'"),
        (["2", "--runs", root, "--dataset", "kitti=nothing"], "no run of 'nothing'"),
        (["2", "--runs", root, "--out", root], "is a folder"),
        (["2", "--runs", root, "--out", "run.json"], "would overwrite a part of a run"),
        (["2", "--runs", root, "--out", "t.html"], "does not end in .md"),
        (["5", "--study", root], "wespe-bench study report makes it"),
        (["2", "--format", "xml"], "format"),
        (["2", "--pictures"], "--pictures: only --format html shows them"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            call("tables", argv)
    assert capsys.readouterr().out == ""


def test_a_closed_runs_folder_is_an_error_and_the_default_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("tables", ["8"]) == 0
    assert "No run of Original here" in capsys.readouterr().out


def test_runs_that_no_table_shows_are_named(tmp_path: Path) -> None:
    make_run(tmp_path, "mine", {"psnr": [20.0, 21.0]}, dataset="holiday")
    two, three = tables.build([2, 3], tmp_path, Choices())
    (unused,) = (note for note in two.notes if "none is used in these tables" in note)
    assert (
        unused.startswith("1 run here") and "'PLACE=holiday'" in unused and "METHOD=mine" in unused
    )
    assert not any("none stands" in note for note in three.notes)
    (placed,) = tables.build(
        [2], tmp_path, Choices({"mine": "dped"}, {"iphone patches": "holiday"})
    )
    assert not any("none stands" in note for note in placed.notes)
