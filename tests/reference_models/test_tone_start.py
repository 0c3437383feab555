"""A training that starts at the closed-form tone match."""

import numpy as np
import pytest
import torch

from reference_models.patches import Draw, Photos
from reference_models.tone import match
from reference_models.wespe.networks import Generator
from reference_models.wespe.tone_start import Tones, start_as_curves


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(1)
    soft = rng.random((2, 40, 50, 3)) ** 0.7

    def photos(values):
        block = np.clip(values * 255, 0, 255).astype(np.uint8)
        sizes = np.tile(np.array([block.shape[1:3]], np.int64), (len(block), 1))
        offsets = np.arange(len(block)) * block[0].size
        return Photos("some", "1", torch.from_numpy(block.reshape(-1)), offsets, sizes)

    return photos(soft * [0.5, 0.6, 0.7] + 0.02), photos(soft[:, ::-1] * 0.95 + 0.03)


@pytest.mark.parametrize("model", match.MODELS)
def test_the_match_is_that_of_train_tone(sides, model):
    source, target = sides
    tones = Tones.between(source, target, model)
    counts = [sum(match.count_values(p.photo(n)) for n in range(2)) for p in sides]
    assert (tones.forth == match.fit(model, *counts)).all()
    assert (tones.back == match.fit(model, *reversed(counts))).all()
    x = source.batch(Draw("x", 1, 3, 24))
    photo = (x[1] * 255).round().byte().permute(1, 2, 0).numpy()
    expected = torch.from_numpy(match.apply(tones.forth, photo)).permute(2, 0, 1) / 255
    torch.testing.assert_close(tones(x)[1], expected)


@pytest.mark.parametrize(("width", "levels"), [(64, 4), (32, 7)])
def test_g_starts_near_the_match_and_f_near_its_reverse(sides, width, levels):
    source, target = sides
    tones = Tones.between(source, target, "mean_std")
    x = source.batch(Draw("x", 1, 4, 32))
    torch.manual_seed(0)
    forth, back = (start_as_curves(Generator(width), c) for c in (tones.forth, tones.back))
    matched = tones(x)
    with torch.no_grad():
        assert (matched - x).abs().mean() * 255 > 30  # there is something to match
        assert (forth(x) - matched).abs().mean() * 255 < levels
        assert (back(matched) - x).abs().mean() * 255 < levels


def test_every_weight_can_learn_from_this_start(sides):
    source, target = sides
    tones = Tones.between(source, target, "histogram")
    torch.manual_seed(0)
    generator = start_as_curves(Generator(12, 2, init_std=0.1), tones.forth)
    x = source.batch(Draw("x", 1, 4, 32))
    (generator(x) - x.flip(3)).square().sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_a_set_of_one_colour_has_no_match(sides):
    source, _ = sides
    grey = Photos("grey", "2", torch.full_like(source.pixels, 7), source.offsets, source.sizes)
    with pytest.raises(ValueError, match="same red value"):
        Tones.between(source, grey, "mean")
