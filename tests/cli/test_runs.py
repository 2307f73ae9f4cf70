"""`fashionbatch runs`: the table of runs, and runs side by side."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from click.testing import CliRunner
from PIL import Image

from fashionbatch.cli.runs import RunsWarning, command
from fashionbatch.errors import DataError
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

CLASSES = ("cat", "dog", "hen")
RECIPE = """
version: 1
name: colours
data:
  source: {name: image_folder, path: PATH}
  image: {size: [8, 8]}
  split: {validation: 0.25, test: 0.0}
architecture: {name: mlp}
"""
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.5,0.8,0.6,0.7\n2,0.4,0.9,0.5,0.8\n"


def run(*arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def make_run(tmp_path):
    photos = tmp_path / "photos"
    for number, name in enumerate(CLASSES):
        for copy in range(8):
            (photos / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 9), class_colour(number, 3)).save(photos / name / f"{copy}.png")

    def make(name, *, channels=3, seed=1, finished=True):
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        recipe = {"name": "colours", "training": {"seed": seed}}
        (path / "run.json").write_text(json.dumps({"recipe": recipe}), encoding="utf-8")
        (path / "history.csv").write_text(HISTORY, encoding="utf-8")
        if finished:
            recipe_yaml = RECIPE.replace("PATH", str(photos))
            make_tiny_bundle(path / "bundle", class_names=CLASSES, channels=channels, recipe_yaml=recipe_yaml)
            figures = {"validation": {"accuracy": 0.75, "loss": 0.5}}
            summary = {"name": "colours", "seed": seed, "parameters": 12345, "figures": figures}
            summary |= {
                "seconds": {"data": 1.5, "training": 12.25, "total": 13.75},
                "finished": "2026-01-02T03:04:05+00:00",
            }
            (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        return path

    return make


def test_list_shows_figures_parameters_and_times(make_run, tmp_path):
    make_run("b")
    make_run("a", finished=False)
    lines = run("list", tmp_path / "runs").splitlines()
    assert [line.split()[0].rsplit("/", 1)[1] for line in lines[1:]] == ["a", "b"]
    assert lines[1].endswith("not finished")
    assert lines[2].split()[2:] == ["-", "0.7500", "2", "12,345", "12", "s", "14", "s", "2026-01-02", "03:04"]


def test_list_leaves_out_a_damaged_run_with_a_warning(make_run, tmp_path):
    make_run("one")
    (make_run("two") / "summary.json").write_text("", encoding="utf-8")
    with pytest.warns(RunsWarning, match=r"left out: .*two/summary\.json: cannot be read"):
        lines = run("list", tmp_path / "runs").splitlines()
    assert [line.split()[0] for line in lines] == ["run", str(tmp_path / "runs" / "one")]


def test_a_folder_without_runs_says_so(tmp_path):
    assert "there are no runs" in run("list", tmp_path)


def test_compare_shows_figures_recipes_and_photos_that_runs_label_differently(make_run, tmp_path):
    colours, greys = make_run("colours"), make_run("greys", channels=1, seed=2)
    folder = tmp_path / "compared"
    output = run("compare", colours, greys, "-o", folder)
    lines = [line.split() for line in output.splitlines()]
    assert ["validation", "accuracy", "0.7500", "0.7500"] in lines
    assert ["training.seed", "1", "2"] in lines
    # In grey a blue hen is as dark as a red cat.
    assert "the validation split: the runs label 2 of 6 photos differently" in output
    assert ["4", "all", "are", "right"] in lines
    assert ["2", "right:", "colours", "alone"] in lines
    assert "runs that are equally good differ at least so much in 50.0% of cases (McNemar's exact test)" in output
    assert "this split also chose the network" in output
    assert {path.name for path in folder.iterdir()} == {"runs.png", "disagreements.csv", "disagreements.png"}
    with (folder / "disagreements.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["right"], row["colours"], row["greys"]) for row in rows] == [("hen", "hen", "cat")] * 2


def test_a_study_stands_for_its_runs(make_run, tmp_path):
    make_run("study/seed-1")
    make_run("study/seed-2", seed=2)
    study = tmp_path / "runs" / "study"
    (study / "study.json").write_text("{}", encoding="utf-8")
    (study / "summary.json").write_text('{"figures": {}}', encoding="utf-8")
    assert run("compare", study).splitlines()[0].split() == ["figure", "seed-1", "seed-2"]
    listed = [line.split()[0] for line in run("list", tmp_path / "runs").splitlines()[1:]]
    assert listed == [str(study / "seed-1"), str(study / "seed-2")]
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "study.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="none of the study's runs has begun"):
        run("compare", tmp_path / "none")


def test_runs_that_agree_are_compared_too(make_run, tmp_path):
    output = run("compare", make_run("one"), make_run("two"), "-o", tmp_path / "compared")
    assert "label 0 of 6 photos differently" in output
    assert "equally good differ at least so much in 100.0% of cases" in output


def test_figures_alone_need_no_photos(make_run):
    one, two = make_run("one"), make_run("two", finished=False)
    output = run("compare", one, two, "--figures-only")
    assert "differently" not in output
    line = next(line for line in output.splitlines() if line.startswith("parameters"))
    assert line.split() == ["parameters", "12,345", "-"]


def test_accuracy_over_several_labels_is_called_exact_match_beside_that_over_one(make_run):
    one, several = make_run("one"), make_run("several")
    summary = json.loads((several / "summary.json").read_text(encoding="utf-8"))
    summary["figures"]["validation"]["label_accuracy"] = 0.9
    (several / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    lines = [" ".join(line.split()) for line in run("compare", one, several, "--figures-only").splitlines()]
    assert "validation accuracy 0.7500 -" in lines
    assert "validation exact match - 0.7500" in lines
    assert "validation label accuracy - 0.9000" in lines


def test_photos_that_are_gone_are_left_out_of_a_comparison_with_a_warning(make_run, tmp_path):
    one, two = make_run("one"), make_run("two")
    shutil.rmtree(tmp_path / "photos")
    with pytest.warns(RunsWarning, match=r"disagree are left out: '.*/photos' does not exist"):
        output = run("compare", one, two, "-o", tmp_path / "compared")
    assert ["validation", "accuracy", "0.7500", "0.7500"] in [line.split() for line in output.splitlines()]
    assert output.endswith(f"{tmp_path / 'compared'}: runs.png\n")
    assert [path.name for path in (tmp_path / "compared").iterdir()] == ["runs.png"]


def test_a_run_that_is_not_finished_is_compared_by_its_figures(make_run):
    one, two = make_run("one"), make_run("two", finished=False)
    with pytest.warns(RunsWarning, match="disagree are left out"):
        assert "differently" not in run("compare", one, two)


@pytest.mark.parametrize("option", [("--data", "gone"), ("--split", "test")])
def test_photos_that_were_asked_for_and_are_not_there_are_an_error(make_run, option):
    with pytest.raises(DataError):
        run("compare", make_run("one"), make_run("two"), *option)


def test_groups_stand_side_by_side_and_a_loss_is_compared_with_none_of_another_kind(make_run):
    old, new = make_run("old"), make_run("new")
    groups = {"colour": {"images": 40, "accuracy": 0.875, "precision": 0.5, "recall": 0.25, "f1": 0.3}}
    summary = json.loads((new / "summary.json").read_text(encoding="utf-8"))
    summary["loss"] = "mine/focal"
    summary["figures"]["validation"] = {"accuracy": 0.5, "loss": 0.125, "cross_entropy": 0.625, "groups": groups}
    (new / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    rows = [line.split() for line in run("compare", old, new, "--figures-only").splitlines()]
    assert ["validation", "loss", "(mine/focal)", "-", "0.1250"] in rows
    # Runs from before losses had names were judged by the cross-entropy, and called it the loss.
    assert ["validation", "cross-entropy", "0.5000", "0.6250"] in rows
    assert ["validation", "colour", "accuracy", "-", "0.8750"] in rows
    assert ["validation", "colour", "macro", "precision", "-", "0.5000"] in rows
    assert ["validation", "colour", "macro", "recall", "-", "0.2500"] in rows


def test_a_comparison_shows_where_the_time_went_and_what_was_judged_by_a_sample(make_run):
    one, two = make_run("one"), make_run("two")
    summary = json.loads((two / "summary.json").read_text(encoding="utf-8"))
    summary["figures"]["train"] = {"accuracy": 0.9, "images": 5000, "sampled_from": 60000}
    summary["seconds"] = {"training": 200.0, "features": 7.0, "quantization": 8.0, "of a newer version": 1.0}
    (two / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    lines = [" ".join(line.split()) for line in run("compare", one, two, "--figures-only").splitlines()]
    assert "train images judged - 5,000 of 60,000" in lines
    times = [line.split(" time ")[0] for line in lines if " time " in line]
    assert times == ["data", "features", "training", "quantization", "of a newer version", "wall"]
    assert "data time 1.5 s -" in lines
    assert "training time 12 s 3 min" in lines
    assert "wall time 14 s -" in lines
