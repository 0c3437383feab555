"""``--format json``: every verb's output is what the documentation's schema says."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.conftest import Command
from tests.reports.runs import make_run
from wespe_bench import doctor, registry
from wespe_bench.datasets.source import sources
from wespe_bench.doctor import golden_pair
from wespe_bench.images import write_png

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
SCHEMAS: dict[str, Any] = {
    verb: json.loads(schema)
    for verb, schema in re.findall(
        r"^## (.*?)$[^#]*?^```json\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.S | re.M
    )
}


def checked(verb: Command, name: str, *words: object) -> Any:
    """What a verb prints as JSON, after its schema has been checked."""
    result = verb(*name.split(), *words, "--format", "json")
    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    jsonschema.validate(content, SCHEMAS[name])
    return content


def test_schemas_are_schemas_and_refuse() -> None:
    verbs = ["compare", "conventions", "data list", "doctor", "leaderboard", "list"]
    assert sorted(SCHEMAS) == verbs
    for schema in SCHEMAS.values():
        jsonschema.validators.validator_for(schema).check_schema(schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"metrics": [{"name": 1}]}, schema)


def test_list(verb: Command) -> None:
    content = checked(verb, "list")
    assert list(content) == ["datasets", "enhancers", "metrics", "suites"]
    found = {entry["name"]: entry for entry in content["metrics"]}
    assert set(registry.METRICS) < set(found)
    assert (found["psnr"]["unit"], found["psnr"]["higher_is_better"]) == ("dB", True)
    assert list(checked(verb, "list", "suites")) == ["suites"]


def test_data_list(verb: Command, tmp_path: Path) -> None:
    write_png(tmp_path / "photos" / "a.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "wespe-data.toml").write_text('pixel8 = "photos"\n')
    content = checked(verb, "data list", "--data", tmp_path)
    assert [entry["name"] for entry in content] == [*sources(), "pixel8"]
    found = {entry["name"]: entry for entry in content}
    assert found["pixel8"]["photos"] == {"pixel8": 1}
    assert found["pixel8"]["folder"] == str(tmp_path / "photos")
    assert found["kitti"]["folder"] is None
    assert found["kitti"]["problem"].startswith("no; looked for")
    (one,) = checked(verb, "data list", "kitti")
    assert one["paper"][0]["test"] == 124


def test_doctor(
    verb: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = checked(verb, "doctor")
    assert content["drift"] is False
    names = {check["name"] for check in content["checks"]["golden values"]}
    assert names == set(registry.METRICS)
    monkeypatch.setattr(doctor, "TONE_PIXELS", "0" * 64)
    result = verb("doctor", "--format", "json")
    assert result.returncode == 3
    content = json.loads(result.stdout)
    (check,) = content["checks"]["shipped curves"]
    assert content["drift"] and check["drift"].startswith("tone:demo drifted")


def test_conventions(verb: Command, tmp_path: Path) -> None:
    image, reference = golden_pair()
    for name, pixels in (("a.png", image), ("b.png", reference)):
        write_png(tmp_path / name, pixels)
    content = checked(verb, "conventions", "a.png", "b.png")
    values = {line["name"]: line["value"] for line in content["numbers"]}
    for name in ("psnr", "ssim"):
        golden = registry.load_metric(name).golden
        assert golden and math.isclose(values[name], golden[1], rel_tol=1e-9)
    assert (content["width"], content["height"]) == (90, 67)
    same = checked(verb, "conventions", "a.png", "a.png")
    assert next(line["value"] for line in same["numbers"] if line["name"] == "psnr") == "inf"


def test_compare_and_leaderboard(verb: Command, tmp_path: Path) -> None:
    for label, values in (
        ("a", [20.5, 21.0, 30.0, math.inf, 22.5, 24.0, 25.5]),
        ("b", [20.0, 20.5, 29.0, 31.0, 22.0, 24.5, 25.0]),
    ):
        make_run(tmp_path / "runs", label, {"psnr": values, "entropy": [7.0] * len(values)})
    (b, _) = checked(verb, "compare", "a", "b", "--runs", tmp_path / "runs")["differences"]
    assert (b["n"], b["n_infinite"], b["better"]) == (7, 1, "")
    (board,) = checked(verb, "leaderboard", "--runs", tmp_path / "runs")["boards"]
    assert {row["label"] for row in board["scores"]} == {"a", "b"}
