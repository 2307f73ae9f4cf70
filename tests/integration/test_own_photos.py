"""From a folder of one's own photos to a label table, with the commands that `recipe new` names."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.cli import main

pytestmark = pytest.mark.timeout(600)  # a training, on a machine that may be busy

CLASSES = {"coat": (200, 30, 30), "dress": (30, 200, 30), "skirt": (30, 30, 200)}


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos of one colour a class with noise, small enough for a network from nothing."""
    generator = np.random.default_rng(3)
    for name, colour in CLASSES.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.normal(colour, 20, (20, 18, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASHIONBATCH_PLUGINS", "")
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "photos"


def test_new_check_train_and_classify(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("recipe", "new", "photos", "--yes")
    assert "fashionbatch train photos.yaml -o runs/photos" in capsys.readouterr().out
    run("recipe", "check", "photos.yaml")
    assert "advice" not in capsys.readouterr().out
    run("train", "photos.yaml", "-o", "runs/photos", "--set", "training.epochs=6", "--set", "training.quantize=off")
    run("classify", "photos", "-b", "runs/photos/bundle", "-o", "labels.csv")
    with open("labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    right = [row["label"] == Path(row["filepath"]).parent.name for row in rows]
    assert len(rows) == 60
    assert sum(right) > 50
