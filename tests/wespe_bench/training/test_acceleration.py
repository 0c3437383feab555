import pytest
import torch
from torch import nn

from wespe_bench.errors import InputError
from wespe_bench.training import acceleration


def test_a_failing_compiler_is_gone_without(monkeypatch):
    def compile_(network, **_):
        def broken(x):
            raise RuntimeError("no compiler here")

        return broken

    monkeypatch.setattr(torch, "compile", compile_)
    network = nn.Conv2d(3, 2, 1)
    call = acceleration.compiled(network, "default", "cpu")
    x = torch.rand(1, 3, 4, 4)
    with pytest.warns(UserWarning, match=r"torch.compile failed.*no compiler here"):
        first = call(x)
    assert torch.equal(first, network(x))
    assert torch.equal(call(x), network(x))  # and not a word more


def test_a_compiled_network_is_used(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **_: lambda x: network(x) + 1)
    network = nn.Conv2d(3, 2, 1)
    x = torch.rand(1, 3, 4, 4)
    call = acceleration.compiled(network, "reduce-overhead", "cpu")
    assert torch.equal(call(x), network(x) + 1)
    assert acceleration.compiled(network, "auto", "cpu") is network
    assert acceleration.compiled(network, "off", "cuda") is network


def test_choices():
    assert acceleration.choose_precision("auto", "cpu") == "fp32"
    assert acceleration.choose_device("cpu") == "cpu"
    for call, complaint in (
        (lambda: acceleration.choose_device("tpu"), "auto, cpu or cuda"),
        (lambda: acceleration.choose_precision("fp16", "cuda"), "expected one of"),
        (lambda: acceleration.choose_precision("tf32", "cpu"), "needs --device cuda"),
        (lambda: acceleration.compiled(nn.Identity(), "fast", "cpu"), "--compile fast"),
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


@pytest.mark.gpu
def test_bf16_is_for_convolutions_only():
    from reference_models.wespe.networks import Generator

    torch.manual_seed(0)
    network = Generator(8, 1, init_std=0.1).cuda()
    seen = {}
    network.last.register_forward_hook(lambda m, i, o: seen.update(last=o.dtype))
    network.middle2.register_forward_hook(lambda m, i, o: seen.update(middle=o.dtype))
    y = acceleration.call(network, "off", "bf16", "cuda")(torch.rand(1, 3, 32, 32, device="cuda"))
    assert (seen["middle"], seen["last"], y.dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
