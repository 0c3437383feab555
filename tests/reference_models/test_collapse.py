import pytest
import torch

from reference_models.collapse import PATIENCE, REMEDIES, Signs, Watch, compare

FINE = {
    "psnr": 20.0,
    "spread": 0.9,
    "correlation": 0.95,
    "active": 0.5,
    "accuracy": (0.8, 0.7),
    "contrast": (1.0, 1.0),
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
        ({"accuracy": (0.7, 1.0)}, "won"),
        ({"contrast": (0.0, 1.0)}, "lost"),
    ],
)
def test_every_sign_is_said_once_within_200_iterations(change, name):
    watch, said = Watch(), []
    for iteration in range(10, 1001, 10):
        wrong = iteration > 300  # it begins somewhere
        said += watch.look(iteration, Signs(**(FINE | (change if wrong else {}))))
    (sentence,) = said
    assert 300 < watch.said[name] <= 500
    assert all(part in sentence for part in REMEDIES[name])


def test_a_passing_sign_is_not_said():
    watch = Watch()
    for iteration in range(10, 1001, 10):
        signs = FINE | ({"spread": 0.0} if iteration % PATIENCE else {})
        assert not watch.look(iteration, Signs(**signs))


def test_the_watch_is_resumed():
    watch, other = Watch(), Watch()
    watch.look(10, Signs(**FINE | {"psnr": 5.0}))
    other.load_state_dict(watch.state_dict())
    assert len(other.look(10 + PATIENCE, Signs(**FINE | {"psnr": 5.0}))) == 1


def test_compare_knows_a_photo_a_negative_and_a_grey():
    x = _photos()
    psnr, spread, correlation = compare(x, x)
    assert (psnr, spread, correlation) == pytest.approx((100, 1, 1), rel=1e-4)
    assert compare(1 - x, x)[1:] == pytest.approx((1, -1), rel=1e-4)
    psnr, spread, _ = compare(torch.full_like(x, 0.5), x)
    assert spread < 1e-3
    expected = -10 * ((x - 0.5) ** 2).mean(dim=(1, 2, 3)).log10().mean()
    assert psnr == pytest.approx(expected.item(), rel=1e-5)
    # Brighter is another exposure, not another picture.
    assert compare(x * 0.5 + 0.4, x)[1:] == pytest.approx((0.5, 1), rel=1e-4)
