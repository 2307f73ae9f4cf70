"""`fashionbatch evaluate`: figures of a bundle, the same as from the table that classify writes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fashionbatch.bundle.open import open_bundle
from fashionbatch.cli import classify, evaluate
from fashionbatch.errors import DataError, FashionBatchError, OutputError
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

CLASSES = ("cat", "dog", "T-shirt/top")
SHOWN = ("고양이", "개", "티셔츠")

RECIPE = """
version: 1
name: colours
data:
  source: {name: image_folder, path: PATH}
  image: {size: [8, 8]}
  split: {validation: 0.25, test: 0.25}
architecture: {name: mlp}
training: {epochs: 1}
"""


def run(command, *arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def figure(output, name):
    line = next(line for line in output.splitlines() if line.startswith(name))
    return float(line.split()[-1].replace(",", ""))


def paint(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 14), colour).save(path)


@pytest.fixture
def photos(tmp_path):
    """Four photos a class, of which one dog looks like a cat; and one file that is no photo."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("cat", "dog", "T-shirt-top")):
        for copy in range(4):
            shown = 0 if (name, copy) == ("dog", 3) else number
            paint(folder / name / f"{copy}.png", class_colour(shown, 3))
    (folder / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture
def bundle(tmp_path):
    return make_tiny_bundle(tmp_path / "bundle", class_names=CLASSES, display_names=SHOWN)


@pytest.fixture
def bundle_with_recipe(tmp_path, photos):
    (photos / "T-shirt-top").rename(photos / "bird")
    text = RECIPE.replace("PATH", str(photos))
    return make_tiny_bundle(tmp_path / "bundle", class_names=("cat", "dog", "bird"), recipe_yaml=text)


def test_a_folder_of_labeled_photos_is_judged_as_a_whole(bundle, photos):
    output = run(evaluate.command, bundle, "--data", photos)
    assert "all images of" in output
    assert "1 image does not count: cannot be read" in output
    assert figure(output, "images") == 12
    assert figure(output, "accuracy") == 0.9167
    line = next(line for line in output.splitlines() if line.startswith("개"))
    assert line.split() == ["개", "1.0000", "0.7500", "0.8571", "4"]


def test_the_figures_are_those_of_the_table_that_classify_writes(bundle, photos, tmp_path):
    table = tmp_path / "labels.csv"
    run(classify.command, photos, "-b", bundle, "-o", table, "--probabilities", "-q", "-j", "1")
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "ok"]
    right = dict(zip(("cat", "dog", "T-shirt-top"), SHOWN, strict=True))
    share = np.mean([row["label"] == right[row["filepath"].split("/")[0]] for row in rows])
    by_network = run(evaluate.command, bundle, "--data", photos)
    by_folders = run(evaluate.command, bundle, "--predictions", table)
    by_data = run(evaluate.command, bundle, "--predictions", table, "--data", photos)
    assert figure(by_network, "accuracy") == round(share, 4)
    for output in (by_folders, by_data):
        assert "1 image does not count: with status error" in output
        assert output.split("\n\n")[1:] == by_network.split("\n\n")[1:]


def test_a_list_of_right_labels_judges_a_table(bundle, photos, tmp_path):
    table, known = tmp_path / "labels.jsonl", tmp_path / "known.csv"
    run(classify.command, photos, "-b", bundle, "-o", table, "-q", "-j", "1")
    known.write_text(
        "filepath,label\ncat/0.png,고양이\ndog/0.png,dog\ndog/3.png,개\nelsewhere.png,dog\n", encoding="utf-8"
    )
    output = run(evaluate.command, bundle, "--predictions", table, "--data", known)
    assert figure(output, "images") == 3
    assert figure(output, "accuracy") == 0.6667
    assert "1 image does not count: not in the table" in output
    assert "loss" not in output


def test_a_label_that_classify_left_empty_is_a_wrong_one(bundle, photos, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "filepath,status,error,label,prob\ncat/0.png,ok,,고양이,0.9\ncat/1.png,ok,,,0.4\n", encoding="utf-8"
    )
    output = run(evaluate.command, bundle, "--predictions", table)
    assert figure(output, "accuracy") == 0.5
    assert figure(output, "without a label") == 1


def test_a_table_of_another_bundle_is_refused(bundle, photos, tmp_path):
    other = make_tiny_bundle(tmp_path / "other", class_names=("a", "b"))
    table = tmp_path / "labels.csv"
    run(classify.command, photos, "-b", other, "-o", table, "-q", "-j", "1")
    with pytest.raises(DataError, match="another bundle"):
        run(evaluate.command, bundle, "--predictions", table)
    table.with_name("labels.csv.meta.json").unlink()
    with pytest.raises(DataError, match=r"row 1: the bundle has no label"):
        run(evaluate.command, bundle, "--predictions", table)


def test_a_table_whose_truth_nobody_knows_says_what_to_give(bundle, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("filepath,status,error,label,prob\na.png,ok,,고양이,0.9\nb.png,error,x,,\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        run(evaluate.command, bundle, "--predictions", table)
    assert "1 whose right label is not known, 1 with status error" in str(caught.value)
    assert "--data" in str(caught.value)


def test_several_labels_are_read_from_the_names_of_folders(tmp_path):
    bundle = make_tiny_bundle(tmp_path / "bundle", decoding="several_of_many", class_names=("red", "green", "blue"))
    for name, colour in {"red_green": (255, 255, 0), "blue": (0, 0, 255), "red": (255, 0, 255)}.items():
        paint(tmp_path / "photos" / name / "0.png", colour)
    table = tmp_path / "labels.csv"
    run(classify.command, tmp_path / "photos", "-b", bundle, "-o", table, "-q", "-j", "1")
    output = run(evaluate.command, bundle, "--predictions", table)
    assert figure(output, "exact match") == 0.6667
    assert figure(output, "label accuracy") == 0.8889
    assert "mean average precision" in output


def test_groups_have_the_same_figures_from_photos_and_from_their_table(tmp_path):
    # The recipe leaves out a folder that these photos do not have: they are read by their folders' names all the same.
    source = f"{{name: multilabel_folder, path: {tmp_path}, separator: _, exclude: [shoes]}}"
    recipe = RECIPE.replace("{name: image_folder, path: PATH}", source).replace(
        "training:", "head: multilabel\ntraining:"
    )
    bundle = make_tiny_bundle(
        tmp_path / "bundle",
        decoding="several_of_many",
        class_names=("red", "green", "blue"),
        groups={"hue": ("red", "green", "blue"), "cold": ("green", "blue")},
        recipe_yaml=recipe,
    )
    colours = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (255, 0, 0), "red_green": (255, 255, 0)}
    for name, colour in colours.items():
        paint(tmp_path / "photos" / name / "0.png", colour)
    table, folder = tmp_path / "labels.csv", tmp_path / "report"
    run(classify.command, tmp_path / "photos", "-b", bundle, "-o", table, "-q", "-j", "1", "--precision", "float32")
    by_table = run(evaluate.command, bundle, "--predictions", table)
    arguments = ("--data", tmp_path / "photos", "--precision", "float32", "-o", folder)
    by_network = run(evaluate.command, bundle, *arguments)
    for output in (by_table, by_network):
        assert figure(output, "accuracy of hue") == 0.6667
        assert figure(output, "left out, with several of them") == 1
    parts = [output.split("group hue")[1].split("note:")[0] for output in (by_table, by_network)]
    assert parts[0].split() == parts[1].split()
    groups = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]["groups"]
    assert groups["hue"]["confusion"] == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert groups["cold"]["images"] == 3
    assert (folder / "groups.csv").read_text(encoding="utf-8").splitlines()[1:4] == [
        "hue,red,red,1",
        "hue,green,red,1",
        "hue,blue,blue,1",
    ]
    assert (folder / "groups.png").stat().st_size > 0


def test_a_table_without_a_groups_column_says_that_it_is_not_judged(tmp_path):
    bundle = make_tiny_bundle(
        tmp_path / "bundle",
        decoding="several_of_many",
        class_names=("red", "green"),
        groups={"hue": ("red", "green")},
    )
    table = tmp_path / "labels.csv"
    table.write_text("filepath,status,error,labels\nred/a.png,ok,,red\n", encoding="utf-8")
    output = run(evaluate.command, bundle, "--predictions", table)
    assert "the table has no column 'hue', so that group is not judged" in output
    assert "accuracy of hue" not in output


def test_output_holds_figures_lists_and_pictures(bundle, photos, tmp_path):
    folder = tmp_path / "report"
    output = run(evaluate.command, bundle, "--data", photos, "-o", folder, "--montage", "4", "--tile", "32")
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "metrics.json",
        "report.txt",
        "confusion_matrix.csv",
        "predictions.csv",
        "classes.png",
        "confusion_matrix.png",
        "misclassified.png",
        "montage.png",
    }
    assert all(name in output for name in names)
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert document["metrics"]["accuracy"] == pytest.approx(11 / 12)
    assert document["left_out"] == {"cannot be read": 1}
    assert document["computed"]["batch_size"] == 8
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        wrong = [row for row in csv.DictReader(file) if row["correct"] == "0"]
    assert [(row["name"], row["right"], row["given"]) for row in wrong] == [("dog/3.png", "개", "고양이")]
    assert "개,1,3,0" not in (folder / "confusion_matrix.csv").read_text(encoding="utf-8")
    assert "dog,1,3,0" in (folder / "confusion_matrix.csv").read_text(encoding="utf-8")
    with pytest.raises(OutputError, match="not empty"):
        run(evaluate.command, bundle, "--data", photos, "-o", folder)
    run(evaluate.command, bundle, "--data", photos, "-o", folder, "--overwrite")


def test_a_folder_with_other_files_is_never_written_into(bundle, photos, tmp_path):
    (tmp_path / "report.txt").write_text("a year's work")
    with pytest.raises(OutputError, match="other files"):
        run(evaluate.command, bundle, "--data", photos, "-o", tmp_path, "--overwrite")
    assert (tmp_path / "report.txt").read_text() == "a year's work"


def test_without_data_the_bundles_own_test_split_is_taken(bundle_with_recipe):
    output = run(evaluate.command, bundle_with_recipe)
    assert "on the test split" in output
    assert figure(output, "images") == 3
    assert "also chose" not in output


def test_the_validation_split_is_said_to_have_chosen_the_network(bundle_with_recipe):
    assert "this split also chose the network" in run(evaluate.command, bundle_with_recipe, "--split", "validation")
    assert "trained on these images" in run(evaluate.command, bundle_with_recipe, "--split", "train")


def test_a_recipe_says_what_data_to_take_and_a_moved_folder_where(bundle_with_recipe, photos, tmp_path):
    moved = photos.rename(tmp_path / "moved")
    with pytest.raises(DataError, match="--data PATH --split test"):
        run(evaluate.command, bundle_with_recipe)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(RECIPE.replace("PATH", "moved"), encoding="utf-8")
    by_recipe = run(evaluate.command, bundle_with_recipe, "--data", recipe, "--split", "train")
    by_path = run(evaluate.command, bundle_with_recipe, "--data", moved, "--split", "train")
    assert by_recipe == by_path
    assert figure(run(evaluate.command, bundle_with_recipe, "--data", moved), "images") == 12


def test_labels_that_the_bundle_does_not_know_are_named(bundle, photos):
    (photos / "dog").rename(photos / "dogs")
    with pytest.raises(DataError, match=r"does not know: 'dogs' \(4 images\); did you mean 'dog'"):
        run(evaluate.command, bundle, "--data", photos)


def test_of_many_labels_that_the_bundle_does_not_know_the_others_are_counted(bundle, tmp_path):
    for number in range(7):
        paint(tmp_path / "others" / f"kind {number}" / "0.png", class_colour(0, 3))
    with pytest.raises(DataError, match=r"'kind 4' \(1 image\) and 2 more"):
        run(evaluate.command, bundle, "--data", tmp_path / "others")


def test_a_bundle_without_a_recipe_asks_for_data(bundle):
    with pytest.raises(DataError, match="no recipe"):
        run(evaluate.command, bundle)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("nowhere", "nowhere: there is no such"),
        ("nowhere.yaml", "nowhere.yaml"),
        (".", "empty"),
        ("data:x", "data:x"),
    ],
)
def test_data_that_are_not_there_are_one_clear_error(bundle, data, message, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(FashionBatchError, match=message):
        run(evaluate.command, bundle, "--data", data)


def test_a_folder_that_cannot_be_made_is_found_out_before_the_network_runs(bundle, photos):
    with pytest.raises(OutputError, match="cannot be made"):
        run(evaluate.command, bundle, "--data", photos, "-o", photos / "cat" / "0.png" / "report")


def test_evaluating_imports_no_framework(bundle, photos, run_python):
    code = f"""
import sys
from fashionbatch.cli import cli
cli.main(["evaluate", {str(bundle)!r}, "--data", {str(photos)!r}], standalone_mode=False)
print(sorted({{"tensorflow", "keras", "matplotlib"}} & sys.modules.keys()))
"""
    assert run_python(code).splitlines()[-1] == "[]"


def test_a_list_of_right_labels_may_be_written_as_people_do(bundle, photos, tmp_path):
    table, known = tmp_path / "labels.csv", tmp_path / "known.csv"
    table.write_text("image;label\ncat/0.png;고양이\ndog\\0.png;개\ncat/1.png;개\n", encoding="utf-16")
    known.write_text("filepath;label\r\ncat\\0.png;cat\r\n\r\ndog/0.png;dog\r\n./cat/1.png;cat\r\n", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("filepath,label\nx.png,cat\n")
    with pytest.raises(DataError, match=r"nothing to count(.|\n)*are such as 'cat/0.png', those of .* such as 'x.png'"):
        run(evaluate.command, bundle, "--predictions", table, "--data", elsewhere)
    output = run(evaluate.command, bundle, "--predictions", table, "--data", known)
    assert figure(output, "images") == 3
    assert figure(output, "accuracy") == 0.6667
    assert "is read as UTF-16-LE" in output


def test_right_labels_that_the_bundle_cannot_give_are_an_error_with_the_repair(bundle, tmp_path):
    table, known = tmp_path / "labels.csv", tmp_path / "known.csv"
    table.write_text("filepath,status,error,label,prob\na.png,ok,,개,0.9\n", encoding="utf-8")
    known.write_text("filepath,label\na.png,DOG\n")
    with pytest.raises(
        DataError, match=r"the bundle does not know the label 'DOG' (.|\n)*--truth-as-text takes 'DOG' for"
    ):
        run(evaluate.command, bundle, "--predictions", table, "--data", known)
    output = run(evaluate.command, bundle, "--predictions", table, "--data", known, "--truth-as-text")
    assert figure(output, "accuracy") == 1.0
    known.write_text("filepath,label\na.png,horse\n")
    with pytest.raises(DataError, match="the bundle does not know the label 'horse'"):
        run(evaluate.command, bundle, "--predictions", table, "--data", known, "--truth-as-text")


def test_labels_of_folders_that_are_only_written_otherwise_are_an_error_with_the_repair(bundle, photos, tmp_path):
    (photos / "dog").rename(photos / "DOG")
    with pytest.raises(
        DataError, match=r"does not know: 'DOG' \(4 images\); (.|\n)*hint: --truth-as-text takes 'DOG' for"
    ):
        run(evaluate.command, bundle, "--data", photos)
    assert figure(run(evaluate.command, bundle, "--data", photos, "--truth-as-text"), "accuracy") == 0.9167


def test_right_labels_may_be_seen_from_another_folder_and_probabilities_have_a_comma(bundle, photos, tmp_path):
    table, known = tmp_path / "labels.csv", tmp_path / "known.csv"
    run(classify.command, photos, "-b", bundle, "-o", table, "-q", "-j", "1")
    known.write_text(f"filepath,label\nphotos/cat/0.png,cat\n{photos}/dog/0.png,dog\nphotos\\dog\\3.png,dog\n")
    output = run(evaluate.command, bundle, "--predictions", table, "--data", known)
    assert (figure(output, "images"), figure(output, "accuracy")) == (3, 0.6667)
    table.with_name("labels.csv.meta.json").unlink()
    table.write_text("filepath;label;prob\ncat/0.png;고양이;0,9\n", encoding="utf-8")
    assert figure(run(evaluate.command, bundle, "--predictions", table), "images") == 1


def test_int8_is_judged_by_the_labels_that_classify_gives_in_it(int8_bundle, tmp_path):
    photos, table = tmp_path / "photos", tmp_path / "labels.csv"
    names = open_bundle(int8_bundle).manifest.labels.class_names
    for number, name in enumerate(names):
        for copy in range(3):
            # One photo of each class shows the next one.
            paint(photos / name / f"{copy}.png", class_colour((number + (copy == 2)) % len(names), len(names)))
    by_network = run(evaluate.command, int8_bundle, "--data", photos, "--precision", "int8")
    assert ", int8: as asked for" in by_network
    assert figure(by_network, "accuracy") == 0.6667
    options = ("--precision", "int8", "--probabilities", "-q", "-j", "1")
    run(classify.command, photos, "-b", int8_bundle, "-o", table, *options)
    by_table = run(evaluate.command, int8_bundle, "--predictions", table)
    assert by_table.split("\n\n")[1:] == by_network.split("\n\n")[1:]
