from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.wespe_bench.study.studies import make_study
from wespe_bench.errors import InputError
from wespe_bench.study import manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_study(tmp_path)[0]


def edit(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(content | changes))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder, study = make_study(tmp_path)
    assert manifest.read(folder) == study
    content = json.loads((folder / "study.json").read_text())
    assert content.pop("revision") == manifest.revision_of(content) == study.revision
    assert set(content) == {
        "format",
        "title",
        "seed",
        "wespe_bench",
        "tile",
        "pictures",
        "questions",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "Which is worse?"}, "edited after it was built"),
        ({"note": "more"}, "edited after it was built"),
        ({"revision": "0" * 64}, "edited after it was built"),
        ({"format": 2}, "newer wespe-bench"),
        ({"format": "1"}, "damaged"),
        ({"questions": []}, "damaged"),
        ({"questions": [{"id": "x"}]}, "damaged"),
        ({"pictures": {"../../etc": {}}}, "damaged"),
        ({"pictures": None}, "damaged"),
        ({"tile": 0}, "damaged"),
    ],
)
def test_an_edited_or_damaged_study_is_refused(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    edit(folder, **changes)
    with pytest.raises(InputError, match=said):
        manifest.read(folder)


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study here"):
        manifest.read(tmp_path)
    (tmp_path / "study.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="damaged"):
        manifest.read(tmp_path)
