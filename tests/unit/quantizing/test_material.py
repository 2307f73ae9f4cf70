"""Which images calibrate and which judge: never the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.errors import DataError
from fashionbatch.plan import plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.quantizing.material import (
    material_of_folder,
    material_of_photos,
    material_of_recipe,
    material_of_training,
    part,
)
from fashionbatch.specs import Split
from fashionbatch.testing.bundles import make_tiny_bundle

NOISE = np.random.default_rng(1).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(make_tiny_bundle(tmp_path_factory.mktemp("material") / "b"))


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_the_parts_are_all_and_share_nothing() -> None:
    calibrating, judging = part(NOISE, 42)
    assert len(calibrating) == 18
    assert sorted([*calibrating, *judging]) == list(range(60))


def test_a_photo_that_is_there_twice_is_in_one_part() -> None:
    doubled = np.concatenate([NOISE[:20], NOISE[:20], NOISE[:20]])
    for seed in range(8):
        calibrating, judging = part(doubled, seed)
        assert not rows(doubled[calibrating]) & rows(doubled[judging])


def test_the_parts_follow_pixels_and_seed_and_not_the_order() -> None:
    calibrating, _ = part(NOISE, 42)
    turned, _ = part(NOISE[::-1], 42)
    other, _ = part(NOISE, 43)
    assert [NOISE[number].tobytes() for number in calibrating] == [NOISE[::-1][number].tobytes() for number in turned]
    assert set(calibrating) != set(other)


@pytest.mark.parametrize("images", [NOISE[:9], np.zeros((60, 8, 8, 3), np.uint8)])
def test_too_few_images_are_told(images: np.ndarray) -> None:
    with pytest.raises(DataError, match="are too few: one part calibrates, the other one judges"):
        part(images, 42)


def test_photos_without_labels_are_taken_at_any_depth(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "album" / "2019").mkdir(parents=True)
    for number, pixels in enumerate(NOISE):
        Image.fromarray(pixels).save(tmp_path / ("album/2019" if number % 2 else "album") / f"{number}.png")
    (tmp_path / "album" / "notes.txt").write_text("no photo", encoding="utf-8")
    material = material_of_photos(tmp_path, bundle.manifest, 42)
    assert material.targets is None
    assert material.source == "photos"
    assert rows(material.images) | rows(material.calibration.images) == rows(NOISE)
    assert material.notes == ("1 files cannot be read and do not count",)


def test_a_folder_without_photos_is_told(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no photos"):
        material_of_photos(tmp_path, bundle.manifest, 42)


def test_labeled_photos_keep_their_labels(bundle: Bundle, tmp_path: Path) -> None:
    for number, pixels in enumerate(NOISE):
        place = tmp_path / ("red", "green", "blue")[number % 3]
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    material = material_of_folder(tmp_path, bundle.manifest, load_plugins().registry, None, 42)
    assert material.targets is not None
    number_of = {pixels.tobytes(): number for number, pixels in enumerate(NOISE)}
    right = [number_of[image.tobytes()] % 3 for image in material.images]
    assert list(material.targets.argmax(axis=1)) == right
    assert not rows(material.images) & rows(material.calibration.images)


RECIPE = """
version: 1
name: colours
data:
  source: {name: npz, path: noise.npz}
  image: {size: [8, 8], channels: 3}
  split: {SPLIT, seed: 1}
architecture: cnn
"""


@pytest.mark.parametrize(
    ("split", "source"), [("validation: 0.2, test: 0.2", "validation"), ("validation: 0.0, test: 0.2", "photos")]
)
def test_a_recipe_calibrates_with_its_training_split_and_judges_by_another(
    tmp_path: Path, split: str, source: str
) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", class_names=["0", "1", "2"]))
    np.savez(tmp_path / "noise.npz", x_train=NOISE, y_train=np.arange(60) % 3)
    plan = plan_from_text(RECIPE.replace("SPLIT", split), load_plugins().registry, tmp_path)
    material = material_of_recipe(plan, bundle.manifest, 42)
    assert (material.source, material.calibration.source) == (source, "train")
    assert len(material.images) == 12
    assert len(material.calibration.images) == 60 - 12 * split.count("0.2")
    assert not rows(material.images) & rows(material.calibration.images)
    assert material.targets is not None
    assert material.targets.sum() == 12


def test_a_recipe_whose_images_all_train_has_no_judge(tmp_path: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", class_names=["0", "1", "2"]))
    np.savez(tmp_path / "noise.npz", x_train=NOISE, y_train=np.arange(60) % 3)
    plan = plan_from_text(RECIPE.replace("SPLIT", "validation: 0.0"), load_plugins().registry, tmp_path)
    with pytest.raises(DataError, match="no test split; there is: train"):
        material_of_recipe(plan, bundle.manifest, 42)


def test_training_calibrates_with_its_training_images_alone() -> None:
    def split(name: Split, images: np.ndarray) -> SplitData:
        labels = [("red",)] * len(images)
        return SplitData(name, images, np.ones((len(images), 1), np.float32), labels, ["a"] * len(images))

    def data(**splits: SplitData) -> PreparedData:
        return PreparedData(("red",), ("red",), "one_of_many", splits, (), (), (), "")  # type: ignore[arg-type]

    train, validation, test = (
        split(name, NOISE[at : at + 20]) for name, at in (("train", 0), ("validation", 20), ("test", 40))
    )
    material = material_of_training(data(train=train, validation=validation, test=test), 42)
    assert material is not None
    assert rows(material.calibration.images) == rows(train.images)
    assert material.calibration.source == "train"
    assert material.images is validation.images
    assert material.source == "validation"
    assert material_of_training(data(train=train, test=test), 42) is None
