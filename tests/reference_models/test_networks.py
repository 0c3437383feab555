import numpy as np
import pytest
import torch
from torch import nn

from reference_models.collapse import compare
from reference_models.dped.importer import generator_state
from reference_models.wespe.networks import (
    Generator,
    InstanceNorm,
    RowwiseConvolution,
    start_as_identity,
)
from tests.oracles import generator as oracle


def _load(state: dict[str, np.ndarray], width: int, blocks: int) -> Generator:
    ours = generator_state(state)
    generator = Generator(width, blocks)
    generator.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in ours.items()})
    return generator.eval()


@pytest.mark.parametrize(("width", "blocks"), [(64, 4), (5, 2), (4, 0)])
def test_forward_equals_the_slow_one(width, blocks):
    rng = np.random.default_rng(width)
    state = oracle.random_state(rng, width, blocks)
    image = rng.random((23, 31, 3))
    x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.no_grad():
        ours = _load(state, width, blocks)(x)[0].permute(1, 2, 0).numpy()
    expected = oracle.forward(image.astype(np.float32), state)
    assert expected.std() > 0.05
    assert np.abs(ours - expected).max() < 1e-5


def test_sizes():
    generator = Generator()
    convolutions = sum(p.numel() for name, p in generator.named_parameters() if "norm" not in name)
    assert convolutions == 400_451
    assert sum(p.numel() for p in generator.parameters()) == 401_475


def test_initial_weights():
    torch.manual_seed(0)
    for name, p in Generator().named_parameters():
        if "norm" in name:
            assert torch.all(p == (1 if name.endswith("weight") else 0))
        elif name.endswith("bias"):
            assert torch.all(p == 0.01)
        else:
            assert p.abs().max() <= 0.02
            # A normal cut at two standard deviations has 0.8796 of its spread.
            assert abs(p.std().item() / 0.01 - 0.8796) < 0.03


def test_instance_norm_equals_torch():
    torch.manual_seed(0)
    ours, theirs = InstanceNorm(6), nn.InstanceNorm2d(6, eps=1e-3, affine=True)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 6, 17, 9) * 5 + 40
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.eval()(x), theirs(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_instance_norm_rounds_its_output_alone(dtype):
    """A mean far from zero would show a scale or shift that was rounded on the way."""
    torch.manual_seed(0)
    norm = InstanceNorm(6).eval()
    x = (torch.randn(3, 6, 17, 9) + 30).to(dtype)
    exact = nn.functional.instance_norm(x.double(), eps=1e-3)
    half = torch.finfo(dtype).eps / 2  # the largest relative error of rounding to nearest
    assert norm(x).dtype == dtype
    assert ((norm(x).double() - exact).abs() <= 1.01 * half * exact.abs() + 1e-5).all()


@pytest.mark.parametrize("padding", ["zero", "reflect"])
def test_rowwise_convolution_is_the_plain_one(padding):
    torch.manual_seed(0)
    ours = RowwiseConvolution(8, 3, 9, padding)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    mode = {"zero": "zeros", "reflect": "reflect"}[padding]
    plain = nn.Conv2d(8, 3, 9, padding=4, padding_mode=mode)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, 8, 14, 11, requires_grad=True)
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-5, atol=1e-4)
    (a,) = torch.autograd.grad(ours(x).square().sum(), ours.weight)
    (b,) = torch.autograd.grad(plain(x).square().sum(), plain.weight)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-2)


def test_output_range_and_skip():
    torch.manual_seed(0)
    generator = Generator(width=4, blocks=1, init_std=5.0)
    with torch.no_grad():
        y = generator(torch.rand(1, 3, 20, 20))
    assert y.min() >= -0.0801
    assert y.max() <= 1.0801
    assert y.max() > 1.0


def test_options():
    assert not any("norm" in name for name, _ in Generator(norm="none").named_parameters())
    x = torch.rand(1, 3, 16, 16)
    zero, reflect = Generator(4, 1), Generator(4, 1, padding="reflect")
    reflect.load_state_dict(zero.state_dict())
    assert reflect(x).shape == x.shape
    assert not torch.equal(zero(x), reflect(x))
    for wrong in ({"norm": "batch"}, {"padding": "same"}, {"width": 0}, {"blocks": -1}):
        with pytest.raises(ValueError, match="expected"):
            Generator(**wrong)


def test_started_as_identity_it_nearly_is():
    torch.manual_seed(0)
    x = torch.nn.functional.interpolate(torch.rand(4, 3, 8, 8), 48, mode="bilinear")
    correlation = {}
    with torch.no_grad():
        for name, start in (("normal", lambda g: g), ("identity", start_as_identity)):
            y = start(Generator(16))(x)
            correlation[name] = compare(y, x)[2]
        assert (y - x).square().mean().sqrt() < 0.2
    assert correlation["identity"] > 0.95
    assert abs(correlation["normal"]) < 0.8
    with pytest.raises(ValueError, match="at least 3 channels"):
        start_as_identity(Generator(2))
