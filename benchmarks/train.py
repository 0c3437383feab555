"""How fast is a WESPE iteration, against a plain eager loop and against the arithmetic.

    uv run python benchmarks/train.py --out benchmarks/results/train.csv

"plain" is what a port would write: the same four networks from torch's own layers, VGG-19
from a Sequential, one Adam a pair, float32, nothing switched off. "ours" is the loop of
``train wespe``: it also draws its patches, clips, averages the weights and logs. "floor" is the
iteration's arithmetic at the rate that this device reaches in a large matrix product. On CUDA
"ours" is measured in each precision, layout and compile mode, on a CPU in fp32 and, where it takes
it, bf16.
"""

from __future__ import annotations

import argparse
import copy
import csv
import itertools
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models import vgg
from reference_models.patches import Draws, Photos
from reference_models.wespe import losses
from reference_models.wespe.recipe import TrainWespe
from reference_models.wespe.steps import (
    CompiledNetworks,
    Wespe,
    discriminator_step,
    generator_terms,
    set_requires_grad,
    total,
    update_ema,
)
from wespe_bench import vgg_files
from wespe_bench.provenance import machine
from wespe_bench.training import acceleration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--patch", type=int, default=100)
    parser.add_argument("--batch", type=int, default=0, help="default: 1 on a CPU, 30 on CUDA")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = acceleration.choose_device("auto")
    batch = arguments.batch or (30 if device == "cuda" else 1)
    config = TrainWespe(width=arguments.width, patch=arguments.patch, batch=batch, init_std=0.03)
    rate = matrix_rate(device, torch.float32)
    flops = 2 * macs(config)
    rows = [
        {"case": "floor fp32", "seconds": flops / rate, "tflops": rate / 1e12},
    ]
    if device == "cuda":
        rate16 = matrix_rate(device, torch.bfloat16)
        rows.append({"case": "floor bf16", "seconds": flops / rate16, "tflops": rate16 / 1e12})
    cases = {"plain fp32": lambda: plain(config, device)}
    on_cpu = ("fp32", "bf16") if acceleration.cpu_has_bf16() else ("fp32",)
    for precision in on_cpu if device == "cpu" else ("fp32", "tf32", "bf16"):
        for layout in ("NCHW", "channels-last"):
            for mode in ("off",) if device == "cpu" else ("off", "default", "reduce-overhead"):
                name = f"ours {precision} {layout}" + ("" if mode == "off" else f" {mode}")
                cases[name] = lambda p=precision, y=layout, m=mode: ours(config, device, p, y, m)
    steps = {name: make() for name, make in cases.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()  # compiles, plans, allocates
        step()
    for _ in range(arguments.repeats):  # by turns, so that a busy machine is fair to all
        for name, step in steps.items():
            times[name].append(timed(step, device))
    for name, found in times.items():
        rows.append(
            {"case": name, "seconds": min(found), "tflops": flops / min(found) / 1e12}
            | {"median": statistics.median(found)}
        )
    rows += parts(config, device)
    base = next(row["seconds"] for row in rows if row["case"] == "plain fp32")
    facts = {
        "device": torch.cuda.get_device_name() if device == "cuda" else machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "width": config.width,
        "patch": config.patch,
        "batch": batch,
    }
    for row in rows:
        row["speedup"] = base / row["seconds"]
        print(
            f"{row['case']:<34} {row['seconds']:9.4f} s {1 / row['seconds']:8.2f} it/s "
            f"{row['tflops']:8.3f} TFLOP/s {row['speedup']:6.2f}x plain",
            flush=True,
        )
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        names = ["case", "seconds", "median", "tflops", "speedup", *facts]
        with arguments.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            for row in rows:
                short = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
                writer.writerow(short | facts)


def matrix_rate(device: str, kind: torch.dtype) -> float:
    """FLOP per second of a large matrix product, the best of ten."""
    size = 8192 if device == "cuda" else 1024
    a = torch.randn(size, size, device=device, dtype=kind)
    best = min(timed(lambda: a @ a, device) for _ in range(10))
    return 2 * size**3 / best


def macs(config: TrainWespe) -> float:
    """Multiply-adds of an iteration: G three times forward (once for D) and twice backward, ..."""
    with torch.device("meta"):
        generator, colour = Wespe(config).generator, Wespe(config).colour
    pixels = config.patch**2
    weights = [p for p in generator.parameters() if p.ndim == 4]
    g = sum(p.numel() for p in weights) * pixels
    d, size = 0, config.patch
    for layer in colour.convolutions:
        size = -(-size // layer.stride[0])
        d += layer.weight.numel() * size**2
    d += colour.hidden.weight.numel()
    v, size, into = 0, config.patch, 3
    for filters, depth in zip(vgg_files.FILTERS, vgg_files.DEPTHS, strict=True):
        for _ in range(depth):
            v += 9 * into * filters * size**2
            into = filters
        size = -(-size // 2)
    # G: forward, backward (2), forward for D. F: 3. VGG: x, F(G(x)) and its input's gradient.
    # Each D: forward and the input's gradient; then on 2 B patches forward and backward (3).
    return config.batch * (4 * g + 3 * g + 3 * v + 2 * (2 * d + 2 * 3 * d))


def ours(
    config: TrainWespe, device: str, precision: str, layout: str, mode: str
) -> Callable[[], None]:
    torch.manual_seed(0)
    form = torch.channels_last if layout == "channels-last" else torch.contiguous_format
    networks: Any = Wespe(config).to(device=device, memory_format=form)
    features: Any = vgg.load().to(device=device, memory_format=form)
    average = copy.deepcopy(networks.generator)
    compile_ = partial(acceleration.compile_networks, mode=mode, precision=precision, device=device)
    compiled = CompiledNetworks.of(networks, features, config, compile_)
    adam_g = torch.optim.Adam(networks.generators(), 1e-4, fused=True)
    adam_d = torch.optim.Adam(networks.discriminators(), 1e-4, fused=True)
    source, target = (photos(seed).to(device, layout == "channels-last") for seed in range(2))
    draws = Draws(config)
    numbers = itertools.count(1)

    def descend(adam: torch.optim.Optimizer, loss: Tensor) -> Tensor:
        adam.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(adam.param_groups[0]["params"], config.clip or math.inf)
        adam.step()
        return norm

    def step() -> None:
        iteration = next(numbers)
        acceleration.choose_precision(precision, device)
        acceleration.begin_iteration(mode)
        set_requires_grad(networks.discriminators(), False)
        terms = generator_terms(compiled, source.batch(draws("x", iteration)), config)[1]
        norm = descend(adam_g, total(terms))
        update_ema(average, networks.generator, 0.999, iteration)
        set_requires_grad(networks.discriminators(), True)
        with torch.no_grad():
            fake = compiled.generator(source.batch(draws("fake", iteration)))
        real = target.batch(draws("real", iteration))
        coins = draws("coin", iteration).coins()
        wrong = discriminator_step(compiled, fake, real, coins, config).loss
        descend(adam_d, wrong)
        if iteration % config.log_every == 0:
            acceleration.to_floats(terms | {"wrong": wrong, "norm": norm})

    return step


def photos(seed: int) -> Photos:
    """Eight photos of noise, 300 x 400 px."""
    pixels = np.random.default_rng(seed).integers(0, 256, 8 * 300 * 400 * 3, np.uint8)
    sizes = np.tile(np.array([[300, 400]]), (8, 1))
    return Photos("noise", str(seed), torch.from_numpy(pixels), np.arange(8) * 360_000, sizes)


def plain(config: TrainWespe, device: str) -> Callable[[], None]:
    """A straightforward port, correct and without a thought for speed."""
    torch.manual_seed(0)

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *(nn.Conv2d(width, width, 3, padding=1), norm(width), nn.ReLU()),
                *(nn.Conv2d(width, width, 3, padding=1), norm(width), nn.ReLU()),
            )

        def forward(self, x: Tensor) -> Tensor:
            return x + self.body(x)

    def norm(width: int) -> nn.Module:
        return nn.InstanceNorm2d(width, eps=1e-3, affine=True)

    def generator() -> nn.Module:
        w = config.width
        return nn.Sequential(
            *(nn.Conv2d(3, w, 9, padding=4), nn.ReLU(), *(Residual(w) for _ in range(4))),
            *(nn.Conv2d(w, w, 3, padding=1), nn.ReLU(), nn.Conv2d(w, w, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(w, 3, 9, padding=4), nn.Tanh()),
        )

    def discriminator(channels: int) -> nn.Module:
        p = math.ceil(math.ceil(math.ceil(config.patch / 4) / 2) / 2)
        act = nn.LeakyReLU(0.2)
        return nn.Sequential(
            *(nn.ZeroPad2d((3, 4, 3, 4)), nn.Conv2d(channels, 48, 11, 4), act),
            *(nn.Conv2d(48, 128, 5, 2, 2), act, norm(128), nn.Conv2d(128, 192, 3, 1, 1), act),
            *(norm(192), nn.Conv2d(192, 192, 3, 1, 1), act, norm(192)),
            *(nn.Conv2d(192, 128, 3, 2, 1), act, norm(128), nn.Flatten()),
            *(nn.Linear(128 * p * p, 1024), act, nn.Linear(1024, 1)),
        )

    def sequential() -> nn.Module:
        layers: list[nn.Module] = []
        for name, (kernel, bias) in zip(vgg_files.LAYERS, vgg_files.random_layers(), strict=True):
            if name.endswith("_1") and layers:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            convolution.weight.data, convolution.bias.data = map(torch.from_numpy, (kernel, bias))
            layers += [convolution, nn.ReLU()]
        return nn.Sequential(*layers).requires_grad_(False)

    g, f, d_colour, d_texture, see = (
        network.to(device)
        for network in (generator(), generator(), discriminator(3), discriminator(1), sequential())
    )
    taps = torch.from_numpy(np.outer(*[losses.kernel(config.blur)] * 2)).float().to(device)
    taps = taps.expand(3, 1, 21, 21).contiguous()
    adam_g = torch.optim.Adam([*g.parameters(), *f.parameters()], 1e-4)
    adam_d = torch.optim.Adam([*d_colour.parameters(), *d_texture.parameters()], 1e-4)
    x, fresh, real = (batch(config, device, seed) for seed in range(3))

    def blur(z: Tensor) -> Tensor:
        return F.conv2d(z, taps, padding=10, groups=3)

    def entropy(logits: Tensor, truth: float) -> Tensor:
        target = torch.full_like(logits, truth)
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum")

    def step() -> None:
        acceleration.choose_precision("fp32", device)
        y = g(x) * 0.58 + 0.5
        cycle = f(y) * 0.58 + 0.5
        mean = torch.tensor([123.68, 116.779, 103.939], device=device).view(1, 3, 1, 1)
        content = F.mse_loss(see(cycle * 255 - mean), see(x * 255 - mean))
        adversarial = entropy(d_colour(blur(y)), 1) + entropy(d_texture(losses.grey(y)), 1)
        loss = content + 5e-3 * adversarial + 10 * losses.total_variation(y)
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()
        fake = (g(fresh) * 0.58 + 0.5).detach()
        wrong = entropy(d_colour(blur(real)), 1) + entropy(d_colour(blur(fake)), 0)
        wrong = wrong + entropy(d_texture(losses.grey(real)), 1)
        wrong = wrong + entropy(d_texture(losses.grey(fake)), 0)
        adam_d.zero_grad()
        wrong.backward()
        adam_d.step()

    return step


def parts(config: TrainWespe, device: str) -> list[dict[str, Any]]:
    """Forward and backward of each part alone, float32, as they are called."""
    torch.manual_seed(0)
    networks = Wespe(config).to(device)
    features = vgg.load().to(device)
    x = batch(config, device, 0).requires_grad_()
    one = {
        "G or F forward + backward": lambda: networks.generator(x).sum().backward(),
        "VGG forward": lambda: _quiet(features, x),
        "VGG forward + input gradient": lambda: features(x).sum().backward(),
        "D_c forward + backward": lambda: networks.colour(x).sum().backward(),
        "blur, grey, variation": lambda: (
            losses.blur(x).sum() + losses.grey(x).sum() + losses.total_variation(x)
        ).backward(),
    }
    rows = []
    for name, call in one.items():
        call()
        seconds = min(timed(call, device) for _ in range(3))
        rows.append({"case": f"part: {name}", "seconds": seconds, "tflops": float("nan")})
    return rows


def _quiet(features: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        features(x)


def batch(config: TrainWespe, device: str, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (config.batch, 3, config.patch, config.patch)
    return torch.rand(shape, generator=generator).to(device)


def timed(call: Callable[[], Any], device: str) -> float:
    """Seconds; on a CPU those that this process got, so that others' work does not count."""
    if device == "cuda":
        torch.cuda.synchronize()
        begun = time.perf_counter()
        call()
        torch.cuda.synchronize()
        return time.perf_counter() - begun
    begun = time.process_time()
    call()
    return (time.process_time() - begun) / torch.get_num_threads()


if __name__ == "__main__":
    main()
