"""Files written whole, whatever text they hold."""

from __future__ import annotations

import json
from pathlib import Path

from wespe_bench import atomic


def test_a_lone_surrogate_is_written_and_read_back_from_json(tmp_path: Path) -> None:
    name = "\udce9t\u00e9"
    atomic.write_text(tmp_path / "a.json", json.dumps(name, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == name
