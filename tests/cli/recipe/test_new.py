"""`fashionbatch recipe new`: from photos to a recipe on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fashionbatch.cli.recipe import command
from fashionbatch.cli.recipe import new as recipe_new


@pytest.fixture(autouse=True)
def _only_the_built_ins_and_no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("fashionbatch_plugins.architectures.efficientnet_lite.PACKAGE", "weights_of_nobody")
    monkeypatch.delenv("FASHIONBATCH_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path) -> Path:
    """Of two attributes, in folders such as `red_dress`."""
    folder = tmp_path / "my photos"
    generator = np.random.default_rng(2)
    for name in ("red_dress", "blue_dress", "blue_jeans", "red_jeans"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 256, (80, 70, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def run(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(
        command, list(map(str, arguments)), input=given, catch_exceptions=False, standalone_mode=False
    )


def test_it_says_what_it_found_what_it_took_and_what_comes_next(photos):
    result = run("new", photos, "--yes")
    assert "16 photos: train 12, validation 4" in result.output
    assert "Taken without asking: several labels (colour: blue, red; type: dress, jeans)" in result.stderr
    assert "https://storage.googleapis.com/" in result.output
    assert result.output.endswith("fashionbatch train 'my photos.yaml' -o 'runs/my photos'\n")


def test_what_it_wrote_passes_the_check_without_advice(photos):
    run("new", photos, "-o", "mine.yaml", "--yes")
    output = run("check", "mine.yaml").output
    assert output.startswith("ok: my photos: multilabel_folder as 224x224x3, pretrained, head multilabel")
    assert "advice" not in output
    assert "note" not in output


def test_on_a_terminal_it_asks_what_it_cannot_know(photos, monkeypatch):
    monkeypatch.setattr(recipe_new, "_is_terminal", lambda: True)
    result = run("new", photos, "-o", "mine.yaml", "--name", "dresses", given="2\n")
    assert "1  several labels (colour: blue, red; type: dress, jeans)" in result.stderr
    assert run("check", "mine.yaml").output.startswith("ok: dresses: image_folder")


def test_with_yes_it_asks_nothing_on_a_terminal_either(photos, monkeypatch):
    monkeypatch.setattr(recipe_new, "_is_terminal", lambda: True)
    assert "Which" not in run("new", photos, "--yes").stderr.split("Taken")[1]


def test_a_table_of_labels_is_named(tmp_path):
    (tmp_path / "flat").mkdir()
    for name in ("coat", "hat"):
        for number in range(4):
            Image.new("RGB", (70, 70), (number * 9, 20, 30 * len(name))).save(
                tmp_path / "flat" / f"{name}_{number}.png"
            )
    assert "flat.labels.csv: the labels from the names of the files" in run("new", "flat").output
    assert run("check", "flat.yaml").output.startswith("ok: flat: csv_manifest")
