"""`fashionbatch classify PHOTO --show PICTURE`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fashionbatch.cli.classify import command
from fashionbatch.errors import DataError, FashionBatchError, OutputError
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
    with Image.open(picture) as drawn:
        left = np.asarray(drawn.convert("RGB"), int)[:, : drawn.width // 2]
    green = (left[..., 1] > left[..., 0] + 60) & (left[..., 1] > left[..., 2] + 60)
    rows, columns = (np.flatnonzero(green.any(axis=axis)) for axis in (1, 0))
    assert np.ptp(rows) > 1.8 * np.ptp(columns)
    assert [path.name for path in tmp_path.iterdir() if "labeled" in path.name] == ["labeled.png"]


def test_the_numbers_are_those_of_the_table(bundle: Path, photo: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    result = run(photo, "-b", bundle, "--show", tmp_path / "labeled.png", "-o", table, "--probabilities")
    assert result.exit_code == 0, result.output
    with open(table, newline="") as file:
        [row] = csv.DictReader(file)
    printed = {line.split()[-2]: line.split()[-1] for line in result.stdout.splitlines()[1:4]}
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
    assert "no class reaches its threshold" in none.stdout


def test_topk_says_how_many(bundle: Path, photo: Path, tmp_path: Path) -> None:
    result = run(photo, "-b", bundle, "--show", tmp_path / "labeled.png", "--topk", "2")
    assert len(result.stdout.split("\n\n")[0].splitlines()) == 3


def test_a_photo_that_cannot_be_read_is_one_error_and_no_picture(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    error = failure(tmp_path / "broken.jpg", "-b", bundle, "--show", tmp_path / "labeled.png")
    assert isinstance(error, DataError)
    assert "broken.jpg: UnidentifiedImageError: text" in str(error)
    assert not (tmp_path / "labeled.png").exists()


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


def test_a_kind_of_picture_that_there_is_not(bundle: Path, photo: Path, tmp_path: Path) -> None:
    assert "is no kind of picture" in str(failure(photo, "-b", bundle, "--show", tmp_path / "labeled.doc"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--keep", "sku"], "--keep needs -o/--output"),
        (["--sort-into", "sorted"], "--sort-into needs -o/--output"),
        (["-o", "labels.csv", "--shard", "1/2"], "--shard does not go together with --show"),
        (["-o", "labels.csv", "--dry-run"], "--dry-run does not go together with --show"),
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
        "    print(json.dumps(sorted({'tensorflow', 'keras', 'pandas'} & set(sys.modules))))\n"
    )
    arguments = [str(photo), "-b", str(bundle), "--show", str(tmp_path / "labeled.png"), "-q"]
    done = subprocess.run(
        [sys.executable, "-c", code, "classify", *arguments], check=False, capture_output=True, text=True
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
