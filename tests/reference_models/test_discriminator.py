import numpy as np
import pytest
import torch

from reference_models.wespe.networks import Discriminator, InstanceNorm, spectral_norm
from tests.oracles import discriminator as oracle


@pytest.mark.parametrize(
    ("channels", "outputs", "expected"),
    [(3, 1, 7_371_713), (1, 1, 7_360_097), (1, 2, 7_361_122)],
)
def test_sizes(channels, outputs, expected):
    with torch.device("meta"):
        network = Discriminator(channels, outputs=outputs)
    assert sum(p.numel() for p in network.parameters()) == expected


@pytest.mark.parametrize(("channels", "patch"), [(3, 100), (1, 50), (3, 33)])
def test_forward_equals_the_slow_one(channels, patch):
    torch.manual_seed(patch)
    network = Discriminator(channels, patch, width=6, init_std=0.1).eval()
    for module in network.modules():
        if isinstance(module, InstanceNorm):
            torch.nn.init.normal_(module.weight, 1, 0.1)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    state = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}
    images = np.random.default_rng(patch).random((2, patch, patch, channels)).astype(np.float32)
    with torch.no_grad():
        logits = network(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    expected = np.stack([oracle.forward(image, state) for image in images])
    assert abs(expected).max() > 0.05
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_the_odd_pixel_is_padded_at_the_bottom_and_right():
    network = Discriminator(1, width=3)
    assert [c.padding[0] for c in network.convolutions] == [3, 2, 1, 1, 1]
    assert network.odd == [1, 0, 0, 0, 0]


def test_initial_weights():
    torch.manual_seed(0)
    network = Discriminator(3, 48, width=12)
    for name, p in network.named_parameters():
        if name.startswith("norms"):
            assert torch.all(p == (1 if name.endswith("weight") else 0))
        elif name.endswith("bias"):
            assert torch.all(p == 0.01)
        else:
            assert p.abs().max() <= 0.02
    assert abs(network.hidden.weight.std().item() / 0.01 - 0.8796) < 0.03


def test_another_patch_is_refused():
    with pytest.raises(ValueError, match="this discriminator takes"):
        Discriminator(3, 32, width=3)(torch.zeros(1, 3, 33, 33))
    with pytest.raises(ValueError, match="expected at least 1"):
        Discriminator(0)


def test_spectral_norm_bounds_every_layer():
    torch.manual_seed(0)
    network = spectral_norm(Discriminator(1, 32, width=6, init_std=0.3))
    for _ in range(200):  # a step of the power iteration each
        network(torch.rand(1, 1, 32, 32))
    for layer in [*network.convolutions, network.hidden, network.out]:
        gain = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert gain.item() == pytest.approx(1, abs=0.02)
