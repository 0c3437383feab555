import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference_models.wespe import losses
from tests.oracles import losses as oracle


def _photos(seed=0, shape=(3, 3, 13, 18)):
    a = np.random.default_rng(seed).uniform(-0.08, 1.08, shape).astype(np.float32)
    return a, torch.from_numpy(a)


def _same(ours, expected):
    assert ours.dtype == torch.float32
    assert ours.item() == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("kind", losses.CONTENTS)
def test_content(kind):
    (a, x), (b, y) = _photos(1, (4, 5, 3, 2)), _photos(2, (4, 5, 3, 2))
    _same(losses.content(x, y, kind), oracle.content(a, b, kind))


@pytest.mark.parametrize("kind", losses.BLURS)
def test_blur(kind):
    a, x = _photos()
    np.testing.assert_allclose(losses.blur(x, kind).numpy(), oracle.blur(a, kind), atol=2e-6)


def test_kernels_are_what_the_documentation_says():
    taps = {kind: np.outer(*[losses.kernel(kind)] * 2) for kind in losses.BLURS}
    position = np.arange(21) - 10
    assert taps["literal"].sum() == pytest.approx(2.99, abs=0.005)
    for kind in losses.BLURS[:3]:
        assert taps[kind].sum() == pytest.approx(1)
    assert taps["dped"][10, 10] == pytest.approx(0.00756, abs=5e-6)
    spread = {kind: math.sqrt(t.sum(0) @ position**2 / t.sum()) for kind, t in taps.items()}
    assert spread["dped"] == pytest.approx(4.34, abs=0.005)
    assert spread["gauss21_var3"] == pytest.approx(math.sqrt(3), abs=0.005)
    # The printed factor is that kernel's own.
    assert taps["gauss21_var3"][10, 10] == pytest.approx(0.053, abs=1e-4)


def test_grey():
    a, x = _photos()
    np.testing.assert_allclose(losses.grey(x).numpy(), oracle.grey(a), atol=1e-6)


@pytest.mark.parametrize("reduction", losses.REDUCTIONS)
@given(st.lists(st.floats(-15, 15, width=32), min_size=1, max_size=6))
def test_adversarial(reduction, values):
    logits = np.array(values, np.float32)[:, None]
    z = torch.from_numpy(logits)
    for saturating in (False, True):
        ours = losses.adversarial(z, reduction, saturating=saturating)
        expected = oracle.adversarial(logits, reduction, saturating)
        assert ours.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    real = [n % 3 == 0 for n in range(len(values))]
    ours = losses.discrimination(z, torch.tensor(real), reduction)
    expected = oracle.discrimination(logits, real, reduction)
    assert ours.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", losses.VARIATIONS)
def test_total_variation(kind):
    a, x = _photos()
    _same(losses.total_variation(x, kind), oracle.total_variation(a, kind))


def test_the_printed_variation_lets_opposite_gradients_cancel():
    row, column = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    edge = ((row - column) / 12).expand(1, 3, 12, 12)
    assert losses.total_variation(edge, "literal").item() == pytest.approx(0, abs=1e-7)
    assert losses.total_variation(edge).item() == pytest.approx(2 / 144)


@pytest.mark.parametrize("kind", ["dped", "gauss21_var3"])
def test_paired_colour(kind):
    (a, x), (b, y) = _photos(1), _photos(2)
    _same(losses.paired_colour(x, y, kind), oracle.paired_colour(a, b, kind))


def test_anchors():
    (a, x), (b, y) = _photos(1), _photos(2)
    _same(losses.identity(y, x), float(np.abs(a.astype(float) - b).mean()))
    # A mean over an incomplete square is a mean over the pixels it has.
    _same(
        losses.low_frequency(y[..., :16, :16], x[..., :16, :16]),
        oracle.low_frequency(b[..., :16, :16], a[..., :16, :16]),
    )
    _same(losses.low_frequency(y, x), oracle.low_frequency(b, a))


@pytest.mark.parametrize("kind", losses.CONTENTS)
def test_gradients_are_finite_where_there_is_no_difference(kind):
    x = torch.rand(2, 3, 6, 6, requires_grad=True)
    loss = losses.content(x, x.detach().clone(), kind)
    loss = loss + losses.total_variation(x * 0 + 0.5, "literal")
    loss.backward()
    assert torch.isfinite(x.grad).all()


def test_unknown_readings_are_refused():
    x = torch.zeros(1, 3, 4, 4)
    for call in (
        lambda: losses.content(x, x, "l1"),
        lambda: losses.blur(x, "box"),
        lambda: losses.adversarial(x, "max"),
        lambda: losses.total_variation(x, "l1"),
    ):
        with pytest.raises(ValueError, match="expected one of"):
            call()
