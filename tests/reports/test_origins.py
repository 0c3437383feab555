"""What reports say of where a method comes from."""

from __future__ import annotations

import pytest

from reports.origins import origin_of
from wespe_bench.listing import first_line
from wespe_bench.registry import ENHANCER_PREFIXES, ENHANCERS, resolve

TRAINED = {
    "model": "WESPE",
    "note": "trained by wespe-bench",
    "iterations": 300,
    "photos": "phone 0123456789abcdef",
    "targets": "div2k fedcba9876543210",
}


@pytest.mark.parametrize("name", [*ENHANCERS, *ENHANCER_PREFIXES])
def test_every_enhancer_is_described_as_list_does(name: str) -> None:
    spec = name if name in ENHANCERS else f"{name}:file"
    line = first_line(resolve(ENHANCERS.get(name) or ENHANCER_PREFIXES[name]))
    what = origin_of("Mine", spec, {}).what
    assert len(what) > 8 and line.startswith(what) and not what.endswith(".")


def test_origin_and_terms_are_those_that_are_recorded() -> None:
    ours = origin_of("Mine", "clahe", {})
    assert (ours.source, ours.terms) == ("wespe-bench", "MIT")
    trained = origin_of("W", "wespe:mine.safetensors", TRAINED)
    assert trained.source == (
        "trained by wespe-bench; 300 iterations on phone (revision 0123456789ab), "
        "target div2k (revision fedcba987654)"
    )
    assert trained.terms == "" and "Terms: not stated." in trained.sentence
    assert origin_of("W", "wespe:demo?device=cpu", TRAINED).terms == "MIT"
    released = origin_of("Z", "zero_dce:a.safetensors", {"note": "imported"})
    assert released.what == "Zero-DCE (Guo et al., CVPR 2020)"
    assert released.source.startswith("imported; https://")
    assert released.terms == "non-commercial use only"


def test_what_others_state_is_shown_on_one_line() -> None:
    stated = {"paper": "Doe\n2026", "terms": "CC0", "model": 7, "page": ["x"]}
    foreign = origin_of("a\nb", "mine.py:f", stated)
    assert foreign.label == "a b" and foreign.what == "Code from outside wespe-bench"
    assert (foreign.source, foreign.terms) == ("mine.py:f; Doe 2026", "CC0")
