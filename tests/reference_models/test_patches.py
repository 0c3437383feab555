import numpy as np
import pytest
import torch

from reference_models import patches
from reference_models.patches import Draw
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.registry import load_dataset


@pytest.fixture
def sizes(tmp_path):
    """Photos of different sizes; each value says which photo, row and column it is of."""
    for number, (height, width) in enumerate([(40, 33), (32, 32), (35, 60)]):
        row, column = np.mgrid[0:height, 0:width]
        photo = np.stack([row, column, np.full_like(row, number)], -1).astype(np.uint8)
        write_png(tmp_path / "sizes" / f"{number}.png", photo)
    return tmp_path / "sizes"


def test_patches_are_cut_from_the_photos(sizes):
    photos = patches.load(str(sizes), 20)
    for number in range(3):
        np.testing.assert_array_equal(photos.photo(number), read_rgb(sizes / f"{number}.png"))
    batch = photos.batch(Draw("x", 1, 500, 20))
    assert batch.shape == (500, 3, 20, 20)
    assert batch.dtype == torch.float32
    levels = (batch * 255).round().long()
    step = torch.arange(20)
    tops, lefts, of = levels[:, 0, 0, 0], levels[:, 1, 0, 0], levels[:, 2, 0, 0]
    # Every patch is one photo's neighbouring rows and columns.
    assert torch.equal(levels[:, 0], (tops.view(-1, 1, 1) + step.view(20, 1)).expand(-1, 20, 20))
    assert torch.equal(levels[:, 1], (lefts.view(-1, 1, 1) + step).expand(-1, 20, 20))
    assert torch.equal(levels[:, 2], of.view(-1, 1, 1).expand(-1, 20, 20))
    # Every photo is as likely, and corners reach the last place.
    assert all(abs((of == n).sum().item() - 500 / 3) < 60 for n in range(3))
    assert (tops[of == 0].min(), tops[of == 0].max()) == (0, 20)
    assert (lefts[of == 2].min(), lefts[of == 2].max()) == (0, 40)


def test_a_draw_is_repeatable_and_independent_of_others(sizes):
    photos = patches.load(str(sizes), 20)
    assert torch.equal(photos.batch(Draw("x", 5, 8, 20)), photos.batch(Draw("x", 5, 8, 20)))
    first = photos.batch(Draw("x", 5, 8, 20))
    for other in (Draw("y", 5, 8, 20), Draw("x", 6, 8, 20), Draw("x", 5, 8, 20, seed=1)):
        assert not torch.equal(first, photos.batch(other))


def test_source_and_target_are_never_paired(sizes):
    """Were indices aligned, a target of the same scenes would show the same places."""
    photos = patches.load(str(sizes), 20)
    matches = 0
    for iteration in range(200):
        x = photos.batch(Draw("x", iteration, 4, 20))
        y = photos.batch(Draw("real", iteration, 4, 20))
        matches += sum(torch.equal(a, b) for a, b in zip(x, y, strict=True))
    # One of three photos, and then one of hundreds of places: about one in a thousand.
    assert matches < 30


def test_processes_share_one_batch(sizes):
    photos = patches.load(str(sizes), 20)
    whole = photos.batch(Draw("x", 3, 6, 20, turn=True))
    for rank in range(2):
        part = photos.batch(Draw("x", 3, 6, 20, turn=True, rank=rank, world=2))
        assert torch.equal(part, whole[rank::2])


def test_turns_are_the_eight_of_a_square(sizes):
    photos = patches.load(str(sizes), 32)
    seen = {
        tuple(photos.batch(Draw("x", i, 1, 32, turn=True))[0, :, ::31, ::31].flatten().tolist())
        for i in range(400)
        if True
    }
    only = {corner for corner in seen if corner[8] * 255 == pytest.approx(1)}
    assert len(only) == 8  # the photo of just that size has one place only


def test_a_packed_set_gives_the_same_patches_and_stays_in_its_file(sizes, tmp_path):
    from wespe_bench import cli

    pack = str(tmp_path / "pack")
    assert cli.main(["data", "pack", "--input", str(sizes), "--out", pack, "--jobs", "0"]) == 0
    read, mapped = patches.load(str(sizes), 20), patches.load(pack, 20)
    assert mapped.revision == read.revision
    draw = Draw("x", 1, 30, 20, turn=True)
    assert torch.equal(mapped.batch(draw), read.batch(draw))
    with pytest.warns(UserWarning, match="1 of 3 photos are smaller than 33 px"):
        small = patches.load(pack, 33)
    assert len(small) == 2
    for wrong, message in ((f"{pack}:reference", "without references"), (pack, "at least 2")):
        with pytest.raises(InputError, match=message):
            patches.load(wrong, 36)
    (tmp_path / "pack/pack.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        patches.load(pack, 20)


def test_packed_pairs_stay_pairs(photos, references, tmp_path):
    from wespe_bench import cli

    pack = str(tmp_path / "pack")
    words = ("--input", str(photos), "--reference", str(references), "--out", pack, "--jobs", "0")
    assert cli.main(["data", "pack", *words]) == 0
    dataset = load_dataset("folder", input=photos, reference=references)
    read = patches.from_dataset(dataset, False, 24, paired=True)
    mapped = patches.load(pack, 24, paired=True)
    assert mapped.revision == read.revision
    for a, b in zip(
        read.pairs(Draw("x", 1, 9, 24)), mapped.pairs(Draw("x", 1, 9, 24)), strict=True
    ):
        assert torch.equal(a, b)
    sides = patches.load(f"{pack}:reference", 24)
    assert torch.equal(sides.batch(Draw("x", 1, 9, 24)), mapped.pairs(Draw("x", 1, 9, 24))[1])


def test_pairs_come_from_the_same_places(photos, references):
    dataset = load_dataset("folder", input=photos, reference=references)
    paired = patches.from_dataset(dataset, False, 20, paired=True)
    x, y = paired.pairs(Draw("x", 1, 10, 20))
    truth = patches.from_dataset(dataset, True, 20)
    assert truth.name == "photos:reference"
    assert torch.equal(y, truth.batch(Draw("x", 1, 10, 20)))
    assert torch.equal(x, paired.batch(Draw("x", 1, 10, 20)))
    assert paired.revision == dataset.revision != truth.revision


def test_small_photos_are_left_out(sizes):
    with pytest.warns(UserWarning, match="1 of 3 photos are smaller than 33 px"):
        assert len(patches.load(str(sizes), 33)) == 2
    with pytest.raises(InputError, match=r"1 photos to train on, 2 are smaller.*smaller --patch"):
        patches.load(str(sizes), 34)


def test_bad_photos(photos, references, tmp_path):
    with pytest.raises(InputError, match="no such folder, nor a data set"):
        patches.load("nowhere", 20)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no photos"):
        patches.load(str(tmp_path / "empty"), 20)
    with pytest.raises(InputError, match="not paired"):
        patches.load(f"{photos}:reference", 20)
    with pytest.raises(InputError, match="no references"):
        patches.load(str(photos), 20).pairs(Draw("x", 1, 2, 20))
    write_png(references / "img3.png", np.zeros((24, 33, 3), np.uint8))
    dataset = load_dataset("folder", input=photos, reference=references)
    with pytest.raises(InputError, match="img3: 32x24 and its reference 33x24"):
        patches.from_dataset(dataset, False, 20, paired=True)
