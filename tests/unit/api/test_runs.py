"""Training from a program: a tiny run, trained once, and what it has to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fashionbatch as fb
from fashionbatch.testing.bundles import class_colour

RECIPE: dict[str, Any] = {
    "version": 1,
    "name": "colours",
    "data": {
        "source": {"name": "image_folder", "path": "nowhere"},
        "image": {"size": [8, 8]},
        "split": {"validation": 0.25, "test": 0.25},
    },
    "architecture": {"name": "cnn", "blocks": [{"filters": 2}], "dense": [4]},
    "head": "multiclass",
    "training": {"epochs": 1, "batch_size": 8},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[fb.Run, list[str]]:
    folder = tmp_path_factory.mktemp("training")
    for index, name in enumerate(("red", "green", "blue")):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((8, 8, 3), class_colour(index, 3), np.uint8)
            pixels[number % 8] = 10 * number
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    told: list[str] = []
    run = fb.train(RECIPE, folder / "run", set={"training.epochs": 2}, data=folder / "photos", progress=told.append)
    return run, told


def test_a_mapping_is_trained_and_progress_goes_to_a_function(trained: tuple[fb.Run, list[str]]) -> None:
    run, told = trained
    assert run.path.name == "run"
    assert sum(line.startswith(("epoch 1/2 ", "epoch 2/2 ")) for line in told) == 2
    assert run.recipe.name == "colours"


def test_a_run_has_its_figures_as_tables(trained: tuple[fb.Run, list[str]]) -> None:
    run, _ = trained
    assert list(run.figures.index) == ["test", "validation", "train"]
    assert run.figures.images.tolist() == [9, 9, 18]
    assert run.figures.accuracy.between(0, 1).all()
    assert run.history.epoch.tolist() == [1, 2]
    assert run.report.startswith("train\n")
    assert run.summary["name"] == "colours"


def test_a_run_is_read_again(trained: tuple[fb.Run, list[str]]) -> None:
    run, _ = trained
    again = fb.Run.open(str(run.path))
    assert again.summary == run.summary
    assert again.figures.equals(run.figures)
    assert repr(again) == f"<Run {str(run.path)!r}>"


def test_its_bundle_labels_arrays(trained: tuple[fb.Run, list[str]]) -> None:
    with trained[0].bundle as bundle:
        table = bundle.predict(np.zeros((2, 8, 8, 3), np.uint8))
    assert bundle.labels == ("blue", "green", "red")
    assert table.status.tolist() == ["ok", "ok"]


def test_a_notebook_shows_figures_and_pictures(trained: tuple[fb.Run, list[str]]) -> None:
    run, _ = trained
    shown = run._repr_html_()
    assert "<td>validation</td><td>9</td>" in shown
    assert "script" not in shown
    assert set(run.pictures) >= {"curves", "confusion_matrix"}
    picture = run.pictures["curves"]
    assert (picture._repr_png_() or b"").startswith(b"\x89PNG")
    assert type(picture)(picture.path.with_name("gone.png"))._repr_png_() is None


def test_a_finished_run_is_not_trained_over(trained: tuple[fb.Run, list[str]]) -> None:
    run, _ = trained
    with pytest.raises(fb.OutputError, match="holds a finished run"):
        fb.train(RECIPE, run.path, progress=False)
    same = fb.train(RECIPE, run.path, set={"training.epochs": 2}, resume=True, progress=False)
    assert same.summary == run.summary


def test_what_excludes_each_other_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one of them"):
        fb.train(RECIPE, tmp_path / "r", resume=True, overwrite=True)
    with pytest.raises(ValueError, match="where the recipe is made"):
        fb.train(fb.Recipe.from_dict(RECIPE), tmp_path / "r", set={"training.epochs": 2})


def test_data_that_are_not_there_are_one_error_which_names_them(tmp_path: Path) -> None:
    with pytest.raises(fb.FashionBatchError, match="nowhere"):
        fb.train(RECIPE, tmp_path / "r", progress=False)
    assert not (tmp_path / "r").exists()


def test_a_run_that_is_not_finished_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(fb.DataError, match="not finished") as caught:
        fb.Run.open(tmp_path)
    assert "resume=True" in (caught.value.hint or "")
    with pytest.raises(fb.DataError, match="not a run directory"):
        fb.Run.open(tmp_path / "other")
