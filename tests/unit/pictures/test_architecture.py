from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from fashionbatch.pictures import architecture
from fashionbatch.pictures.architecture import diagram_obstacle, draw_architecture, summary_text


@pytest.fixture(scope="module")
def model():
    import keras

    pixels = keras.Input((8, 8, 1), name="pixels")
    return keras.Model(pixels, keras.layers.Dense(3, name="the_last_layer")(keras.layers.Flatten()(pixels)))


def test_what_is_missing_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    obstacle = diagram_obstacle()
    assert "pip install pydot" in obstacle
    assert "apt install graphviz" in obstacle


def test_the_summary_has_every_column_whatever_the_terminal(model, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = summary_text(model)
    line = next(line for line in text.splitlines() if "the_last_layer" in line)
    assert "(None, 3)" in line
    assert "195" in line
    assert "\x1b" not in text
    assert os.environ["COLUMNS"] == "40"


@pytest.mark.parametrize(("blocks", "fine"), [(1, True), (60, False)])
def test_a_deep_network_is_drawn_with_fewer_dots_as_graphviz_draws_no_more(blocks, fine, tmp_path, monkeypatch):
    import keras

    asked = {}

    def plot_model(_, to_file, **options):
        asked.update(options)
        Path(to_file).write_bytes(b"")

    monkeypatch.setattr(architecture, "diagram_obstacle", lambda: None)
    monkeypatch.setattr(keras.utils, "plot_model", plot_model)
    nested = keras.Sequential([keras.Input((2,)), *(keras.layers.ReLU() for _ in range(2 * blocks))])
    draw_architecture(keras.Sequential([keras.Input((2,)), nested]), tmp_path / "architecture.png")
    assert (asked["dpi"] > 100) == fine


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_the_diagram(model, tmp_path):
    path = tmp_path / "architecture.png"
    assert diagram_obstacle() is None
    assert draw_architecture(model, path) == path
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_graphviz_there_is_no_diagram(model, tmp_path, monkeypatch):
    monkeypatch.setattr(architecture, "diagram_obstacle", lambda: "something is missing")
    assert draw_architecture(model, tmp_path / "none.png") is None
