"""`fashionbatch classify PHOTO --show PICTURE`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fashionbatch.cli.classify import command
from fashionbatch.decisions import Reading, as_written
from fashionbatch.errors import DataError, FashionBatchError, OutputError
from fashionbatch.labeling.options import ComputeOptions
from fashionbatch.labeling.single import read_photo
from fashionbatch.specs import Decoding
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_tiny_bundle(tmp_path / "bundle")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Green, twice as high as wide, and turned by its EXIF."""
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40), class_colour(1, 3)).save(path, exif=exif)
    return path


def read(photo: Path, bundle: Path, threshold: float | None = None) -> Reading:
    return read_photo(photo, bundle, ComputeOptions(), threshold=threshold, view_side=10)[0]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def failure(*arguments: object) -> FashionBatchError:
    error = run(*arguments).exception
    assert isinstance(error, FashionBatchError)
    return error


def test_a_photo_is_drawn_with_its_labels_and_they_are_printed(bundle: Path, photo: Path, tmp_path: Path) -> None:
    picture = tmp_path / "labeled.png"
    result = run(photo, "-b", bundle, "--show", picture)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:2] == ["*", "green"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "labeled.png", "photo.jpg"]
    with Image.open(picture) as drawn:
        left = np.asarray(drawn.convert("RGB"), int)[:, : drawn.width // 2]
    green = (left[..., 1] > left[..., 0] + 60) & (left[..., 1] > left[..., 2] + 60)
    rows, columns = (np.flatnonzero(green.any(axis=axis)) for axis in (1, 0))
    assert np.ptp(rows) > 1.8 * np.ptp(columns)


def test_the_numbers_are_those_of_the_table(bundle: Path, photo: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    result = run(photo, "-b", bundle, "--show", tmp_path / "labeled.png", "-o", table, "--probabilities")
    assert result.exit_code == 0, result.output
    with open(table, newline="") as file:
        [row] = csv.DictReader(file)
    [start] = [place for place, line in enumerate(result.stdout.splitlines()) if line.endswith("probability")]
    printed = {line.split()[-2]: line.split()[-1] for line in result.stdout.splitlines()[start + 1 : start + 4]}
    assert printed == {name: f"{float(row[f'prob_{name}']):.1%}" for name in ("red", "green", "blue")}


def test_several_labels_and_their_groups(photo: Path, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(
        tmp_path / "several", decoding="several_of_many", groups={"warmth": ["red", "blue"]}, thresholds=(0.5, 0.5, 0.5)
    )
    result = run(photo, "-b", bundle, "--show", tmp_path / "labeled.svg")
    assert result.exit_code == 0, result.output
    assert "warmth: " in result.stdout
    assert (tmp_path / "labeled.svg").read_text().startswith("<?xml")
    none = run(photo, "-b", bundle, "--show", tmp_path / "none.png", "--threshold", "1")
    assert "warmth: (none)" in none.stdout
    assert "no class reaches its threshold" in none.stdout


@pytest.mark.parametrize("threshold", [(), ("--threshold", "0.6"), ("--threshold", "0.99")])
@pytest.mark.parametrize(
    "of_bundle",
    [
        {},
        {"class_names": ["red", "green"], "decoding": "yes_or_no"},
        {"class_names": ["red", "green"], "decoding": "yes_or_no", "thresholds": (0.05,)},
        {"decoding": "several_of_many", "thresholds": (0.9, 0.2, 0.01), "groups": {"warmth": ["red", "blue"]}},
    ],
)
def test_the_labels_are_those_of_the_table(
    tmp_path: Path, of_bundle: dict[str, Any], threshold: tuple[str, ...]
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", **of_bundle)
    Image.new("RGB", (9, 9), (170, 110, 20)).save(tmp_path / "photo.png")
    table = tmp_path / "labels.csv"
    where = ("--show", tmp_path / "labeled.png", "-o", table)
    result = run(tmp_path / "photo.png", "-b", bundle, *where, *threshold)
    assert result.exit_code == 0, result.output
    with open(table, newline="") as file:
        [row] = csv.DictReader(file)
    marked = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("*")]
    assert "|".join(marked) == row.get("labels", row.get("label"))
    for group in of_bundle.get("groups", {}):
        [named] = [line.split()[1] for line in result.stdout.splitlines() if line.startswith(f"{group}: ")]
        assert named == (row[group] or "(none)")


@pytest.mark.parametrize("decoding", ["one_of_many", "several_of_many"])
def test_a_probability_reaches_a_threshold_as_the_table_writes_it(tmp_path: Path, decoding: Decoding) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", decoding=decoding)
    for green in range(200, 255):
        Image.new("RGB", (9, 9), (60, green, 90)).save(tmp_path / "photo.png")
        probability = float(read(tmp_path / "photo.png", bundle).probabilities[1])
        if probability < as_written(probability):
            break
    else:
        pytest.fail("every probability is written as less than it is")
    assert read(tmp_path / "photo.png", bundle, threshold=as_written(probability)).chosen == (1,)


def test_two_classes_show_what_the_second_has_to_reach(photo: Path, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "two", class_names=["cat", "dog"], decoding="yes_or_no", thresholds=(0.25,))
    assert read(photo, bundle).thresholds == (None, 0.25)
    assert read(photo, bundle, threshold=0.6).thresholds == (0.75, 0.6)


def test_topk_says_how_many(bundle: Path, photo: Path, tmp_path: Path) -> None:
    result = run(photo, "-b", bundle, "--show", tmp_path / "labeled.png", "--topk", "2")
    assert len(result.stdout.split("\n\n")[0].splitlines()) == 3


def test_a_photo_that_cannot_be_read_is_one_error_and_no_picture(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    error = failure(tmp_path / "broken.jpg", "-b", bundle, "--show", tmp_path / "labeled.png")
    assert isinstance(error, DataError)
    assert "broken.jpg: UnidentifiedImageError: text" in str(error)
    assert not (tmp_path / "labeled.png").exists()


@pytest.mark.parametrize("name", ["broken.jpg", "missing.jpg"])
def test_a_photo_that_cannot_be_read_leaves_no_table_and_what_is_there(bundle: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    (tmp_path / "labeled.png").write_bytes(b"dear")
    where = ("--show", tmp_path / "labeled.png", "-o", tmp_path / "labels.csv", "--overwrite")
    assert isinstance(failure(tmp_path / name, "-b", bundle, *where), DataError)
    assert (tmp_path / "labeled.png").read_bytes() == b"dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jpg", "bundle", "labeled.png"]


def test_a_table_that_cannot_be_made_leaves_no_picture(bundle: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("dear")
    error = failure(photo, "-b", bundle, "--show", tmp_path / "labeled.png", "-o", tmp_path / "labels.csv")
    assert isinstance(error, OutputError)
    assert not (tmp_path / "labeled.png").exists()
    assert (tmp_path / "labels.csv").read_text() == "dear"


def test_the_table_and_the_picture_are_two_files(bundle: Path, photo: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.png"
    (tmp_path / "link").symlink_to(tmp_path)
    where = ("--show", both, "-o", tmp_path / "link" / "both.png", "--overwrite")
    assert "name the same file" in str(failure(photo, "-b", bundle, *where))
    assert not both.exists()


def test_a_picture_that_is_there_is_replaced_only_when_asked(bundle: Path, photo: Path, tmp_path: Path) -> None:
    picture = tmp_path / "labeled.png"
    picture.write_bytes(b"dear")
    assert isinstance(failure(photo, "-b", bundle, "--show", picture), OutputError)
    assert picture.read_bytes() == b"dear"
    assert run(photo, "-b", bundle, "--show", picture, "--overwrite").exit_code == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_the_photo_itself_is_never_drawn_over(bundle: Path, photo: Path) -> None:
    before = photo.read_bytes()
    assert "is the photo itself" in str(failure(photo, "-b", bundle, "--show", photo, "--overwrite"))
    assert photo.read_bytes() == before
    link = photo.with_name("link.jpg")
    link.symlink_to(photo)
    assert "is the photo itself" in str(failure(photo, "-b", bundle, "--show", link, "--overwrite"))
    assert link.is_symlink()


def test_a_kind_of_picture_that_there_is_not(bundle: Path, photo: Path, tmp_path: Path) -> None:
    assert "is no kind of picture" in str(failure(photo, "-b", bundle, "--show", tmp_path / "labeled.doc"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--keep", "sku"], "--keep needs -o/--output"),
        (["--sort-into", "sorted"], "--sort-into needs -o/--output"),
        (["-o", "labels.csv", "--shard", "1/2"], "--shard does not go together with --show"),
        (["-o", "labels.csv", "--dry-run"], "--dry-run does not go together with --show"),
        (["-o", "labels.csv", "--files-from", "list.txt"], "--files-from does not go together with --show"),
    ],
)
def test_what_a_picture_cannot_heed_is_refused(
    bundle: Path, photo: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    result = run(photo, "-b", bundle, "--show", tmp_path / "labeled.png", *more)
    assert result.exit_code == 2
    assert message in result.output


def test_a_folder_and_several_bundles_are_refused(bundle: Path, photo: Path, tmp_path: Path) -> None:
    assert "takes one photo" in run(tmp_path, "-b", bundle, "--show", tmp_path / "labeled.png").output
    assert "takes one bundle" in run(photo, "-b", bundle, "-b", bundle, "--show", tmp_path / "labeled.png").output


def test_without_a_picture_a_table_has_to_be_named(bundle: Path, photo: Path) -> None:
    result = run(photo, "-b", bundle)
    assert result.exit_code == 2
    assert "Missing option '-o' / '--output'" in result.output


def test_no_tensorflow_is_imported(bundle: Path, photo: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from fashionbatch.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print(json.dumps(sorted({'tensorflow', 'keras', 'pandas', 'sklearn'} & set(sys.modules))))\n"
    )
    arguments = [str(photo), "-b", str(bundle), "--show", str(tmp_path / "labeled.png"), "-q"]
    done = subprocess.run(
        [sys.executable, "-c", code, "classify", *arguments], check=False, capture_output=True, text=True
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
