"""Every command of the tutorials does what its page says, with the output that stands there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts.run_tutorial import is_as_said, read_steps, run_steps

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)  # trainings, on a machine that may be busy

# What `pip install` of the plugin leaves where Python looks: the suite installs nothing.
INSTALL_THE_PLUGIN = """
mkdir -p installed/clothes_for_fashion-0.1.0.dist-info && cd installed/clothes_for_fashion-0.1.0.dist-info
printf 'Metadata-Version: 2.1\\nName: clothes-for-fashion\\nVersion: 0.1.0\\n' > METADATA
sed -n '/^\\[project.entry-points.fashionbatch\\]/,/^$/p' ../../clothes-for-fashion/pyproject.toml |
    sed -e 's/project.entry-points.//' -e 's/"//g' > entry_points.txt
"""


def test_the_plugin_tutorial(tmp_path: Path) -> None:
    on_the_path = os.pathsep.join(str(tmp_path / folder) for folder in ("installed", "clothes-for-fashion"))

    def substitute(command: str) -> str:
        return INSTALL_THE_PLUGIN if command.startswith("pip install") else command

    steps = read_steps(_text("tutorial-plugin.md"))
    outputs = list(run_steps(steps, tmp_path, _environment(tmp_path, PYTHONPATH=on_the_path), substitute))
    assert len(outputs) >= 10
    for step, came in outputs:
        assert is_as_said(step.output, came), f"$ {step.command}\n" + "\n".join(came)


def _text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a shell in which FashionBatch and its Python are found, with a cache of its own."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "FASHIONBATCH_CACHE_DIR": str(folder / "cache"), **more}
