import numpy as np
import pytest
import torch

from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.training import curves, resume

ROWS = [{"iteration": float(n), "loss": 1 / n, "nothing": float("nan")} for n in (1, 10, 20, 30)]


def _write(folder, rows, iteration=0):
    journal = curves.Journal(folder, iteration)
    for row in rows:
        journal.write(row)
    journal.close()


def test_rows_come_back(tmp_path):
    _write(tmp_path, ROWS)
    assert [row["iteration"] for row in curves.read(tmp_path)] == [1, 10, 20, 30]
    assert curves.read(tmp_path)[1]["loss"] == pytest.approx(0.1)
    assert (tmp_path / "train.csv").read_text().splitlines()[0] == "iteration,loss,nothing"


def test_resuming_forgets_what_will_come_again(tmp_path):
    _write(tmp_path, ROWS)
    whole = (tmp_path / "train.csv").read_bytes()
    with (tmp_path / "train.csv").open("a") as file:
        file.write("40,0.0")  # killed within a line
    _write(tmp_path, ROWS[2:], iteration=15)
    assert (tmp_path / "train.csv").read_bytes() == whole
    _write(tmp_path, ROWS[:1])
    assert len(curves.read(tmp_path)) == 1


def test_summary_has_a_dozen_points():
    rows = [{"iteration": float(n), "loss": n / 3} for n in range(100)]
    found = curves.summary(rows)
    assert found["iteration"][0] == 0
    assert found["iteration"][-1] == 99
    assert len(found["loss"]) == 12
    assert curves.summary([]) == {}


def test_pictures(tmp_path):
    curves.draw(tmp_path)  # nothing to draw yet
    _write(tmp_path, ROWS)
    curves.draw(tmp_path)
    assert read_rgb(tmp_path / "curves.png").std() > 5
    red = torch.zeros(2, 3, 5, 5)
    red[:, 0] = 2.0  # beyond the range: clamped
    curves.strip(tmp_path / "strip.png", [red, torch.zeros(2, 3, 5, 5)])
    strip = read_rgb(tmp_path / "strip.png")
    assert strip.shape == (14, 14, 3)
    np.testing.assert_array_equal(strip[3, 3], [255, 0, 0])
    np.testing.assert_array_equal(strip[10, 10], [0, 0, 0])
    np.testing.assert_array_equal(strip[0, 0], [255, 255, 255])


def test_state_of_other_networks_is_refused(tmp_path):
    resume.save(tmp_path, 7, {"a": 1}, {"net": torch.nn.Linear(2, 3)})
    net = torch.nn.Linear(2, 3)
    assert resume.restore(tmp_path, {"a": 1}, {"net": net}) == 7
    with pytest.raises(InputError, match="does not fit these networks"):
        resume.restore(tmp_path, {"a": 1}, {"net": torch.nn.Linear(2, 4)})
    with pytest.raises(InputError, match=r"other settings: a \(was 1, is 2\)"):
        resume.restore(tmp_path, {"a": 2}, {"net": net})
    assert resume.restore(tmp_path / "nowhere", {"a": 1}, {"net": net}) == 0


def test_a_weight_that_is_not_finite_is_not_saved(tmp_path):
    net = torch.nn.Linear(2, 3)
    resume.save(tmp_path, 7, {}, {"net": net})
    before = (tmp_path / resume.NAME).read_bytes()
    with torch.no_grad():
        net.weight[0, 0] = float("nan")
    with pytest.raises(InputError, match="iteration 8: weights of net not finite"):
        resume.save(tmp_path, 8, {}, {"net": net})
    assert (tmp_path / resume.NAME).read_bytes() == before


def test_a_state_runs_no_code(tmp_path):
    """A pickle that would create a file is refused before it can."""
    import pickle

    class Bad:
        def __reduce__(self):
            return (open, (str(tmp_path / "created"), "w"))

    (tmp_path / resume.NAME).write_bytes(pickle.dumps(Bad()))
    with pytest.raises(InputError, match="not a training's state"):
        resume.restore(tmp_path, {}, {})
    assert not (tmp_path / "created").exists()
