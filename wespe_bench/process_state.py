"""Settings of a whole process that somebody's function may change: put back after its call."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Put back the folder, NumPy's error state and torch's defaults as they were before."""
    import numpy as np

    folder, errors = Path.cwd(), np.geterr()
    torch = sys.modules.get("torch")
    if torch is not None:
        kind, threads = torch.get_default_dtype(), torch.get_num_threads()
        device = torch.get_default_device() if hasattr(torch, "get_default_device") else None
        gradients = torch.is_grad_enabled()
    try:
        yield
    finally:
        if Path.cwd() != folder:
            os.chdir(folder)
        np.seterr(**errors)
        if torch is not None:
            torch.set_default_dtype(kind)
            torch.set_grad_enabled(gradients)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            if device is not None and torch.get_default_device() != device:
                torch.set_default_device(device)
