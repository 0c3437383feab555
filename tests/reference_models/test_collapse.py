import pytest
import torch

from reference_models.collapse import PATIENCE, REMEDIES, Watch, compare, measure
from reference_models.wespe.networks import Generator
from wespe_bench.training.acceleration import to_floats

FINE = {
    "psnr": 20.0,
    "spread": 0.9,
    "correlation": 0.95,
    "active": 0.5,
    "accuracy_colour": 0.8,
    "accuracy_texture": 0.7,
    "contrast_colour": 1.0,
    "contrast_texture": 1.0,
}


def _photos():
    torch.manual_seed(0)
    return torch.nn.functional.interpolate(torch.rand(4, 3, 6, 6), 24, mode="bilinear")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"spread": 0.02, "psnr": 9.0, "correlation": 0.0}, "grey"),
        ({"correlation": -0.8, "psnr": 6.0}, "negative"),
        ({"psnr": 8.0}, "far"),
        ({"active": 0.0}, "dead"),
        ({"accuracy_texture": 1.0}, "won"),
        ({"contrast_colour": 0.0}, "lost"),
    ],
)
def test_every_sign_is_said_once_within_200_iterations(change, name):
    watch, said = Watch(), []
    for iteration in range(10, 1001, 10):
        wrong = iteration > 300  # it begins somewhere
        said += watch.look(iteration, FINE | (change if wrong else {}))
    (sentence,) = said
    assert 300 < watch.said[name] <= 500
    assert all(part in sentence for part in REMEDIES[name])


def test_a_passing_sign_is_not_said():
    watch = Watch()
    for iteration in range(10, 1001, 10):
        signs = FINE | ({"spread": 0.0} if iteration % PATIENCE else {})
        assert not watch.look(iteration, signs)


def test_the_watch_is_resumed():
    watch, other = Watch(), Watch()
    watch.look(10, FINE | {"psnr": 5.0})
    other.load_state_dict(watch.state_dict())
    assert len(other.look(10 + PATIENCE, FINE | {"psnr": 5.0})) == 1


def test_compare_knows_a_photo_a_negative_and_a_grey():
    x = _photos()
    psnr, spread, correlation = compare(x, x).tolist()
    assert (psnr, spread, correlation) == pytest.approx((100, 1, 1), rel=1e-4)
    assert compare(1 - x, x)[1:].tolist() == pytest.approx((1, -1), rel=1e-4)
    psnr, spread, _ = compare(torch.full_like(x, 0.5), x).tolist()
    assert spread < 1e-3
    expected = -10 * ((x - 0.5) ** 2).mean(dim=(1, 2, 3)).log10().mean()
    assert psnr == pytest.approx(expected.item(), rel=1e-5)
    # Brighter is another exposure, not another picture.
    assert compare(x * 0.5 + 0.4, x)[1:].tolist() == pytest.approx((0.5, 1), rel=1e-4)


def test_the_literal_preset_is_named_as_a_cause():
    for preset, named in (("literal", True), ("paper", False), ("", False)):
        watch = Watch(preset)
        watch.look(10, FINE | {"psnr": 5.0})
        (sentence,) = watch.look(10 + PATIENCE, FINE | {"psnr": 5.0})
        assert ("--preset paper" in sentence) == named


def test_accuracy_and_contrast():
    logits = torch.tensor([[2.0], [-1.0], [-1.0], [2.0]])
    real = torch.tensor([True, True, False, False])
    x = _photos()
    both = {"_colour": logits, "_texture": -logits + 5}
    found = to_floats(measure(x, x, Generator(4, 1), both, real))
    assert found["accuracy_colour"] == found["accuracy_texture"] == 0.5
    assert found["contrast_colour"] == pytest.approx(1.5)
    assert found["contrast_texture"] == pytest.approx(1.5)
    assert 0 < found["active"] <= 1
