"""The compiled loops: exact where they can be, and the same numbers under any load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.wespe_bench.metrics.conftest import noisy
from wespe_bench import images
from wespe_bench.metrics import kernels
from wespe_bench.registry import METRICS, load_metric
from wespe_bench.types import Metric

BATCHED = ["psnr", "ssim", "ssim_rgb", "ms_ssim", "ms_ssim_dped"]


def test_fixed_point_grey_equals_the_weights_on_every_colour() -> None:
    levels = np.arange(256, dtype=np.uint8)
    green, blue = np.meshgrid(levels, levels, indexing="ij")
    for red in range(256):
        colours = np.stack([np.full_like(green, red), green, blue], axis=-1)
        counts = kernels.grey_counts(kernels.frozen(colours).reshape(-1))
        expected = images.luma(colours)
        assert (counts == np.bincount(expected.ravel(), minlength=256)).all()
        fixed = (colours.astype(np.int64) @ np.array([5015314, 9848948, 1912954]) + 2**23) >> 24
        assert (fixed == expected).all()
    assert (kernels._RED, kernels._GREEN, kernels._BLUE) == (5015314, 9848948, 1912954)


def everything(image: np.ndarray, reference: np.ndarray) -> dict[str, str]:
    """Every metric's numbers, to the last bit."""
    result = {}
    for name in METRICS:
        metric = load_metric(name)
        value = metric.compute(*((image, reference) if metric.full_reference else (image,)))
        parts = value if isinstance(value, dict) else {"value": value}
        result[name] = " ".join(f"{key}={float(part).hex()}" for key, part in parts.items())
    return result


def patches(photo: np.ndarray, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """100x100 crops and their noisy versions: two uint8 (N, 100, 100, 3)."""
    corners = [(37 * n % 320, 61 * n % 530) for n in range(count)]
    crops = np.stack([photo[y : y + 100, x : x + 100] for y, x in corners])
    return np.stack([noisy(crop, 5 + n, n) for n, crop in enumerate(crops)]), crops


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_gives_what_each_photo_gives_alone(name: str, photo: np.ndarray) -> None:
    metric = load_metric(name)
    first, second = patches(photo)
    alone = [metric.compute(a, b) for a, b in zip(first, second, strict=True)]
    assert metric.batch is not None
    assert metric.batch(first, second) == alone
    assert metric.batch(first[::-1], second[::-1]) == alone[::-1]
    assert metric.batch(first[3:4], second[3:4]) == alone[3:4]


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_is_checked_like_a_photo(name: str) -> None:
    batch = load_metric(name).batch
    assert batch is not None
    good = np.zeros((2, 16, 16, 3), np.uint8)
    for images_, references in [
        (good, None),
        (good, good[:1]),
        (good, good[:, :15]),
        (good[0], good[0]),
        (good[:0], good[:0]),
        (good / 255, good / 255),
        (good, good.astype(np.float32)),
        (list(good), list(good)),
    ]:
        with pytest.raises(ValueError, match=r"expected|references|reference"):
            batch(images_, references)


def test_memory_layout_does_not_matter(photo: np.ndarray, distorted: np.ndarray) -> None:
    expected = everything(distorted[:200, :150], photo[:200, :150])
    first, second = distorted[:200, :150].copy(), photo[:200, :150].copy()
    assert everything(np.asfortranarray(first), np.asfortranarray(second)) == expected
    first.flags.writeable = second.flags.writeable = False
    assert everything(first, second) == expected


def test_threads_do_not_matter(photo: np.ndarray) -> None:
    first, second = patches(photo, 8)
    expected = [everything(a, b) for a, b in zip(first, second, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(everything, first, second)) == expected


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_processes_and_their_thread_counts_do_not_matter(threads: str) -> None:
    """Another process, with another number of threads, finds the same bits."""
    program = textwrap.dedent("""
        import json
        from tests.wespe_bench.metrics.test_kernels import everything
        from wespe_bench.doctor import golden_pair
        from wespe_bench.metrics import threads
        threads.WORTH = 0
        print(json.dumps(everything(*golden_pair())))
    """)
    from wespe_bench.doctor import golden_pair

    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | dict.fromkeys(names, threads),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == everything(*golden_pair())


@pytest.mark.parametrize(
    "module", ["wespe_bench", "wespe_bench.cli", "wespe_bench.registry", "wespe_bench.metrics"]
)
def test_numba_is_not_imported_before_a_number_is_asked_for(module: str) -> None:
    program = (
        f"import sys, {module}; from wespe_bench.registry import METRICS, load_metric; "
        "[load_metric(name) for name in METRICS]; "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_halving_is_exact_to_the_fifth_scale() -> None:
    white = kernels.rows_of(np.full((1, 33, 31, 3), 255, np.uint8))
    for scale in range(1, 5):
        white = kernels.frozen(kernels.halve(white))
        assert white.dtype == np.uint16
        assert (white == 255 * 4**scale).all()


def test_every_metric_is_a_record_with_its_name() -> None:
    for name in METRICS:
        metric = load_metric(name)
        assert isinstance(metric, Metric)
        assert metric.name == name
        assert metric.title and metric.summary and metric.version


def test_loops_are_compiled_whatever_numbas_variables_say() -> None:
    """NUMBA_DISABLE_JIT is for the user's own loops."""
    code = (
        "import numpy as np, numba\n"
        "from wespe_bench.registry import load_metric\n"
        "a = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)\n"
        "print(load_metric('psnr').compute(a, a + 1), numba.config.DISABLE_JIT,"
        " numba.njit(lambda x: x).__class__.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    value, disabled, kind = done.stdout.split()
    assert float(value) == pytest.approx(20 * np.log10(255), abs=1e-9)
    assert (disabled, kind) == ("1", "function")
