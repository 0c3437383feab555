"""Files written whole, whatever text they hold."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from wespe_bench import atomic


def test_a_lone_surrogate_is_written_and_read_back_from_json(tmp_path: Path) -> None:
    name = "\udce9t\u00e9"
    atomic.write_text(tmp_path / "a.json", json.dumps(name, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == name


@pytest.mark.parametrize("fails", ["open", "replace"])
def test_an_error_names_the_file_that_was_asked_for(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.csv"

    def refuse(temporary: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary), None, str(target))

    monkeypatch.setattr(*((os, "open") if fails == "open" else (Path, "replace")), refuse)
    with pytest.raises(PermissionError) as found:
        atomic.write_bytes(target, b"")
    assert str(found.value) == f"[Errno {errno.EACCES}] Permission denied: {str(target)!r}"
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
