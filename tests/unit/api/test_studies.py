"""Several trainings from a program: what is tried as settings, and the tables of what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fashionbatch as fb
from fashionbatch.api import studies
from fashionbatch.api.studies import as_choices
from fashionbatch.testing.bundles import class_colour
from fashionbatch.trying.results import Tried
from fashionbatch.trying.run import TryReport

RECIPE = """\
version: 1
name: colours
data:
  source: {name: image_folder, path: photos}
  image: {size: [8, 8]}
  split: {validation: 0.25, test: 0.25}
architecture: {name: cnn, blocks: [{filters: 2}], dense: [4]}
head: multiclass
training: {epochs: 1, batch_size: 8}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for index, name in enumerate(("red", "green")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.full((8, 8, 3), class_colour(index, 3), np.uint8)
            pixels[number] = 10 * number
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "colours.yaml").write_text(RECIPE)
    return tmp_path / "colours.yaml"


def test_a_sweep_gives_a_row_a_combination_and_the_best_as_a_run(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
    settings = {"training.batch_size": [4, 8], "training.epochs": 1}
    found = fb.sweep(recipe, settings, tmp_path / "study", progress=False)
    assert sorted(found.table["training.batch_size"]) == ["4", "8"]
    assert found.table.validation.is_monotonic_decreasing
    assert found.table.deviation.isna().all()
    assert found.best.path == Path(found.table.run[0])
    assert found.recipe.check(raises=True) is not None
    assert "training.batch_size" in found._repr_html_()
    with pytest.raises(fb.OutputError):
        fb.sweep(recipe, settings, tmp_path / "study", progress=False)


def test_a_sweep_of_nothing_is_an_error_of_ours(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(fb.FashionBatchError, match="nothing to try"):
        fb.sweep(recipe, {"training.epochs": 1}, tmp_path / "study", progress=False)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("options", [{"seeds": 0}, {"search": 0}, {"resume": True, "overwrite": True}])
def test_what_a_sweep_cannot_do_is_the_callers_mistake(recipe: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|ask for one of them"):
        fb.sweep(recipe, {"training.epochs": [1, 2]}, progress=False, **options)


def test_choices_are_written_as_the_command_takes_them() -> None:
    assert as_choices({"a.b": [1e-3, np.float64(0.5)], "c": "x,y", "d": [None, True]}) == (
        "a.b=0.001,0.5",
        'c="x,y"',
        "d=null,true",
    )
    assert as_choices(["a=1..2"]) == ("a=1..2",)
    with pytest.raises(TypeError, match="the string 'a=1,2'"):
        as_choices("a=1,2")


def report(directory: Path, stopped_by: int | None = None) -> TryReport:
    tried = Tried(
        key="1",
        candidate="mobilenet_v2",
        kind="head",
        setting="dense",
        accuracy=0.9,
        images=100,
        judge="validation",
        validation=0.9,
        cross_entropy=0.3,
        milliseconds=5.0,
        size=1000,
        seconds=3.0,
        recipe={},
    )
    return TryReport(
        directory=directory,
        tried=(tried,),
        best=tried,
        summary=None,
        milliseconds={},
        refused={},
        notes=(),
        advice=(),
        seconds=3.0,
        stopped_by=stopped_by,
    )


def test_what_was_tried_is_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def answer(folder: Path, output: Path | None, **options: Any) -> TryReport:
        asked.update(options, folder=folder, output=output)
        return report(tmp_path)

    monkeypatch.setattr(studies, "report_of_try", answer)
    found = fb.try_folder("photos", budget="2m", progress=False)
    assert (asked["folder"], asked["output"], asked["budget_s"]) == (Path("photos"), None, 120)
    assert found.table.loc[0, ["candidate", "accuracy", "low"]].tolist() == ["mobilenet_v2", 0.9, 0.8256]
    assert "recipe" not in found.table
    assert "mobilenet_v2" in found._repr_html_()
    with pytest.raises(fb.BundleError):
        _ = found.bundle


def test_a_try_that_was_stopped_is_not_taken_for_a_whole_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(studies, "report_of_try", lambda *_, **__: report(tmp_path, stopped_by=2))
    with pytest.raises(fb.InterruptedRunError) as stopped:
        fb.try_folder("photos", budget=5, progress=False)
    assert stopped.value.hint == "the same call goes on from there"


@pytest.mark.parametrize("budget", ["soon", 0, "-5m", float("nan")])
def test_a_budget_that_is_none_is_the_callers_mistake(budget: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no budget"):
        fb.try_folder(tmp_path, tmp_path / "out", budget=budget, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_is_drafted_from_a_folder(recipe: Path, tmp_path: Path) -> None:
    drafted = fb.Recipe.draft(recipe.parent / "photos", tmp_path / "mine.yaml", name="mine")
    assert drafted.name == "mine"
    assert [finding for finding in drafted.check() if finding.kind == "problem"] == []
    with pytest.raises(fb.OutputError, match="exists already"):
        fb.Recipe.draft(str(recipe.parent / "photos"), str(tmp_path / "mine.yaml"))
    with pytest.raises(fb.DataError):
        fb.Recipe.draft(tmp_path / "nowhere", tmp_path / "other.yaml")
    assert not (tmp_path / "other.yaml").exists()
