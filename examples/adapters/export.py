"""A network of one's own as files that run without its code: TorchScript, torch.export, ONNX.

pip install onnxscript    # torch.onnx.export needs it
python examples/adapters/export.py exported/
wespe-bench run --enhancers "Ours=pt2:exported/network.pt2?output=1&multiple=4" --input photos/
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """Halves the photo twice and doubles it again, so sides have to be multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, stride=4)
        self.up = nn.ConvTranspose2d(8, 3, 4, stride=4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """RGB (N, 3, H, W) on [0, 1]: a correction, and the corrected photo (``output=1``)."""
        correction = self.up(self.down(x).relu()).tanh()
        return correction, (x + 0.1 * correction).clamp(0, 1)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    network, example = Network().eval(), torch.rand(1, 3, 64, 96)
    sides = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}  # free, not 64x96 for ever
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, example), str(folder / "network.ts"))
        program = torch.export.export(network, (example,), dynamic_shapes=(sides,))
        torch.export.save(program, folder / "network.pt2")
        torch.onnx.export(
            network,
            (example,),
            folder / "network.onnx",
            dynamic_shapes=(sides,),
            verbose=False,
            external_data=False,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
