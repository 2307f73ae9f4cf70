"""The notebook runs from top to bottom in a kernel of its own, and is stored as it is written: without outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebooks" / "first_steps.ipynb"


def _cells(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_it_is_stored_without_outputs() -> None:
    cells = _cells(NOTEBOOK)
    assert len(cells) > 8
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


def test_it_trains_labels_and_plots(tmp_path: Path) -> None:
    for module in ("nbclient", "ipykernel"):
        pytest.importorskip(module, reason="nbclient or ipykernel of the extra `dev` is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/run_notebook.py", NOTEBOOK, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=290,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = _cells(tmp_path / NOTEBOOK.name)
    assert all(cell["execution_count"] for cell in cells)
    shown = [data for cell in cells for output in cell["outputs"] for data in output.get("data", {})]
    # The picture of the run, the mistakes, and the labels of the folder.
    assert shown.count("image/png") == 3
    assert shown.count("text/html") >= 6
    told = [str(output.get("text", "")) for cell in cells for output in cell["outputs"]]
    assert [text for text in told if "warning" in text.lower()] == []
    assert (tmp_path / "labels.csv").read_text(encoding="utf-8").count("\n") == 42
