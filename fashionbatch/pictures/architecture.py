"""A network's layers: as a diagram with shapes, and as text."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch import disk
from fashionbatch.pictures.drawing.files import write_picture

if TYPE_CHECKING:
    import keras

_WIDTH = 110
_DPI, _DEEP_DPI = 144, 72
"""Dots an inch of a diagram, and of one with more than _DEEP layers: Graphviz draws 32,767 dots in height at most."""
_DEEP = 100


def diagram_obstacle() -> str | None:
    """What this machine lacks to draw diagrams, with the commands that bring it; None if it lacks nothing."""
    missing = []
    if importlib.util.find_spec("pydot") is None:
        missing.append("the Python package pydot (`pip install pydot`)")
    if shutil.which("dot") is None:
        missing.append("Graphviz (`apt install graphviz`)")
    return f"a diagram of the network needs {' and '.join(missing)}" if missing else None


def draw_architecture(model: keras.Model, path: Path) -> Path | None:
    """Draw the layers with their names, kinds, activations and output shapes, by Keras's plot_model.

    Args:
        model: a built model.
        path: the PNG file.

    Returns:
        The path; None where pydot or Graphviz is missing, which `diagram_obstacle` explains.

    Raises:
        OutputError: the file cannot be written.
        ScratchError: there is no room to draw it in.
    """
    if diagram_obstacle() is not None:
        return None
    import keras

    with disk.scratch_folder() as directory:
        drawn = directory / "architecture.png"
        with disk.scratch_errors():
            keras.utils.plot_model(
                model,
                to_file=str(drawn),
                show_shapes=True,
                show_layer_names=True,
                show_layer_activations=True,
                expand_nested=True,
                dpi=_DPI if _layers(model) <= _DEEP else _DEEP_DPI,
            )
            picture = drawn.read_bytes()
        write_picture(path, picture)
    return path


def _layers(model: keras.Model) -> int:
    """How many layers are drawn, those of nested models counted one by one."""
    return sum(_layers(layer) if hasattr(layer, "layers") else 1 for layer in model.layers)


def summary_text(model: keras.Model) -> str:
    """The layers as a table: name, kind, output shape and parameters, as Keras's `summary()` prints them.

    Args:
        model: a built model.

    Returns:
        Lines of text without colours, with a final line end.
    """
    lines: list[str] = []
    with _terminal_width(_WIDTH):
        model.summary(print_fn=lines.append, line_length=_WIDTH, expand_nested=True)
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()).strip() + "\n"


@contextmanager
def _terminal_width(columns: int) -> Iterator[None]:
    # Keras prints through rich, which cuts columns off at the width of the terminal, also where there is none.
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
