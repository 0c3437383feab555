"""A WESPE generator as an enhancer: ``wespe:CHECKPOINT``.

    wespe-bench train wespe --source phone/ --target dslr/ --out runs/phone
    wespe-bench enhance wespe:runs/phone/generator.safetensors --input photos/

The network is DPED's, so the enhancer is `reference_models.dped.enhancer`, which has the options.
"""

from __future__ import annotations

from reference_models.dped.enhancer import GeneratorEnhancer, of_spec


def wespe(argument: str) -> GeneratorEnhancer:
    """A WESPE generator, photos of any size: wespe:CHECKPOINT?precision=fp32&max_memory=2GB.

    ``wespe:demo`` is the small one that ships (`reference_models.demo`).
    """
    return of_spec("wespe", argument)
