"""Names that installed packages add: the example's, and what goes wrong with others."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import wespe_bench
from tests.conftest import Command
from wespe_bench import plugins
from wespe_bench.errors import InputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


def install(site: Path, name: str, points: dict[str, dict[str, str]]) -> None:
    """What pip leaves of a package: its name, its version, its entry points."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, entries in points.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    for cache in (plugins._declared, plugins._usable):
        cache.cache_clear()
    yield tmp_path / "site"
    for cache in (plugins._declared, plugins._usable):
        cache.cache_clear()


@pytest.fixture
def example(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's package, installed."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(site, project["name"], project["entry-points"])
    monkeypatch.syspath_prepend(EXAMPLE / "src")


@pytest.mark.usefixtures("example")
def test_the_example_is_used_by_name(verb: Command, photos: Path, tmp_path: Path) -> None:
    result = verb(
        *("run", "--input", photos, "--enhancers", "identity", "warm", "Warmer=warm"),
        *("--metrics", "entropy", "brightness", "--jobs", "0", "--out", tmp_path / "runs"),
    )
    assert result.returncode == 0, result.stderr
    assert "| warm |" in result.stdout and "| Warmer |" in result.stdout
    assert "Brightness (level)" in result.stdout
    listed = verb("list").stdout
    for kind in ("warm", "BRIGHTNESS", "stripes"):
        target = f"Of wespe-bench-plugin-example 1.0: wespe_bench_plugin_example:{kind}."
        assert target in listed
    dataset = wespe_bench.load_dataset("stripes:3")
    assert (dataset.name, len(dataset)) == ("stripes", 3)
    assert wespe_bench.metric("brightness")(dataset[0].path) == pytest.approx(31.5)
    assert wespe_bench.load_enhancer("warm").__name__ == "warm"


def test_our_names_win_and_the_clash_is_said(site: Path) -> None:
    install(site, "a-first", {"wespe_bench.metrics": {"psnr": "evil:PSNR", "shine": "a:SHINE"}})
    install(site, "b-second", {"wespe_bench.metrics": {"shine": "b:SHINE"}})
    with pytest.warns(UserWarning) as said:
        assert wespe_bench.load_metric("psnr").version == wespe_bench.metric("psnr").version
        with pytest.raises(InputError, match="a:SHINE"):
            wespe_bench.load_metric("shine")
    assert sorted(str(warning.message) for warning in said) == [
        "a-first 1.0 adds 'psnr' to the metrics, which wespe-bench has already; name it evil:PSNR",
        "b-second 1.0 adds 'shine' to the metrics, which a-first 1.0 has already; name it b:SHINE",
    ]


def test_a_broken_plugin_costs_its_own_name_alone(site: Path, verb: Command) -> None:
    install(site, "broken", {"wespe_bench.enhancers": {"haze": "nowhere.to_be_found:haze"}})
    listed = verb("list", "enhancers")
    assert listed.returncode == 0
    assert "Of broken 1.0: nowhere.to_be_found:haze." in listed.stdout
    result = verb("enhance", "haze", "--dataset", "samples", "--jobs", "0")
    assert result.returncode == 2
    assert "the plugin of broken 1.0 does not work: " in result.stderr
    assert "nowhere.to_be_found" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with pytest.raises(InputError, match=r"unknown enhancer 'hazy' \(did you mean 'haze'\?\)"):
        wespe_bench.load_enhancer("hazy")
