"""Each check of a dataset fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import itertools
import random
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.specs import DatasetSpec, EncodedImages, Parameters, Samples
from fashionbatch.testing import checks_for

_count = itertools.count(1)


def spec(load, parameters=Parameters):
    return DatasetSpec(name="broken", summary="Broken.", parameters=parameters, load=load)


def pictures(shape=(6, 8, 8, 3)):
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def arrays(**changes):
    samples = Samples(
        images=pictures(),
        labels=[("cat",), ("dog",)] * 3,
        class_names=("cat", "dog"),
        splits=["train"] * 4 + ["test", None],
        groups={"product": ["a", "b"] * 3},
    )
    return replace(samples, **changes)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    (tmp_path / "photos").mkdir()
    paths = [tmp_path / "photos" / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        Image.new("RGB", (8, 8), (number * 40, 10, 0)).save(path)
    return paths


def of_files(paths, **changes):
    samples = Samples(images=paths, labels=[("cat",), ("dog",)] * 2, class_names=("cat", "dog"))
    return replace(samples, **changes)


def test_a_right_dataset_passes(passes_all, photos):
    passes_all(spec(lambda parameters, context: arrays()))
    passes_all(spec(lambda parameters, context: of_files(photos)))


def test_files_that_cannot_be_decoded_may_be_among_others(passes_all, photos):
    photos[0].write_bytes(b"no image")

    passes_all(spec(lambda parameters, context: of_files(photos)))


TYPES, IMAGES = "samples_have_the_right_types", "images_are_files_or_one_array"
CONSISTENT, SPLITS = "samples_are_consistent", "splits_share_no_image"
ORDER = "the_order_is_always_the_same"
SIX = [("cat",), ("dog",)] * 3
BREAKS = {
    "nothing": (lambda: None, TYPES, "got NoneType"),
    "a tuple": (lambda: (pictures(), SIX), TYPES, "got tuple"),
    "class names in a list": (lambda: arrays(class_names=["cat", "dog"]), TYPES, "class_names is list"),
    "class names that are numbers": (lambda: arrays(class_names=(0, 1)), TYPES, "class_names is tuple"),
    "class names in an array": (lambda: arrays(class_names=np.array(["cat", "dog"])), TYPES, "class_names is ndarray"),
    "labels that are texts": (lambda: arrays(labels=["cat", "dog"] * 3), TYPES, "labels are str"),
    "labels that are numbers": (lambda: arrays(labels=[0, 1] * 3), TYPES, "labels are int"),
    "labels that are lists": (lambda: arrays(labels=[["cat"], ["dog"]] * 3), TYPES, "labels are list"),
    "numbers in the labels": (lambda: arrays(labels=[(0,), (1,)] * 3), TYPES, "labels are tuple"),
    "unknown split": (lambda: arrays(splits=["train", "val"] * 3), TYPES, "a split is 'val'"),
    "split in capitals": (lambda: arrays(splits=["TRAIN"] * 6), TYPES, "a split is 'TRAIN'"),
    "groups in a list": (lambda: arrays(groups=[("a", "b")]), TYPES, "groups is tuple"),
    "groups of numbers": (lambda: arrays(groups={"product": [1, 2] * 3}), TYPES, "group column 'product' holds int"),
    "skipped texts": (lambda: arrays(skipped=["a.png"]), TYPES, "skipped holds"),
    "skipped pairs of texts": (lambda: arrays(skipped=[("a.png", "broken")]), TYPES, "skipped holds"),
    "load raises": (lambda: {}["train"], TYPES, "KeyError: 'train'"),
    "load exits": (lambda: exit(2), TYPES, "SystemExit"),
    "no data": (lambda: (_ for _ in ()).throw(DataError("shoes.tar is not here")), TYPES, "shoes.tar is not here"),
    "scaled pixels": (lambda: arrays(images=(pictures() / 255).astype(np.float32)), IMAGES, "float32"),
    "whole numbers": (lambda: arrays(images=pictures().astype(np.int64)), IMAGES, "int64"),
    "0 and 1": (lambda: arrays(images=(pictures() > 99).astype(np.uint8)), IMAGES, "brighter than 1"),
    "five channels": (lambda: arrays(images=pictures((6, 8, 8, 5))), IMAGES, "(6, 8, 8, 5)"),
    "four channels": (lambda: arrays(images=pictures((6, 8, 8, 4))), IMAGES, "(6, 8, 8, 4)"),
    "channels first": (lambda: arrays(images=pictures((6, 3, 8, 8))), IMAGES, "(6, 3, 8, 8)"),
    "rows of pixels": (lambda: arrays(images=pictures((6, 64))), IMAGES, "(6, 64)"),
    "a list of arrays": (lambda: arrays(images=list(pictures())), IMAGES, "a sequence of arrays"),
    "an array of objects": (lambda: arrays(images=np.array([Path("a")] * 6, object)), IMAGES, "object"),
    "a generator": (lambda: arrays(images=(Path("a") for _ in range(6))), IMAGES, "generator"),
    "a folder": (lambda: arrays(images="photos"), IMAGES, "images is str"),
    "no images": (lambda: arrays(images=pictures()[:0], labels=[], splits=None, groups={}), CONSISTENT, "no images"),
    "labels missing": (lambda: arrays(labels=SIX[:5]), CONSISTENT, "6 images, 5 labels"),
    "splits missing": (lambda: arrays(splits=["train"] * 5), CONSISTENT, "6 images, 5 splits"),
    "group values missing": (lambda: arrays(groups={"product": ["a"]}), CONSISTENT, "1 values of group 'product'"),
    "a label that is no class": (lambda: arrays(class_names=("cat",)), CONSISTENT, "'dog'"),
    "classes that repeat": (lambda: arrays(class_names=("cat", "dog", "cat")), CONSISTENT, "repeat"),
    "a class with a bar": (lambda: arrays(class_names=("cat", "dog", "a|b")), CONSISTENT, "'a|b'"),
    "a class with a line end": (lambda: arrays(class_names=("cat", "dog", "a\nb")), CONSISTENT, "control character"),
    "an empty class": (lambda: arrays(class_names=("cat", "dog", "")), CONSISTENT, "is empty"),
    "a blank class": (lambda: arrays(class_names=("cat", "dog", " ")), CONSISTENT, "is empty"),
    "a class that ends with a blank": (lambda: arrays(class_names=("cat", "dog", "hen ")), CONSISTENT, "blank"),
    "undecodable class": (lambda: arrays(class_names=("cat", "dog", "caf\udce9")), CONSISTENT, "no text"),
    "no labels at all": (lambda: arrays(labels=[()] * 6), CONSISTENT, "no image has a label"),
    "one picture in two splits": (
        lambda: arrays(images=np.concatenate([pictures()[:3]] * 2), splits=["train"] * 3 + ["test"] * 3),
        SPLITS, "3 images of 3 are both in test and in train"),
    "shuffled images": (
        lambda: arrays(images=np.random.default_rng().permutation(pictures())), ORDER, "images differ when it is loaded again"),
    "shuffled labels": (lambda: arrays(labels=random.sample(SIX, 6) + SIX[:0] if next(_count) else SIX), ORDER, "again"),
    "classes in another order": (
        lambda: arrays(class_names=("cat", "dog") if next(_count) % 2 else ("dog", "cat")), ORDER, "class_names differ"),
    "another split each time": (
        lambda: arrays(splits=["train", "test"] * 3 if next(_count) % 2 else ["test", "train"] * 3), ORDER, "splits differ"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_dataset_is_caught(name, failure):
    load, check, phrase = BREAKS[name]

    assert phrase in failure(spec(lambda parameters, context: load()), check).problem


BREAKS_OF_FILES = {
    "missing files": (lambda photos: of_files([*photos[:3], photos[0].parent / "no.png"]), IMAGES, "1 of 4 files are not there"),
    "a folder among files": (lambda photos: of_files([*photos[:3], photos[0].parent]), IMAGES, "1 of 4 files are not there"),
    "paths that are texts": (lambda photos: of_files([*map(str, photos)]), IMAGES, "not a pathlib.Path"),
    "paths that are bytes": (lambda photos: of_files([str(path).encode() for path in photos]), IMAGES, "not a pathlib.Path"),
    "names without their folder": (lambda photos: of_files([Path(path.name) for path in photos]), IMAGES, "4 of 4 files"),
    "opened images": (lambda photos: of_files([Image.new("L", (8, 8)) for _ in photos]), IMAGES, "not a pathlib.Path"),
    "one file in two splits": (
        lambda photos: of_files([photos[0], *photos[:3]], splits=["test", "train", "train", "train"]),
        SPLITS, "1 files are listed more than once"),
    "one file twice": (lambda photos: of_files([*photos[:2], *photos[:2]]), SPLITS, "2 files are listed more than once"),
    "one file by two paths": (
        lambda photos: of_files([*photos[:3], photos[0].parent / "x" / ".." / photos[0].name]), SPLITS, "more than once"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS_OF_FILES)
def test_a_broken_dataset_of_files_is_caught(name, failure, photos):
    samples, check, phrase = BREAKS_OF_FILES[name]

    assert phrase in failure(spec(lambda parameters, context: samples(photos)), check).problem


def test_files_that_are_no_images_are_caught(failure, tmp_path):
    paths = [tmp_path / f"{number}.txt" for number in range(4)]
    for path in paths:
        path.write_text("no image")

    assert "no image can be decoded" in failure(spec(lambda p, c: of_files(paths)), IMAGES).problem


def test_a_required_parameter_without_an_example_is_a_failure_that_says_how_to_give_one(failure):
    class OfPath(Parameters):
        path: str = Field(description="Where the photos are.")

    error = failure(spec(lambda parameters, context: arrays(), OfPath), TYPES)

    assert "dataset/broken needs path and has no example" in error.problem
    assert "examples={'dataset/broken': {'path': ...}}" in error.remedy
    assert re.search(r"Field\(examples=\[\.\.\.\]\)", error.remedy)


def test_an_example_that_is_not_valid_says_what_is_wrong(failure):
    class Sized(Parameters):
        side: int = Field(8, ge=1, description="Pixels.")

    error = failure(spec(lambda parameters, context: arrays(), Sized), TYPES, {"side": "wide"})

    assert "side: Input should be a valid integer" in error.problem


# ---------------------------------------------------------------------------------------------- in a process of its own

SOURCE = """
import os
from pathlib import Path
import numpy as np
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import DatasetSpec, EncodedImages, Parameters, Samples
from pydantic import Field

class OfFolder(Parameters):
    path: str = Field(description="The folder.")

def load(parameters, context):
    folder = context.locate(parameters.path)
    paths = sorted(folder.iterdir())
    names = ("cat", "dog")
    {change}
    return Samples(images=paths, labels=[(names[0],), (names[1],)] * 2, class_names=tuple(names))

@hookimpl
def register_datasets():
    yield DatasetSpec(name="folder", summary="A folder.", parameters=OfFolder, load=load)
"""
CHANGES = {
    "listing": ("paths = list(folder.iterdir())", "images differ in another process"),
    "glob": ("paths = list(folder.glob('*.png'))", "images differ in another process"),
    "scandir": ("paths = [Path(entry) for entry in os.scandir(folder)]", "images differ in another process"),
    "walk": ("paths = [Path(r) / f for r, _, fs in os.walk(folder) for f in fs]", "images differ in another process"),
    "set of classes": ("names = list({'cat', 'dog', *map(str, range(40))})", "class_names differ in another process"),
    "the working directory": (
        "folder = Path(parameters.path); paths = sorted(folder.iterdir())",
        "fails in a fresh process",
    ),
    "the clock": ("import time; names = ('cat', f'dog{time.time_ns()}')", "class_names differ when it is loaded again"),
}


@pytest.mark.parametrize("name", ["right", *CHANGES])
def test_what_differs_in_another_process_is_caught(name, add_distribution, photos, monkeypatch):
    change, phrase = CHANGES.get(name, ("", None))
    module = f"folder_of_{name.replace(' ', '_')}"
    add_distribution("folder-for-fb", {module: SOURCE.format(change=change)}, {"folder": module})
    monkeypatch.chdir(photos[0].parent.parent)
    examples = {"dataset/folder": {"path": photos[0].parent.name}}
    [check] = [check for check in checks_for("folder-for-fb", examples=examples) if check.name == ORDER]

    if phrase is None:
        check()
        return
    with pytest.raises(AssertionError, match=phrase):
        check()


def test_a_framework_that_is_imported_with_the_module_is_caught(add_distribution):
    source = SOURCE.format(change="").replace("import os\n", "import os, json, sklearn\n")
    add_distribution("heavy-for-fb", {"heavy_fb": source}, {"heavy": "heavy_fb"})
    [check] = [check for check in checks_for("heavy-for-fb") if check.name == "loading_imports_no_framework"]

    with pytest.raises(AssertionError, match="loading the plugins of heavy-for-fb imports sklearn"):
        check()


class InFolder(Parameters):
    path: str = Field("photos", description="Where they are.")


def test_a_path_that_is_not_looked_for_by_the_context(failure, check_of, photos, monkeypatch):
    monkeypatch.chdir(photos[0].parent.parent)
    located = spec(
        lambda parameters, context: of_files(sorted(context.locate(parameters.path).glob("*.png"))), InFolder
    )
    ignored = spec(lambda parameters, context: of_files(photos), InFolder)
    name = "the_path_is_looked_for_by_the_context"

    check_of(located, name)()
    assert failure(ignored, name).problem == "path is 'photos', and load never asked context.locate for it"


def encoded(photos, read, count=4):
    names = [str(number) for number in range(count)]
    return of_files(photos, images=EncodedImages(names=names, read=read), labels=[("cat",), ("dog",)] * (count // 2))


def by_turns(photos):
    turns = itertools.cycle(photos)
    return lambda position: next(turns).read_bytes()


def of_one_thread(photos):
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE photos (id, content)")
        database.executemany("INSERT INTO photos VALUES (?, ?)", [(n, p.read_bytes()) for n, p in enumerate(photos)])
    return lambda position: database.execute("SELECT content FROM photos WHERE id = ?", (position,)).fetchone()[0]


@pytest.mark.parametrize(
    ("reader", "phrase"),
    [(by_turns, "when positions are asked for in another order"), (of_one_thread, "in another thread")],
)
def test_encoded_images_that_only_one_reader_can_read(reader, phrase, failure, check_of, photos):
    name = "encoded_images_can_be_read_by_threads"
    check_of(spec(lambda parameters, context: encoded(photos, lambda n: photos[n].read_bytes())), name)()

    broken = spec(lambda parameters, context: encoded(photos, reader(photos)))
    assert phrase in failure(broken, name).problem


def test_copies_of_training_images_in_the_test_split(failure, tmp_path, photos):
    copies = [tmp_path / f"copy{number}.png" for number in range(4)]
    for copy, photo in zip(copies, photos, strict=True):
        copy.write_bytes(photo.read_bytes())
    both = {"labels": [("cat",), ("dog",)] * 4, "splits": ["train"] * 4 + ["test"] * 4}
    name = "splits_share_no_image"

    files = spec(lambda parameters, context: of_files([*photos, *copies], **both))
    assert failure(files, name).problem == "4 images of 4 are both in test and in train"
    read = lambda position: photos[position % 4].read_bytes()  # noqa: E731
    inside = spec(lambda parameters, context: replace(encoded(photos, read, count=8), splits=both["splits"]))
    assert failure(inside, name).problem == "4 images of 4 are both in test and in train"


def test_a_third_of_the_test_split_in_the_training_split(failure):
    images = pictures((12, 8, 8, 3))
    images[9] = images[0]
    samples = arrays(images=images, labels=[("cat",)] * 12, splits=["train"] * 9 + ["test"] * 3, groups={})
    problem = failure(spec(lambda parameters, context: samples), "splits_share_no_image").problem
    assert problem == "1 images of 3 are both in test and in train"


def test_a_label_that_an_image_has_twice(failure):
    samples = arrays(labels=[("cat", "cat")] * 6)
    problem = failure(spec(lambda parameters, context: samples), "samples_are_consistent").problem
    assert problem == "an image's labels are tuple ('cat', 'cat')"
