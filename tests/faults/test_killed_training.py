"""A training that is killed between two instructions goes on as if nothing had happened."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

RECIPE = """
version: 1
name: killed
data:
  source: {name: npz, path: pictures.npz}
  image: {size: [8, 8], channels: 1}
  split: {validation: 0.25, test: 0.0, seed: 1}
augmentation: [random_flip]
architecture: {name: mlp, dense: [8], dropout: 0.3, batch_norm: true}
training: {epochs: 3, batch_size: 8, seed: 5}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    classes = np.arange(40) % 2
    images = generator.integers(0, 100, (40, 8, 8), dtype=np.uint8) + (classes * 100).astype(np.uint8)[:, None, None]
    np.savez(tmp_path / "pictures.npz", x_train=images, y_train=classes)
    path = tmp_path / "killed.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def command(recipe: Path, run: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "fashionbatch", "train", str(recipe), "-o", str(run), *options]


def figures(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def test_a_killed_training_resumes_to_the_same_history_and_network(recipe, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(command(recipe, whole), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "TensorFlow's noise, or a bar where there is no terminal"

    with subprocess.Popen(
        command(recipe, killed), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch 2/3"):
                os.kill(process.pid, signal.SIGKILL)
                break
        process.stdout.read()
        process.stderr.read()
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "bundle").exists()

    resumed = subprocess.run(command(recipe, killed, "--resume"), capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed after epoch 2" in resumed.stdout
    assert figures(killed) == figures(whole)
    for name in ("model.bin", "recipe.yaml"):
        assert (killed / "bundle" / name).read_bytes() == (whole / "bundle" / name).read_bytes()
