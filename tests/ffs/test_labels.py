"""Rules of labels: against pandas, scipy's beta-binomial, and faves drawn with known effects."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, spearmanr

from ffs import labels, manifest
from ffs.dataset import Build, build
from ffs.forget import forget_photos
from ffs.rated import Rated
from ffs.replies import Replies
from ffs.stats import tables
from wespe_bench.errors import InputError


def photo(number: int, views: int, faves: int, owner: str = "", year: int = 0) -> Rated:
    return Rated(f"p{number:05d}", views, faves, owner, f"{year}-06-01" if year else "", "0" * 64)


@st.composite
def some_photos(draw: st.DrawFn) -> list[Rated]:
    counts = st.tuples(
        *(st.integers(1, 60), st.integers(0, 60)),
        *(st.sampled_from(["", "a", "b", "c"]), st.sampled_from([0, 2014, 2015])),
    )
    drawn = draw(st.lists(counts, min_size=2, max_size=30))
    return [photo(number, *one) for number, one in enumerate(drawn)]


@given(some_photos(), st.sampled_from(["owner", "year"]))
def test_within_groups_as_pandas_has_it(photos: list[Rated], by: str) -> None:
    rows = pd.DataFrame([(p.id, p.faves / p.views, p.owner, p.uploaded[:4]) for p in photos])
    rows.columns = pd.Index(["id", "score", "owner", "year"])
    rows = rows[(rows[by] != "") & (rows.groupby(by)["id"].transform("size") > 1)]
    over = rows["score"] - rows.groupby(by)["score"].transform("median")
    if by == "owner":
        rows, over = rows[over != 0], over[over != 0]
    expected = {
        id_: "high" if more > 0 else "low" for id_, more in zip(rows["id"], over, strict=True)
    }
    rule = labels.parse(f"within-{by}")
    if not expected:
        with pytest.raises(InputError, match=r"no owner has two|no two training|add the column"):
            labels.label(rule, {"train": photos})
        return
    found, _, left = labels.label(rule, {"train": photos})
    assert found == expected
    assert len(found) + sum(left.values()) == len(photos)


@given(some_photos(), st.floats(0.05, 0.45))
def test_quantiles_are_the_ends_of_the_median_rule(photos: list[Rated], share: float) -> None:
    sides = {"train": photos[1:], "test": photos[:1]}
    plain, middle, _ = labels.label(labels.parse("median"), sides)
    found, same, left = labels.label(labels.parse(f"quantiles:{share!r}"), sides)
    assert middle == same
    assert found == {id_: label for id_, label in plain.items() if id_ in found}
    assert photos[0].id in found
    assert len(found) + sum(left.values()) == len(photos)
    score = {p.id: p.faves / p.views for p in photos}
    kept = [score[p.id] for p in photos[1:] if p.id in found]
    for gone in (score[p.id] for p in photos[1:] if p.id not in found):
        most = max(1, int(share * len(photos[1:])))
        assert sum(one < gone for one in kept) >= most >= sum(one > gone for one in kept)


def test_shrinkage_finds_the_beta_distribution_it_was_drawn_from() -> None:
    rng = np.random.default_rng(0)
    views = rng.integers(20, 400, 4000)
    faves = rng.binomial(views, rng.beta(2.0, 60.0, len(views)))
    drawn = [photo(n, int(v), int(f)) for n, (v, f) in enumerate(zip(views, faves, strict=True))]
    a, b = labels.beta(drawn)
    assert a == pytest.approx(2.0, rel=0.1)
    assert b == pytest.approx(60.0, rel=0.1)
    best = betabinom.logpmf(faves, views, a, b).sum()
    for other in [(a * 1.02, b), (a, b * 1.02), (a / 1.02, b), (a, b / 1.02)]:
        assert betabinom.logpmf(faves, views, *other).sum() < best
    # The posterior mean by numerical integration, of one fave in two views.
    p = np.linspace(1e-6, 1 - 1e-6, 200_001)
    weight = p ** (a - 1) * (1 - p) ** (b - 1) * p * (1 - p)
    value = labels.values(labels.parse("median", shrink=True), [photo(1, 2, 1)], drawn)
    assert value["p00001"] == pytest.approx((p * weight).sum() / weight.sum(), rel=1e-3)


def test_age_and_groups_take_out_what_was_put_in() -> None:
    rng = np.random.default_rng(1)
    photos = []
    for number in range(2000):
        owner, year = int(rng.integers(0, 400)), int(rng.integers(2006, 2020))
        fame = np.random.default_rng(owner).normal()
        days = (date(2019, 6, 1) - date(year, 6, 1)).days + 30
        rate = 0.6 * math.exp(0.7 * fame + 0.4 * rng.normal()) * days**-0.5
        faves = int(rng.binomial(2000, min(rate, 1)))
        photos.append(photo(number, 2000, faves, f"o{owner}", year))
    sides = {"train": photos}

    def ties(kind: str, **more: bool) -> dict[str, float]:
        return labels.ties(photos, labels.label(labels.parse(kind, **more), sides)[0])

    plain, aged = ties("median"), ties("median", age=True)
    assert plain["year"] > 0.3
    assert plain["owner"] > 0.3
    assert abs(aged["year"]) < 0.05
    assert abs(ties("within-year")["year"]) < 0.02
    assert ties("within-owner")["owner"] < 0
    high = labels.label(labels.parse("median"), sides)[0]
    expected = spearmanr([p.uploaded for p in photos], [high[p.id] == "high" for p in photos])
    assert plain["year"] == pytest.approx(expected.statistic, abs=1e-12)


@pytest.mark.parametrize(
    "text", ["", "mean", "quantiles", "quantiles:0.5", "quantiles:x", "median:1"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--label .*: expected median, within-owner, within-year"):
        labels.parse(text)


def test_built_read_again_and_in_the_statistics(tmp_path: Path) -> None:
    faves = np.random.default_rng(0).permutation(90)
    (tmp_path / "photos").mkdir()
    photos = []
    for number in range(60):
        one = photo(number, 100, int(faves[number]), f"o{number // 2}", 2010 + number % 5)
        (tmp_path / "photos" / f"{one.id}.jpg").write_bytes(b"")
        photos.append(one)
    config = Build("x", test=8, validation=6, label="quantiles:0.3", shrink=True)
    found = build(tmp_path, photos, config, "drawn")
    read = manifest.read(tmp_path)
    assert read == found
    assert read.label == "quantiles:0.3 shrink"
    assert len(read.of("test")) == 8
    assert manifest.counts(read.photos)["train"] == {"high": 13, "low": 13}  # of 46
    text = tables(read)
    for rule in ("median", "within-year", "within-owner", "median --shrink", "median --age"):
        assert f"| {rule} " in text
    build(tmp_path, photos, Build("x", test=8, validation=6), "drawn")
    assert '"label":' not in (tmp_path / manifest.HEAD).read_text()  # as it always was
    assert "| median (this one) " in tables(manifest.read(tmp_path))
    build(tmp_path, photos, config, "drawn")
    forget_photos(tmp_path, {read.of("test")[0].id}, None, Replies(tmp_path / "replies"))
    assert manifest.read(tmp_path).label == read.label


def test_a_rule_that_empties_the_test_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    photos = [photo(n, 100 + n, n % 13, f"o{n % 7}", 2020) for n in range(40)]
    # The only test photo is its owner's only one: neither above nor below that owner's median.
    config = Build("x", test=1, validation=1, per_owner=99, label="within-owner")
    with pytest.raises(InputError, match=r"^--label within-owner gives none of the 1 validation"):
        build(tmp_path, photos, config, "drawn")
    assert not (tmp_path / manifest.HEAD).exists()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            labels.parse("median", age=True),
            "--age: 2 of 3 photos have no day of upload",
        ),
        (labels.parse("within-owner"), "no photo names its owner; add the column owner$"),
        (labels.parse("within-year"), None),
    ],
)
def test_a_rule_names_only_what_it_lacks(rule: labels.Rule, said: str | None) -> None:
    photos = [photo(1, 5, 1, year=2016), photo(2, 5, 2), photo(3, 5, 3)]
    if said is None:
        labels.check(rule, photos)
        photos, said = photos[1:], "no photo has a day of upload; add the column uploaded$"
    with pytest.raises(InputError, match=said):
        labels.check(rule, photos)


def test_the_statistics_say_which_rules_they_leave_out_and_why(tmp_path: Path) -> None:
    rows = [
        manifest.Photo(f"p{n}", f"p{n}", 9, n, "", "", "low", "train", "0" * 64) for n in range(9)
    ]
    text = tables(manifest.ratings(tmp_path, rows, 9.0, 0, ""))
    assert "Not in the table: --label within-owner: no photo names its owner; add the" in text
    assert "Not in the table: --age: 9 of 9 photos have no day of upload" in text
    assert "| within-owner " not in text
