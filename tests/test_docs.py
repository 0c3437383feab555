"""The documentation is true: its commands parse, its Python compiles, its links lead somewhere."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from docs import generate, site, verb_pages
from tests.reports.runs import make_run
from wespe_bench import cli, registry
from wespe_bench.verbs import VERBS

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "ffs" / "README.md",
        ROOT / "benchmarks" / "recipes" / "README.md",
    ]
)
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language; "" are those without one."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [block for name, block in blocks if name == language]


def _prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def _commands(text: str) -> Iterator[str]:
    """What follows ``wespe-bench`` in a page, in blocks and in running text."""
    for block in _blocks(text, ""):
        for line in block.splitlines():
            yield from re.findall(r"^(?:[\w=.]+ |\.venv/bin/|.*&& )*wespe-bench (\S.*)$", line)
    for inline in re.findall(r"`wespe-bench ([a-z][^`]*)`", " ".join(_prose(text).split())):
        if inline not in VERBS and "..." not in inline and "|" not in inline:
            yield inline


def _check(command: str) -> None:
    """Raise unless the command table takes these words."""
    words = shlex.split(command.partition(" > ")[0], comments=True)
    for length in (2, 1):
        if (verb := " ".join(words[:length])) in VERBS:
            cli.settings(verb, words[length:])
            return
    # `wespe-bench import dped` and the like in running text may name a group.
    assert len(words) == 1 and any(verb.startswith(f"{words[0]} ") for verb in VERBS), command


@pytest.fixture
def experiment_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that examples of ``run --config`` name."""
    (tmp_path / "exp.toml").write_text('suite = "demo"\n')
    monkeypatch.chdir(tmp_path)


@EACH_PAGE
@pytest.mark.usefixtures("experiment_file")
def test_commands_parse(page: Path) -> None:
    for command in _commands(page.read_text("utf-8")):
        try:
            _check(command)
        except Exception as error:
            pytest.fail(f"{command}: {error}")


def test_commands_are_found_and_wrong_ones_refused() -> None:
    readme = list(_commands((ROOT / "README.md").read_text("utf-8")))
    assert "demo" in readme
    assert 'compare "WESPE demo" "Tone demo" --runs runs/demo' in readme
    for wrong in ("run --sweet demo", "nonsense", "data nonsense"):
        with pytest.raises((Exception, AssertionError)):
            _check(wrong)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.usefixtures("experiment_file")
def test_examples_of_help_parse(verb: str) -> None:
    entry = VERBS[verb]
    doc = inspect.getdoc(getattr(cli._module(entry.module), entry.config))
    assert doc
    lines = re.findall(r"^ +(?:[A-Z_]+=\S+ )?wespe-bench (.*)$", doc, flags=re.MULTILINE)
    assert lines
    for line in lines:
        _check(line)


@EACH_PAGE
def test_python_compiles(page: Path) -> None:
    for block in _blocks(page.read_text("utf-8"), "python"):
        compile(block, str(page), "exec")


@EACH_PAGE
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page in (ROOT / "README.md", ROOT / "docs/how-to/data.md"):
        return  # tests/test_readme.py runs these, and looks at what they give
    monkeypatch.chdir(tmp_path)
    blocks = _blocks(page.read_text("utf-8"), "python")
    if blocks:
        make_run(tmp_path / "runs" / "demo", "identity", {"psnr": [20.0, 21.0]})
    for block in blocks:
        exec(block, {"__name__": "block"})


@functools.cache
def _text(file: Path) -> str:
    """A page's text; of a page that the program writes, what it writes."""
    write = generate.PAGES.get(str(file.relative_to(ROOT)))
    return write() if write else file.read_text("utf-8")


def test_a_metric_of_your_own_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/metrics.md").read_text("utf-8")
    (code,) = (block for block in _blocks(page, "python") if "MEAN" in block)
    (tmp_path / "my_metric.py").write_text(code)
    metric = registry.load_metric(f"{tmp_path / 'my_metric.py'}:MEAN")
    assert metric.compute(np.full((2, 2, 3), 7, np.uint8)) == 7.0


@pytest.mark.slow
def test_the_rater_page_shows_what_its_commands_print(
    mini_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    undrawn: None,
) -> None:
    page = (ROOT / "docs/start/train-a-rater.md").read_text("utf-8")
    built, trained, scored = _blocks(page, "text")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini").symlink_to(mini_photos)
    _, build, stats = next(c for c in _blocks(page, "") if "data mini" in c).splitlines()
    for line in (build, stats):
        verb = " ".join(line.split()[1:3])
        jobs = ["--jobs", "0"] if line == build else []
        assert cli.call(verb, [*line.split()[3:], *jobs]) == 0
        if line == build:
            out, err = capsys.readouterr()
            assert [line in out or line in err for line in built.splitlines()] == [True] * 4
    # A tiny network instead of VGG-19, so that it is quick: the lines stay, their numbers move.
    tiny = ["--vgg", "random", "--width", "2"]
    assert cli.call("ffs train", ["data/mine", "--out", "runs/rater", *tiny]) == 0
    said = {_shape(line) for line in capsys.readouterr().out.splitlines()}
    assert {_shape(line) for line in trained.splitlines()[:2]} <= said
    assert any("photos that one alone has right: rater" in line for line in said)
    card = Path("runs/rater/MODEL_CARD.md").read_text("utf-8")
    assert "**Trained on simulated faves.**" in card
    assert "paper " not in card
    cli.call("ffs export", ["data/mine", "--format", "huggingface", "--out", "share"])
    shared = Path("share/README.md").read_text("utf-8")
    assert "Not to be shared: owners, days, licences, views and faves are simulated." in shared
    cli.call(
        "ffs score", ["mini/iphone6", "--rater", "runs/rater/rater.safetensors", "--jobs", "0"]
    )
    assert _shape(scored) in map(_shape, capsys.readouterr().out.splitlines())


def _shape(line: str) -> str:
    return re.sub(r"[\d.]+", "N", line.strip())


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ +(.*)$", _prose(text), flags=re.MULTILINE)
    found = set()
    for heading in headings:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
        plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
        found.add(re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found


@EACH_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", _prose(text)):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists() or str(file.relative_to(ROOT)) in generate.PAGES, target
        if anchor:
            assert anchor in anchors(_text(file)), target
    assert not re.search(r"(?:^|[\s`(\"'=])/(?:work|home|root|Users)/", text), "a machine's path"


def test_what_is_read_first_is_short() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 130
    assert len((ROOT / "SECURITY.md").read_text("utf-8").splitlines()) <= 100
    # What CI and the tests' users call.
    assert "pip install uv && uv run pytest" in readme


def test_each_promise_of_security_names_tests_that_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = [row.split("|") for row in text.partition("| promise | tests |")[2].splitlines()[2:]]
    assert rows
    for _, promise, tests, _ in rows:
        names = re.findall(r"`([^`]+)`", tests)
        assert names, promise
        for name in names:
            file, _, test = name.partition("::")
            assert (ROOT / file).is_file(), name
            assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), name


@pytest.mark.parametrize("path", generate.PAGES)
@pytest.mark.usefixtures("experiment_file")
def test_pages_that_the_program_writes(path: str) -> None:
    text = generate.PAGES[path]()
    names = {
        "docs/reference/verbs.md": VERBS,
        "docs/reference/metrics.md": [*registry.METRICS, *registry.OPTIONAL_METRICS],
        "docs/reference/data-sets.md": registry.DATASETS,
        "docs/reference/enhancers.md": [*registry.ENHANCERS, *registry.SUITES],
    }.get(path, [])
    assert all(f"`{name}`" in text or f"## {name}" in text for name in names)
    assert "``" not in _prose(text)
    assert ":math:" not in text
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", _prose(text)):
        file = (ROOT / path).parent.joinpath(target).resolve()
        assert file.exists() or str(file.relative_to(ROOT)) in generate.PAGES, target
    for target in re.findall(r"\]\(#([^)\s]+)\)", text):
        assert target in anchors(text), target
    for command in _commands(text):
        _check(command)


def test_the_verb_page_has_every_option() -> None:
    (section,) = re.findall(
        r"^## compare$(.*?)^## ", verb_pages.verb_group("results"), flags=re.S | re.M
    )
    for shown in ("`METHODS`", "`--primary METRIC`", "`--fail-if-worse`", "| required |"):
        assert shown in section
    assert not re.search(r"\| +\|$", section, flags=re.M), "a default is blank"
    assert sorted(VERBS) == sorted(v for g in verb_pages.GROUPS for v in _headings(g))


def _headings(group: str) -> list[str]:
    return re.findall(r"^## (.*)$", _prose(verb_pages.verb_group(group)), flags=re.M)


def test_every_page_is_in_the_navigation_once() -> None:
    named = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.M)
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")}
    wanted = sorted({*pages, *generate.PAGES, *site.OUTSIDE, "index.md"})
    assert sorted(named) == wanted, "name each page of docs/ once in mkdocs.yml"


def test_the_dockerfile_copies_and_calls_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    for line in re.findall(r"^COPY (.*) \S+$", text, flags=re.M):
        assert all((ROOT / name).exists() for name in line.split()), line
    commands = re.findall(r"(?<=[&N] )wespe-bench ([^&\n]*)", text)
    assert len(commands) == 2
    for command in commands:
        verb, *words = command.split()
        assert cli.settings(verb, words) is not None
