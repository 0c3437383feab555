"""The works that reports cite: an entry for each name that has one, each fit for BibTeX."""

from __future__ import annotations

import re
from pathlib import Path

from reports.page import write_report
from tests.reports.runs import make_run
from wespe_bench import registry
from wespe_bench.citations import _CITE, cited, entries
from wespe_bench.datasets.source import source_name, terms_of

#: Names without a work of their own.
NONE = {
    *("psnr", "psnr_pooled", "psnr_y", "entropy", "entropy_rgb", "bpp", "bpp_pinned"),
    *("ffs-standin", "folder", "camera", "identity", "auto_levels", "equalize", "auto_gamma"),
    *("unsharp", "ape_like", "apple", "results", "tone", "pt2", "torchscript", "onnx", "cmd"),
}


def test_every_name_of_the_registry_is_cited_or_has_nothing_to_cite() -> None:
    names = {*registry.DATASETS, *registry.METRICS, *registry.METRIC_PREFIXES}
    names |= {*registry.ENHANCERS, *registry.ENHANCER_PREFIXES, *registry.OPTIONAL_METRICS}
    cites = {name for name in names if len(cited([name])) > 1}
    assert names - cites - NONE == set(), "cite it, or name it above"
    assert cites & NONE == set()
    (_, kodak) = cited(["kodak"])
    assert kodak.startswith("@misc{kodak,") and kodak.count("{") == kodak.count("}")
    assert len(cited(["lpips", "lpips?shave=4"])) == 3, "the tool, the metric, and pyiqa"
    assert {key for keys in _CITE.values() for key in keys} <= set(entries())


def test_entries_are_well_formed() -> None:
    assert len(entries()) > 20
    for key, entry in entries().items():
        assert re.match(rf"@[a-z]+\{{{key},\n", entry) and entry.endswith("\n}")
        assert entry.count("{") == entry.count("}")
        fields = re.findall(r"^  ([a-z]+) = \{(.+)\},?$", entry, re.MULTILINE)
        assert [name for name, _ in fields][:2] == ["author", "title"]
        place = {"@article": "journal", "@inproceedings": "booktitle", "@misc": "howpublished"}
        assert place.get(entry.partition("{")[0], "publisher") in dict(fields)
        assert 1952 < int(dict(fields)["year"]) < 2030


def test_a_report_states_terms_and_what_to_cite(tmp_path: Path) -> None:
    values = {"ms_ssim": [0.5, 0.6], "entropy": [7.0, 7.1]}
    make_run(tmp_path, "a", values, dataset="dped_iphone_full", enhancer="dped:x.safetensors")
    make_run(tmp_path, "b", values, dataset="kitti_mine", options={}, enhancer="clahe")
    own = {"name": "div2k_of_mine", "revision": "0" * 64, "options": {"input": "/photos"}}
    make_run(tmp_path, "c", values, dataset="div2k_of_mine") / "run.json"
    import json

    run = tmp_path / "div2k_of_mine/c/run.json"
    run.write_text(json.dumps(json.loads(run.read_text()) | {"dataset": own}))
    paths = write_report(tmp_path)[0]
    for text in (path.read_text("utf-8") for path in paths[:2]):
        for key in ("wespe_bench", "dped", "ms_ssim", "kitti", "clahe"):
            assert f"{{{key},\n" in text
        for key in ("ssim", "div2k", "cornia"):
            assert f"{{{key},\n" not in text
        assert "research use; ask the authors for anything else" in text
        assert "CC BY-NC-SA 3.0" in text and "academic research only" not in text
        assert text.count("@inproceedings{dped,") == 1


def test_data_sets_are_known_by_their_runs_names() -> None:
    assert [source_name(n) for n in ("samples_fit", "ffs_test", "kittix")] == [
        "samples_fit",
        "ffs",
        "",
    ]
    assert terms_of("camera") == terms_of("folder") == terms_of("") == ""
