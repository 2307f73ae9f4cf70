"""Folders of images, as people keep them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import DataError
from fashionbatch.specs import Samples
from fashionbatch_plugins.datasets.folders import (
    ImageFolder,
    MultilabelFolder,
    load_image_folder,
    load_multilabel_folder,
)


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def load(root: Path, **parameters: Any) -> Samples:
    return load_image_folder(ImageFolder(path=str(root), **parameters), LocalContext(root))


def load_several(root: Path, **parameters: Any) -> Samples:
    return load_multilabel_folder(MultilabelFolder(path=str(root), **parameters), LocalContext(root))


def rows(samples: Samples, root: Path) -> list[tuple[str, tuple[str, ...], str | None]]:
    splits = samples.splits or [None] * len(samples)
    names = [Path(path).relative_to(root).as_posix() for path in samples.images]
    return list(zip(names, samples.labels, splits, strict=True))


def test_a_folder_is_a_class_however_deep_its_images_lie(tmp_path: Path) -> None:
    touch(tmp_path, "dog/b.JPG", "dog/a.webp", "cat/deep/er/x.tiff", "cat/y.avif")
    samples = load(tmp_path)
    assert rows(samples, tmp_path) == [
        ("cat/deep/er/x.tiff", ("cat",), None),
        ("cat/y.avif", ("cat",), None),
        ("dog/a.webp", ("dog",), None),
        ("dog/b.JPG", ("dog",), None),
    ]
    assert samples.class_names == ("cat", "dog")
    assert samples.splits is None


def test_what_is_no_image_is_skipped_and_hidden_files_are_not_mentioned(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "dog/b.png", "cat/notes.txt", "cat/noending", "readme.md", "loose.jpg")
    touch(
        tmp_path,
        "cat/.DS_Store",
        ".git/x.png",
        "__MACOSX/cat/a.png",
        "cat/@eaDir/a.png",
        "cat/._a.png",
        "cat/Thumbs.db",
    )
    samples = load(tmp_path)
    assert len(samples) == 2
    assert [(path.name, reason) for path, reason in samples.skipped] == [
        ("loose.jpg", "not in a class folder"),
        ("readme.md", "not in a class folder"),
        ("noending", "not the name of an image file"),
        ("notes.txt", "not the name of an image file"),
    ]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "validation", "test"), ("train_set", "validation_set", "test_set"), ("Training", "val", "testing data")],
)
def test_split_folders_above_the_classes_are_respected(tmp_path: Path, train: str, validation: str, test: str) -> None:
    touch(tmp_path, f"{train}/cat/a.png", f"{train}/dog/b.png", f"{validation}/cat/c.png", f"{test}/dog/d.png")
    samples = load(tmp_path)
    assert samples.class_names == ("cat", "dog")
    found = {Path(path).name: split for path, split in zip(samples.images, samples.splits or [], strict=True)}
    assert found == {"a.png": "train", "b.png": "train", "c.png": "validation", "d.png": "test"}


def test_classes_that_are_called_like_splits_stay_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.png", "bus/b.png", "car/c.png")
    assert load(tmp_path).class_names == ("bus", "car", "train")
    touch(tmp_path / "2", "train/a.png", "test/b.png")
    assert load(tmp_path / "2", split_folders=False).class_names == ("test", "train")


def test_where_it_is_unclear_what_is_a_split_the_user_is_asked(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "extra/cat/d.png")
    with pytest.raises(DataError, match="look like splits, and beside them extra") as caught:
        load(tmp_path)
    assert "split_folders: true" in str(caught.value.hint)
    samples = load(tmp_path, split_folders=True)
    assert len(samples) == 3
    assert [(path.name, reason) for path, reason in samples.skipped] == [("extra", "not a split folder")]
    assert load(tmp_path, split_folders=False).class_names == ("extra", "test", "train")


def test_split_folders_that_are_asked_for_have_to_be_there(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "dog/b.png")
    with pytest.raises(DataError, match="has no train folder; it holds cat, dog"):
        load(tmp_path, split_folders=True)
    (tmp_path / "2" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no class folders"):
        load(tmp_path / "2")


def test_folders_can_be_picked_and_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "dog/b.png", "cow/c.png")
    assert load(tmp_path, classes=["cat", "dog"]).class_names == ("cat", "dog")
    assert load(tmp_path, exclude=["cow"]).class_names == ("cat", "dog")
    with pytest.raises(DataError, match="no class folder 'cows'") as caught:
        load(tmp_path, exclude=["cows"])
    assert "cat, cow, dog" in str(caught.value.hint)


def test_mistakes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load(tmp_path / "none")
    with pytest.raises(DataError, match="is empty") as caught:
        load(tmp_path)
    assert "a folder for each class" in str(caught.value.hint)
    touch(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(DataError, match=r"holds (2 )?images but no folders"):
        load(tmp_path)
    with pytest.raises(DataError, match="is a file, not a folder"):
        load(tmp_path / "a.jpg")
    touch(tmp_path, "cat/a.jpg", "dog/readme.txt")
    with pytest.raises(DataError, match=r"dog' holds no images") as caught:
        load(tmp_path)
    assert ".jpeg" in str(caught.value.hint)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "store/a.png", "set/dog/b.png")
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "again").symlink_to(tmp_path / "store")
    assert [name for name, *_ in rows(load(tmp_path / "set"), tmp_path / "set")] == ["cat/a.png", "dog/b.png"]


def test_a_link_to_itself_is_an_image_that_cannot_be_read_and_no_more(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "dog/b.png")
    for name in ("loop.png", "cat/loop.png"):
        (tmp_path / name).symlink_to(Path(name).name)
    samples = load(tmp_path)
    assert [name for name, *_ in rows(samples, tmp_path)] == ["cat/a.png", "cat/loop.png", "dog/b.png"]
    assert samples.skipped == [(tmp_path / "loop.png", "not in a class folder")]


def test_composed_and_decomposed_names_are_one_class(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "드레스") for form in ("NFC", "NFD"))
    touch(tmp_path, f"train/{composed}/a.png", "train/b/b.png", f"test/{decomposed}/c.png")
    samples = load(tmp_path)
    assert samples.class_names == ("b", composed)
    assert len(load(tmp_path, exclude=[decomposed])) == 1


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "dog/b.png", "cat/" + os.fsdecode(b"caf\xe9.png"))
    assert len(load(tmp_path)) == 3
    touch(tmp_path, os.fsdecode(b"caf\xe9") + "/c.png")
    with pytest.raises(DataError, match="no UTF-8"):
        load(tmp_path)


def test_labels_come_from_the_parts_of_a_folders_name(tmp_path: Path) -> None:
    touch(tmp_path, "red_dress/a.png", "blue_dress/b.png", "blue_jeans/c.png", "black_shoes/d.png")
    samples = load_several(tmp_path, exclude=["black_shoes"])
    assert samples.class_names == ("blue", "dress", "jeans", "red")
    assert samples.labels == [("blue", "dress"), ("blue", "jeans"), ("red", "dress")]
    touch(tmp_path / "2", "red+long dress/a.png", "red/b.png", "+/c.png")
    assert load_several(tmp_path / "2", separator="+", exclude=["+"]).labels == [("red",), ("red", "long dress")]
    with pytest.raises(DataError, match="names no label"):
        load_several(tmp_path / "2", separator="+")


# ------------------------------------------------------------------------------------------------ the wrong folder


def test_a_folder_that_is_one_too_high_is_an_error_with_the_path_to_use(tmp_path: Path) -> None:
    touch(tmp_path, "data/pets/cat/a.jpg", "data/pets/dog/b.jpg", "data/readme.txt")
    with pytest.raises(
        DataError, match="one folder, 'pets', and in it lie cat, dog: the path is one folder too"
    ) as error:
        load(tmp_path / "data")
    assert error.value.hint == f"write `path: {tmp_path}/data/pets`"
    with pytest.raises(DataError) as error:
        load(tmp_path)
    assert error.value.hint == f"write `path: {tmp_path}/data/pets`"
    assert load(tmp_path / "data" / "pets").class_names == ("cat", "dog")
    with pytest.raises(DataError, match="one folder too high"):
        load_several(tmp_path / "data")


def test_a_folder_that_is_one_too_low_is_an_error_with_the_path_to_use(tmp_path: Path) -> None:
    touch(tmp_path, "pets/cat/a.jpg", "pets/dog/b.jpg")
    with pytest.raises(DataError, match="cat' holds images but no folders; beside it lies dog") as error:
        load(tmp_path / "pets" / "cat")
    hint = f"make a folder for each class in it; if these are the classes, give the one above: {tmp_path}/pets"
    assert error.value.hint == hint


def test_splits_in_a_wrapping_folder_are_found_by_the_path_that_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "archive/train/cat/a.jpg", "archive/test/cat/b.jpg")
    with pytest.raises(DataError, match="in it lie test, train") as error:
        load(tmp_path)
    assert error.value.hint == f"write `path: {tmp_path}/archive`"


def test_a_wrapping_folder_below_the_splits_is_named(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/pets/{name}/a.jpg" for split in ("train", "test") for name in ("cat", "dog")))
    with pytest.raises(DataError, match="holds one folder, 'pets', and no other split holds more: in it lie cat, dog"):
        load(tmp_path)


def test_one_class_is_no_wrapping_folder(tmp_path: Path) -> None:
    touch(tmp_path, "red_dress/a.jpg", "red_dress/1/b.jpg", "red_dress/2/c.jpg")
    assert load_several(tmp_path).class_names == ("dress", "red")
    touch(tmp_path, "deep/cat/x/y/a.jpg")
    assert load(tmp_path / "deep").class_names == ("cat",)
    touch(tmp_path, "own/pets/cat/a.jpg", "own/pets/dog/a.jpg")
    assert load(tmp_path / "own", classes=("pets",)).class_names == ("pets",)


def test_the_training_split_alone_is_told_with_the_path_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *(f"pets/{split}/{name}/a.jpg" for split in ("train", "val", "test") for name in ("cat", "dog")))
    (note,) = load(tmp_path / "pets" / "train").notes
    assert note == (
        f"'{tmp_path}/pets/train' is one split of several: beside it lies test, val; "
        f"`path: {tmp_path}/pets` takes them as splits"
    )
    assert load(tmp_path / "pets").notes == []
    assert load(tmp_path / "pets" / "test").notes == []
    monkeypatch.chdir(tmp_path / "pets" / "train")
    (note,) = load_image_folder(ImageFolder(path="."), LocalContext(tmp_path / "pets" / "train")).notes
    assert "`path: ./..` takes them" in note
    (note,) = load_image_folder(ImageFolder(path="train"), LocalContext(tmp_path / "pets")).notes
    assert "`path: .` takes them" in note


def test_splits_below_the_classes_are_told(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{split}/a.jpg" for split in ("train", "test") for name in ("cat", "dog")))
    (note,) = load(tmp_path).notes
    assert "holds test, train, which are not taken for splits" in note


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_class_that_a_split_lacks_is_told_and_stays_a_class(tmp_path: Path, split: str) -> None:
    touch(tmp_path, "train/cat/a.jpg", "train/dog/a.jpg", f"{split}/cat/b.jpg")
    (tmp_path / split / "dog").mkdir()
    samples = load(tmp_path)
    assert samples.class_names == ("cat", "dog")
    assert samples.notes == [
        f"the class folder '{tmp_path}/{split}/dog' holds no images, so {split} has none of class 'dog'"
    ]
    assert load(tmp_path / split).class_names == ("cat",), "a split that is given alone, to be judged by"
    (tmp_path / "train" / "hen").mkdir()
    with pytest.raises(DataError, match="hen' holds no images"):
        load(tmp_path)


def test_folders_that_differ_by_case_alone_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "Dress/a.jpg", "dress/b.jpg", "shirt/c.jpg")
    samples = load(tmp_path)
    assert samples.class_names == ("Dress", "dress", "shirt")
    assert "differ by case" in samples.notes[0]


def test_a_file_that_another_dataset_reads_names_that_one(tmp_path: Path) -> None:
    touch(tmp_path, "items.csv")
    with pytest.raises(DataError, match="is a file, not a folder") as error:
        load(tmp_path / "items.csv")
    assert error.value.hint == "the dataset csv_manifest reads it"
