"""Images in a database: a dataset plugin reads them one by one, and everything from training to evaluation works."""

from __future__ import annotations

import dataclasses
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.bundle.open import open_bundle
from fashionbatch.data import decode
from fashionbatch.data.originals import Encoded
from fashionbatch.data.prepare import image_names, load_samples, prepare_data
from fashionbatch.errors import DataError, PluginError
from fashionbatch.evaluation.truth import decode_truth, truth_of_split
from fashionbatch.images import decode_image
from fashionbatch.plan import plan_from_text
from fashionbatch.plugins import guarded, load_plugins
from fashionbatch.registry import Provider
from fashionbatch.specs import DatasetSpec, EncodedImages, ImageSpec, Parameters, Samples
from fashionbatch.training.run import train

RECIPE = """
version: 1
name: stored
data:
  source: {name: sqlite_photos, path: photos.db}
  image: {size: [12, 12], channels: 3}
  split: {validation: 0.25, test: 0.25, seed: 1}
architecture: {name: mlp, dense: [4]}
training: {epochs: 1, batch_size: 8, seed: 3}
"""
COUNT = 24
BROKEN = 5


class Database(Parameters):
    path: str


def load(parameters, context):
    """The dataset as docs/plugins.md shows it."""
    file = context.locate(parameters.path)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT id, name, label FROM photos ORDER BY id").fetchall()

    def read(index):
        # A connection of its own: images are read by several threads.
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return database.execute("SELECT photo FROM photos WHERE id = ?", (rows[index][0],)).fetchone()[0]

    status = file.stat()
    return Samples(
        images=EncodedImages(
            names=[name for _, name, _ in rows], read=read, version=f"{status.st_size} {status.st_mtime_ns}"
        ),
        labels=[(label,) for _, _, label in rows],
        class_names=("dark", "light"),
    )


def photo(number):
    file = io.BytesIO()
    grey = 40 + 5 * number if number % 2 == 0 else 250 - 5 * number
    Image.new("RGB", (20, 16), (grey % 256, number, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    with closing(sqlite3.connect(tmp_path / "photos.db")) as database, database:
        database.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY, name TEXT, label TEXT, photo BLOB)")
        for number in range(COUNT):
            content = b"no photo" if number == BROKEN else photo(number)
            row = (number * 7, f"shop/{number}.png", ("dark", "light")[number % 2], content)
            database.execute("INSERT INTO photos VALUES (?, ?, ?, ?)", row)
    return tmp_path


@pytest.fixture(scope="module")
def plugins():
    loaded = load_plugins()
    spec = DatasetSpec(name="sqlite_photos", summary="Photos in SQLite.", parameters=Database, load=load)
    loaded.registry.add(spec, Provider("shoes", "1.0"))
    return loaded


@pytest.fixture
def plan(plugins, folder):
    return plan_from_text(RECIPE, plugins.registry, folder)


def test_a_classifier_is_trained_and_evaluated_from_a_database(plan, plugins, folder):
    report = train(plan, folder / "run", plugins=plugins, show=lambda line: None)
    counts = report.summary["data"]["images"]
    assert sum(counts.values()) == COUNT - 1
    assert report.summary["data"]["left_out"] == 1
    assert "shop/5.png" in (report.run_directory / "data.json").read_text()
    manifest = open_bundle(report.bundle).manifest
    truth = truth_of_split(plan, manifest, "test")
    decoded = decode_truth(truth, manifest)
    assert len(decoded.images) + len(decoded.skipped) == len(truth)
    assert all(name.startswith("shop/") for name in decoded.names)
    with pytest.raises(DataError, match="its images have no paths"):
        truth.paths()


def test_pixels_and_names_are_those_of_the_same_files_in_a_folder(plan, folder):
    data = prepare_data(plan)
    for split in data.splits.values():
        for name, pixels in zip(split.names, split.images, strict=True):
            path = folder / Path(name).name
            path.write_bytes(photo(int(path.stem)))
            np.testing.assert_array_equal(pixels, decode_image(path, plan.recipe.data.image))
    assert [(name, reason.partition(":")[0]) for name, reason in data.skipped] == [
        ("shop/5.png", "UnidentifiedImageError")
    ]


def test_the_names_can_be_grouped_by(plugins, folder):
    text = RECIPE.replace("seed: 1}", "seed: 1, stratify: false, group_by: '([0-9])\\.png'}")
    data = prepare_data(plan_from_text(text, plugins.registry, folder))
    keys = [{name[-5] for name in split.names} for split in data.splits.values()]
    assert sum(map(len, keys)) == len(set.union(*keys))


def test_decoded_pixels_are_cached_as_long_as_nothing_has_changed(plan, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(decode, "IN_MEMORY_BYTES", 0)
    first = prepare_data(plan)
    reads = []
    fetch = Encoded.fetch
    monkeypatch.setattr(Encoded, "fetch", lambda self, position: reads.append(position) or fetch(self, position))
    again = prepare_data(plan)
    # The one that could not be read is tried again.
    assert len(reads) == 1
    assert again.fingerprint == first.fingerprint
    monkeypatch.undo()
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    with closing(sqlite3.connect(folder / "photos.db")) as database, database:
        database.execute("UPDATE photos SET photo = ? WHERE id = 0", (photo(9),))
    assert prepare_data(plan).fingerprint != first.fingerprint


def test_without_a_version_the_bytes_say_whether_something_has_changed():
    contents = [photo(0), photo(1)]
    images = EncodedImages(names=["a", "b"], read=contents.__getitem__)
    chosen = np.array([0, 1])
    before = Encoded(images, chosen).identity()
    assert Encoded(images, chosen).identity() == before
    contents[1] = photo(3)
    assert Encoded(images, chosen).identity() != before
    stamped = [EncodedImages(names=["a", "b"], read=contents.__getitem__, version=version) for version in "12"]
    assert Encoded(stamped[0], chosen).identity() != Encoded(stamped[1], chosen).identity()


def test_a_function_for_each_image_will_do():
    readers = [lambda number=number: photo(number) for number in range(3)]
    samples = Samples(images=readers, labels=[("a",)] * 3, class_names=("a",))
    assert image_names(samples) == ["0", "1", "2"]
    assert samples.images.read(2) == photo(2)


def failing(index):
    raise KeyError(f"row {index} is gone")


@pytest.mark.parametrize(
    ("read", "reason"),
    [(failing, "KeyError: 'row 0 is gone'"), (lambda index: "text", "TypeError: read returned str, not bytes")],
)
def test_what_cannot_be_read_is_told_of_with_its_reason(read, reason):
    images = EncodedImages(names=["a"], read=read, version="1")
    _, outcome = decode.decode_all(Encoded(images, np.array([0])), ImageSpec(size=(4, 4)), title="")
    assert outcome.failed == [(0, reason)]


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (EncodedImages(names=["a", "a"], read=failing), "images.names hold 'a' twice"),
        (EncodedImages(names=["a", 3], read=failing), "images.names[1] is 3; expected text"),
        (EncodedImages(names=["a", "b"], read=b"x"), "images.read is b'x'; expected a function"),
        (EncodedImages(names=["a"], read=failing), "1 images and 2 labels"),
        ([Path("a"), failing], "images[1] is a function; expected a pathlib.Path"),
    ],
)
def test_what_a_plugin_must_not_return_names_it(plan, images, said):
    def wrong(parameters, context):
        return Samples(images=images, labels=[("a",), ("a",)], class_names=("a",))

    spec = guarded(dataclasses.replace(plan.source.spec, load=wrong), plan.source.provider)
    source = dataclasses.replace(plan.source, spec=spec)
    with pytest.raises(PluginError) as caught:
        load_samples(dataclasses.replace(plan, source=source))
    assert said in caught.value.message
    assert "shoes 1.0" in caught.value.message
