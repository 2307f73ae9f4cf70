"""A training that is stopped or killed at any moment goes on as if nothing had happened."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fashionbatch.plan import load_plan
from fashionbatch.plugins import load_plugins
from fashionbatch.training.run import train

RECIPE = """
version: 1
name: killed
data:
  source: {name: npz, path: pictures.npz}
  image: {size: [8, 8], channels: 1}
  split: {validation: 0.25, test: 0.0, seed: 1}
augmentation: [random_flip]
architecture: {name: mlp, dense: [8], dropout: 0.3, batch_norm: true}
training: {epochs: EPOCHS, batch_size: BATCH, seed: 5, quantize: off}
"""


@pytest.fixture
def make_recipe(tmp_path: Path) -> Callable[..., Path]:
    def make(*, images: int = 40, epochs: int = 3, batch_size: int = 8) -> Path:
        generator = np.random.default_rng(0)
        classes = np.arange(images) % 2
        pixels = generator.integers(0, 100, (images, 8, 8), dtype=np.uint8)
        pixels += (classes * 100).astype(np.uint8)[:, None, None]
        np.savez(tmp_path / "pictures.npz", x_train=pixels, y_train=classes)
        path = tmp_path / "killed.yaml"
        text = RECIPE.replace("EPOCHS", str(epochs)).replace("BATCH", str(batch_size))
        path.write_text(text, encoding="utf-8")
        return path

    return make


def command(recipe: Path, run: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "fashionbatch", "train", str(recipe), "-o", str(run), *options]


def figures(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


# Kills itself when it has said a line that begins so: from outside nobody could tell how far it has come since.
KILLED = """
import os, signal, sys
import click
from fashionbatch.cli import main

last, *arguments = sys.argv[1:]
echo = click.echo

def echo_and_die(line=None, **more):
    echo(line, **more)
    if str(line).startswith(last):
        os.kill(os.getpid(), signal.SIGKILL)

click.echo = echo_and_die
main(arguments)
"""


def signalled(arguments: list[str], *, after: str, by: signal.Signals) -> tuple[int, str]:
    """Send a signal to a process that has printed a line that begins so; gives its exit code and standard error."""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith(after):
                os.kill(process.pid, by)
                break
        process.stdout.read()
        error = process.stderr.read()
    return process.returncode, error


def test_a_killed_training_resumes_to_the_same_history_and_network(make_recipe, tmp_path):
    recipe = make_recipe()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    # In this process, which has Keras imported by now.
    plugins = load_plugins()
    train(load_plan(str(recipe), plugins.registry), whole, plugins=plugins, show=lambda line: None)

    _, _, _, *arguments = command(recipe, killed)
    ended = subprocess.run([sys.executable, "-c", KILLED, "epoch 2/3", *arguments], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not (killed / "bundle").exists()

    resumed = subprocess.run(command(recipe, killed, "--resume"), capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr == "", "TensorFlow's noise, or a bar where there is no terminal"
    assert "resumed after epoch 2" in resumed.stdout
    assert figures(killed) == figures(whole)
    for name in ("model.bin", "recipe.yaml"):
        assert (killed / "bundle" / name).read_bytes() == (whole / "bundle" / name).read_bytes()


def test_ctrl_c_in_mid_epoch_shows_our_lines_alone(make_recipe, tmp_path):
    # 900 batches, of which the generator is far from the last when the signal comes.
    recipe = make_recipe(images=1200, epochs=100, batch_size=1)
    ours = re.compile(
        rf"error: stopped in training; \d+ finished epochs? (is|are) kept in {re.escape(str(tmp_path / 'run'))}\n"
        r"  hint: the same command with --resume goes on from there\n"
    )
    for options in ((), ("--resume",)):
        # It comes in the epoch after the first that this process finishes.
        code, error = signalled(command(recipe, tmp_path / "run", *options), after="epoch ", by=signal.SIGINT)
        assert code == 130
        assert ours.fullmatch(error), error
