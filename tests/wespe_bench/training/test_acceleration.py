import pytest
import torch
from torch import nn

from wespe_bench.errors import InputError
from wespe_bench.training import acceleration

X = torch.rand(2, 3, 4, 4)


def networks():
    return {"one": nn.Conv2d(3, 2, 1), "two": nn.BatchNorm2d(3)}


def rehearse(calls):
    """A step of each network: forward and backward."""
    for call in calls.values():
        call(X).sum().backward()


class Late(torch.autograd.Function):
    """Fails as a compiler does that meets the backward graph first."""

    @staticmethod
    def forward(_, x):
        return x.clone()

    @staticmethod
    def backward(_, gradient):
        raise RuntimeError("no compiler here")


def forward(x):
    raise RuntimeError("no compiler here")


@pytest.mark.parametrize("broken", [forward, Late.apply])
@pytest.mark.parametrize("which", [nn.Conv2d, nn.BatchNorm2d])
def test_a_compiler_that_fails_in_any_graph_is_reported_once(monkeypatch, which, broken):
    def compile_(network, **_):
        return lambda x: broken(network(x)) if isinstance(network, which) else network(x)

    monkeypatch.setattr(torch, "compile", compile_)
    parts = networks()
    with pytest.warns(UserWarning, match=r"torch.compile failed.*no compiler here") as said:
        calls = acceleration.compile_networks(parts, rehearse, "default")
    assert len(said) == 1
    assert calls == parts  # uncompiled, all of them
    rehearse(calls)


def test_a_rehearsal_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **_: lambda x: network(x) + 1)
    parts = networks()
    before = {name: value.clone() for name, value in parts["two"].state_dict().items()}
    calls = acceleration.compile_networks(parts, rehearse, "reduce-overhead")
    assert all(torch.equal(before[name], v) for name, v in parts["two"].state_dict().items())
    assert all(p.grad is None for network in parts.values() for p in network.parameters())
    assert torch.equal(calls["one"](X), parts["one"](X) + 1)


def test_what_is_not_compiled_is_not_rehearsed():
    def never(_):
        raise AssertionError

    parts = networks()
    assert acceleration.compile_networks(parts, never, "auto", device="cpu") == parts
    assert acceleration.compile_networks(parts, never, "off", device="cuda") == parts


def test_choices():
    assert acceleration.choose_precision("auto", "cpu") == "fp32"
    assert acceleration.choose_device("cpu") == "cpu"
    for call, complaint in (
        (lambda: acceleration.choose_device("tpu"), "auto, cpu or cuda"),
        (lambda: acceleration.choose_precision("fp16", "cuda"), "expected one of"),
        (lambda: acceleration.choose_precision("tf32", "cpu"), "needs --device cuda"),
        (lambda: acceleration.compile_networks({}, rehearse, "fast"), "--compile fast"),
    ):
        with pytest.raises(InputError, match=complaint):
            call()


def test_a_lack_of_memory_is_one_line():
    with (
        pytest.raises(InputError, match="CUDA is out of memory; lower --batch"),
        acceleration.out_of_memory("--batch"),
    ):
        raise torch.OutOfMemoryError("tried to allocate 3 GiB\nmore lines")
    with (
        pytest.raises(InputError, match=r"^out of memory; lower --batch$"),
        acceleration.out_of_memory("--batch"),
    ):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(RuntimeError, match="shapes"), acceleration.out_of_memory("--batch"):
        raise RuntimeError("shapes differ")


def test_a_cpu_takes_bf16_where_it_multiplies_it(monkeypatch):
    monkeypatch.setattr(acceleration, "cpu_has_bf16", lambda: True)
    assert acceleration.choose_precision("bf16", "cpu") == "bf16"
    assert acceleration.choose_precision("auto", "cpu") == "fp32"
    monkeypatch.setattr(acceleration, "cpu_has_bf16", lambda: False)
    with pytest.raises(InputError, match=r"neither AVX512_BF16 nor AMX; use fp32"):
        acceleration.choose_precision("bf16", "cpu")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_bf16_is_for_convolutions_only(device):
    from reference_models.wespe.networks import Generator

    torch.manual_seed(0)
    network = Generator(8, 1, init_std=0.1).to(device)
    seen = {}
    network.last.register_forward_hook(lambda m, i, o: seen.update(last=o.dtype))
    network.middle2.register_forward_hook(lambda m, i, o: seen.update(middle=o.dtype))
    calls = acceleration.compile_networks({"g": network}, rehearse, "off", "bf16", device)
    x = torch.rand(1, 3, 32, 32, device=device)
    y = calls["g"](x)
    assert (seen["middle"], seen["last"], y.dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
    assert 0 < (y - network(x)).abs().max() < 0.02
