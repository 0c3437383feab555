"""The example's notebook runs from top to bottom, and shows what it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.wespe_bench.test_plugins import EXAMPLE, example, site

__all__ = ["example", "site"]  # fixtures

NOTEBOOK = EXAMPLE.parent / "notebook.ipynb"


@pytest.mark.slow
@pytest.mark.usefixtures("example")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path[:3]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "keep it without outputs"
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    shown = [_shown(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert [kind for kinds in shown for kind in kinds if kind == "image/png"] == ["image/png"] * 2
    text = "".join(kinds.get("text/plain", "") for kinds in shown)
    assert "(5, " in text and "'tensor': " in text and "brightness" in text
    assert "Mine against warm in PSNR" in "".join(kinds.get("stdout", "") for kinds in shown)
    nbformat.write(notebook, tmp_path / "executed.ipynb")


def _shown(cell: Any) -> dict[str, str]:
    """What a cell shows, by kind; a picture as base64."""
    found: dict[str, str] = {}
    for output in cell.outputs:
        found |= output.get("data", {})
        if output.output_type == "stream":
            found[output.name] = output.text
    return found
