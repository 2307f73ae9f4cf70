"""`fashionbatch data preview`: counts, samples, augmentation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fashionbatch.cli import main
from fashionbatch.cli.data import command
from fashionbatch.errors import DataError, OutputError

RECIPE = """
version: 1
name: colours
data:
  source: {name: image_folder, path: photos}
  labels: {names: {cat: 고양이}}
  image: {size: [32, 32]}
  split: {validation: 0.25, test: 0.0}
augmentation: [random_flip, {name: random_brightness, amount: 0.2}]
architecture: {name: mlp}
"""


def run(*arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def recipe(tmp_path):
    for number, name in enumerate(("cat", "dog", "hen")):
        for copy in range(8):
            (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
            image = np.full((20, 20, 3), 40 * number + 60, np.uint8)
            image[:, :10] = 255
            Image.fromarray(image).save(tmp_path / "photos" / name / f"{copy}.png")
    (tmp_path / "photos" / "cat" / "notes.txt").write_text("x")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def size(path):
    with Image.open(path) as image:
        return image.size


def test_counts_by_class_and_split_need_no_picture(recipe):
    output = run("preview", recipe)
    assert [line.split() for line in output.splitlines()[:2]] == [
        ["class", "train", "validation"],
        ["고양이", "6", "2"],
    ]
    assert "images: train 18, validation 6" in output
    assert "notes.txt" in output


def test_samples_are_drawn_with_what_augmentation_makes_of_them(recipe, tmp_path):
    plain, augmented = tmp_path / "plain.png", tmp_path / "augmented.png"
    assert "6 samples\n" in run("preview", recipe, "-o", plain, "--count", "6", "--augmented", "0")
    assert "6 samples, 3 of them augmented" in run(
        "preview", recipe, "-o", augmented, "--count", "6", "--augmented", "3"
    )
    assert size(augmented)[1] > size(plain)[1] + 3 * 96
    assert "no augmentation" in run("preview", recipe, "-o", plain, "--overwrite", "--set", "augmentation=[]")


def test_a_phase_by_its_name_shows_its_own_augmentation(recipe, tmp_path):
    phases = "training.phases=[{name: strong, train: all}, {name: plain, train: all, augmentation: []}]"
    picture = ["preview", str(recipe), "--set", phases, "--overwrite", "-o", str(tmp_path / "x.png")]
    assert "5 of them augmented" in run(*picture)
    assert "5 of them augmented" in run(*picture, "--phase", "strong")
    assert run(*picture, "--phase", "plain").endswith("there is no augmentation\n")
    unused = ["--set", "training.phases=[{train: all, augmentation: []}]", *picture[-3:]]
    assert run("preview", str(recipe), *unused).endswith("no phase uses the recipe's augmentation\n")
    result = CliRunner().invoke(command, [*picture, "--phase", "strnog"])
    assert result.exit_code == 2
    assert "no phase 'strnog'; there is: strong, plain" in result.output


def test_the_seed_chooses_the_samples(recipe, tmp_path):
    paths = [tmp_path / f"{name}.png" for name in ("one", "same")]
    for path in paths:
        run("preview", recipe, "-o", path, "--augmented", "0", "--split", "validation", "--count", "4")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_split_that_is_not_there_is_named(recipe, tmp_path):
    with pytest.raises(DataError, match="no test split; there is: train, validation"):
        run("preview", recipe, "-o", tmp_path / "x.png", "--split", "test")


def test_a_shown_name_for_a_class_that_is_not_there_is_told_by_line_with_the_classes(recipe, capsys, monkeypatch):
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)  # `main` replaces it
    recipe.write_text(RECIPE.replace("{cat:", "{cow:"), encoding="utf-8")
    with pytest.raises(SystemExit, match="1"):
        main(["data", "preview", str(recipe)])
    error = capsys.readouterr().err
    assert f"{recipe}:6:20: data.labels.names.cow: the source has no class 'cow'" in error
    assert error.endswith("error: 1 problem in the recipe\n  hint: its classes are: cat, dog, hen\n")


def test_nothing_but_a_new_png_file_is_written_unasked(recipe, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        run("preview", recipe, "-o", photo)
    assert photo.read_bytes() == b"mine"
    with pytest.raises(OutputError, match="not named as a PNG file"):
        run("preview", recipe, "-o", tmp_path / "photo.jpg")


def test_what_is_odd_about_a_list_is_told_with_its_line(recipe, tmp_path):
    lines = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in sorted(tmp_path.glob("photos/*/*.png"))]
    (tmp_path / "items.csv").write_text(
        "\n".join(["path,label", *lines, "photos/hen/7,Hen", "photos/hen/6,Hen"]) + "\n"
    )
    text = RECIPE.replace("{name: image_folder, path: photos}", "{name: csv_manifest, path: items.csv}")
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"items.csv:26: 'photos/hen/7' stands on line 25 already"):
        run("preview", recipe)
    (tmp_path / "items.csv").write_text(
        "\n".join(["path,label", *lines[:-2], "photos/hen/7,Hen", "photos/hen/6,Hen"]) + "\n"
    )
    output = run("preview", recipe)
    assert (
        f"note: {tmp_path}/items.csv: 2 paths are without an ending, which was added, such as 'photos/hen/7'" in output
    )
    assert f"note: {tmp_path}/items.csv:24: label 'Hen' differs from 'hen' (line 18) by case" in output
