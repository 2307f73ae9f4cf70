from __future__ import annotations

import importlib.util
import os
import shutil

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


def test_the_diagram_is_a_picture_or_nothing(model, tmp_path, monkeypatch):
    path = tmp_path / "architecture.png"
    if diagram_obstacle() is None:
        assert draw_architecture(model, path) == path
        assert path.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(architecture, "diagram_obstacle", lambda: "something is missing")
    assert draw_architecture(model, tmp_path / "none.png") is None
