"""Hostile manifests, lists, cards and result folders."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile import whole
from tests.hostile.cases import Case

TITLE = "Lists, cards and result folders"

_PHOTO = b"not looked at"


def _text(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, "utf-8")


def _manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "photos").mkdir()
        (folder / "photos" / "a.png").write_bytes(_PHOTO)
        content = json.loads(whole.manifests()[0])
        change(content)
        (folder / "m.json").write_text(json.dumps(content))

    return make


def _raw_manifest(text: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _manifest(lambda _: None)(folder)
        (folder / "m.json").write_text(text)

    return make


def _runs(folder: Path) -> None:
    from tests.reports.runs import make_run

    make_run(folder / "theirs", "identity", {"psnr": [20.0, 21.0, 22.0]}, revision="0" * 64)


def _run_with(name: str, data: Callable[[], bytes]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _runs(folder)
        (folder / "theirs" / "photos" / "identity" / name).write_bytes(data())

    return make


def _run_of_ids(*samples: str) -> Callable[[Path], object]:
    """A run whose samples are called this, as no writer of ours would."""

    def make(folder: Path) -> None:
        from wespe_bench.store_files import encode

        _runs(folder)
        rows = [{"sample": s, "path": "p", "sha256": "0" * 64} for s in samples]
        run = folder / "theirs" / "photos" / "identity"
        (run / "samples.parquet").write_bytes(encode("samples", rows))

    return make


def _table(build: Callable[[Any], Any]) -> Callable[[Path], object]:
    """A run with a part of scores that ``build`` makes of pyarrow, its name's hash right."""

    def make(folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from wespe_bench import provenance

        _runs(folder)
        sink = io.BytesIO()
        made = build(pa)
        # Without Arrow's own schema, which would say "dictionary" where Parquet says text.
        with pq.ParquetWriter(sink, made.schema, compression="zstd", store_schema=False) as writer:
            writer.write_table(made)
            writer.add_key_value_metadata({"wespe_bench.schema": "1"})
        name = f"part-00000009-{provenance.sha256_bytes(sink.getvalue())[:32]}.parquet"
        run = folder / "theirs" / "photos" / "identity" / "scores"
        (run / name).write_bytes(sink.getvalue())

    return make


def _repeated(pa: Any, rows: int, letters: int) -> Any:
    numbers = pa.array(np.zeros(rows, np.int32))
    return pa.DictionaryArray.from_arrays(numbers, pa.array(["x" * letters]))


def _card(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        from reports import cards

        _runs(folder)
        content = json.loads(whole.cards()[0])
        content["samples"] = ["s00", "s01", "s02"]
        content["scores_sha256"] = cards._digest([content["samples"], content["scores"]])
        change(content)
        (folder / "card.json").write_text(json.dumps(content))

    return make


def _raw_card(text: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _runs(folder)
        (folder / "card.json").write_text(text)

    return make


def _list(text: str) -> Callable[[Path], object]:
    return _text("list.csv", text)


def _by_manifest(offered: str, make: Callable[[Path], object], answer: str) -> Case:
    command = "enhance identity --dataset camera:photos?manifest=m.json --out out --jobs 0"
    return Case(offered, make, command, answer)


def _added(offered: str, make: Callable[[Path], object], answer: str) -> Case:
    command = "leaderboard --runs theirs --add card.json --out out"
    return Case(offered, make, command, f"card.json: not a usable card: {answer}")


def _ranked(offered: str, make: Callable[[Path], object], answer: str) -> Case:
    return Case(offered, make, "leaderboard --runs theirs --out out", f"theirs/photos/{answer}")


_NOT = "not a manifest; wespe-bench data split writes one"
_REDO = "delete it and run the same command again, only what it held is redone"

CASES = (
    _by_manifest("a manifest nested 200,000 deep", _raw_manifest("[" * 200_000), f"m.json: {_NOT}"),
    _by_manifest(
        "a manifest whose number is Infinity",
        _raw_manifest('{"wespe_bench_manifest": Infinity}'),
        f"m.json: {_NOT}",
    ),
    _by_manifest(
        "a manifest whose number has 5,000 digits",
        _raw_manifest('{"wespe_bench_manifest": %s}' % ("9" * 5000)),
        f"m.json: {_NOT}",
    ),
    _by_manifest(
        "a manifest with a photo `../../escaped`",
        _manifest(lambda m: m["photos"][0].update(id="../../escaped")),
        "m.json: a damaged manifest (photo '../../escaped')",
    ),
    _by_manifest(
        "a manifest with a photo of half a character",
        _manifest(lambda m: m["photos"][0].update(id="\udce9")),
        "m.json: a damaged manifest (photo '\\udce9')",
    ),
    _by_manifest(
        "a manifest with a photo moved to the other side",
        _manifest(lambda m: m["photos"][0].update(split="test")),
        "m.json: its photos do not give its revisions; it was edited or cut",
    ),
    _by_manifest(
        "a manifest that states a key twice, the second time another",
        lambda f: (
            _manifest(lambda _: None)(f),
            (f / "m.json").write_text(whole.manifests()[0].decode()[:-1] + ', "photos": []}'),
        ),
        "m.json: its photos do not give its revisions; it was edited or cut",
    ),
    Case(
        "a list of ratings with a line of 200,000 letters",
        _list("image,score\n" + "x" * 200_000 + ",1\n"),
        "cornia fit --iqa list.csv --better higher --out out/x.safetensors",
        "list.csv line ...: not CSV (...)",
    ),
    Case(
        "a list of ratings with `nan`",
        _list("image,score\na.png,nan\n"),
        "cornia fit --iqa list.csv --better higher --out out/x.safetensors",
        "list.csv line 2: the score is nan; leave the photo out",
    ),
    Case(
        "a CSV of faves with a zero byte",
        _list("path,views,faves\na\0.png,1,1\n"),
        "ffs build list.csv --out out --jobs 0",
        "list.csv: line 2: path ... is no photo's: it has control characters...",
    ),
    Case(
        "a CSV of faves with 10^5000 views",
        _list(f"path,views,faves\na.png,1{'0' * 5000},1\n"),
        "ffs build list.csv --out out --jobs 0",
        "list.csv: line 2: views '1... is no whole number from 0",
    ),
    Case(
        "wespe-data.toml nested 20,000 deep",
        _text("wespe-data.toml", f"a={'[' * 20_000}"),
        "data check mine",
        "wespe-data.toml: not TOML (nested too deeply); write lines like dped = '/path'",
    ),
    _ranked(
        "run.json nested 200,000 deep",
        _run_with("run.json", lambda: b"[" * 200_000),
        "identity/run.json: damaged; delete it and run the same command again",
    ),
    _ranked(
        "run.json that is an empty list",
        _run_with("run.json", lambda: b"[]"),
        "identity/run.json: damaged; delete it and run the same command again",
    ),
    _ranked(
        "a run with the photo `../../escaped`",
        _run_of_ids("../../escaped"),
        "identity/samples.parquet: damaged (ValueError: sample id '../../escaped' is no plain"
        f" relative path); {_REDO}",
    ),
    _ranked(
        "a run with the photo `/etc/passwd`",
        _run_of_ids("/etc/passwd"),
        "identity/samples.parquet: damaged (ValueError: sample id '/etc/passwd' is no plain"
        f" relative path); {_REDO}",
    ),
    _ranked(
        "a Parquet file of 10 kB that stands for 60 GB of text",
        _table(lambda pa: pa.table({"sample": _repeated(pa, 3_000_000, 20_000)})),
        "identity/scores/part-00000009-...: damaged (ValueError: ... bytes would become"
        f" 60000000000 and more); {_REDO}",
    ),
    _ranked(
        "a Parquet file of 2 kB with 50,000,000 rows",
        _table(lambda pa: pa.table({"seed": pa.array(np.zeros(5 * 10**7, np.int8))})),
        "identity/scores/part-00000009-...: damaged (ValueError: ... bytes would become"
        f" ... and more); {_REDO}",
    ),
    _ranked(
        "a Parquet file of lists in lists",
        _table(lambda pa: pa.table({"sample": pa.array([[["a"]]])})),
        "identity/scores/part-00000009-...: damaged (ValueError: the column 'sample' holds"
        f" neither numbers nor texts); {_REDO}",
    ),
    Case(
        "a pickle called run.json",
        _run_with("run.json", lambda: b"\x80\x04cos\nsystem\n."),
        "export scores theirs --out out/x.csv",
        "theirs/photos/identity/run.json: damaged; delete it and run the same command again",
    ),
    _added("a card nested 200,000 deep", _raw_card("[" * 200_000), "nested too deeply"),
    _added(
        "a card with the photo `../../escaped`",
        _card(lambda c: c["samples"].__setitem__(0, "../../escaped")),
        "sample id '../../escaped' is no plain relative path",
    ),
    _added(
        "a card with a photo of half a character",
        _card(lambda c: c["samples"].__setitem__(0, "caf\udce9")),
        "sample id 'caf\\udce9' holds control characters or lone surrogates",
    ),
    _added(
        "a card with a score of NaN",
        _card(lambda c: c["scores"]["psnr"].__setitem__(0, np.nan)),
        "'nan' is not a score",
    ),
    _added(
        "a card with a score of 10^400",
        _card(lambda c: c["scores"]["psnr"].__setitem__(0, 10**400)),
        "int too large to convert to float",
    ),
    _added("a card with a number of 5,000 digits", _raw_card(f'{{"schema": {"9" * 5000}}}'), "..."),
    _added(
        "a card with a score changed afterwards",
        _card(lambda c: c["scores"]["psnr"].__setitem__(0, 99.0)),
        "its scores are not those that its scores_sha256 names",
    ),
    _added(
        "a card whose label sets the terminal's colour",
        _card(lambda c: c["method"].update(label="a\x1b[31m")),
        "method.label holds control characters",
    ),
)
