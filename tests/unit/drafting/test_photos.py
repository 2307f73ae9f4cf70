"""What photos are like, by their headers and a sample of their pixels."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from fashionbatch.drafting.photos import look_at_photos
from fashionbatch.specs import Samples


@pytest.fixture
def look(photos):
    """What is found in the files, in the order of their names; a folder's name is the label."""

    def at(splits=None):
        paths = sorted(path for path in photos.rglob("*") if path.is_file())
        labels = [(path.parent.name,) for path in paths]
        names = tuple(sorted({label for (label,) in labels}))
        return look_at_photos(Samples(images=paths, labels=labels, class_names=names, splits=splits))

    return at


def test_sizes_are_the_medians(put, look):
    put("coat/1.png", size=(100, 50))
    put("coat/2.png", size=(300, 200))
    put("coat/3.png", size=(40, 400))
    sides = look().sides
    assert (sides.width, sides.height, sides.longest) == (100, 200, (100, 300, 400))
    assert sides.wide_share == 1.0


def test_a_photo_that_was_held_upright_counts_as_it_is_seen(photos, look, images_factory):
    upright = look_before = images_factory.picture()
    (photos / "coat").mkdir()
    (photos / "coat" / "1.jpg").write_bytes(images_factory.oriented(6, "JPEG", upright))
    sides = look().sides
    assert (sides.height, sides.width) == look_before.shape[:2]


def test_grey_photos_are_known_whether_or_not_they_are_stored_with_colours(put, look):
    put("coat", count=3, grey=True)
    assert look().all_grey
    put("coat/colourful.png")
    found = look()
    assert (found.grey, found.decoded, found.all_grey) == (3, 4, False)


def test_broken_files_are_named_with_the_reason(put, photos, look, images_factory):
    put("coat", count=2)
    (photos / "coat" / "page.png").write_bytes(b"<html>not found</html>")
    (photos / "coat" / "cut.jpg").write_bytes(images_factory.truncated("JPEG"))
    found = look()
    assert [name for name, _ in found.broken] == ["cut.jpg", "page.png"]
    assert "HTML" in found.broken[1][1]
    assert (found.headers, found.decoded) == (3, 2)


def test_equal_files_are_told_within_a_class_and_across_classes_and_splits(put, photos, look):
    put("coat/1.png", "coat/2.png", "skirt/3.png")
    shutil.copy(photos / "coat/1.png", photos / "coat/1 (copy).png")
    shutil.copy(photos / "skirt/3.png", photos / "coat/3.png")
    within, across = look(splits=["train", "train", "train", "test", "test"]).duplicates
    assert within.names == ("coat/1 (copy).png", "coat/1.png")
    assert not within.across_classes
    assert not within.across_splits
    assert across.names == ("coat/3.png", "skirt/3.png")
    assert across.across_classes
    assert not across.across_splits
    (torn, _) = look(splits=["train", "test", "train", "test", "test"]).duplicates
    assert torn.across_splits


def test_an_array_is_looked_at_without_files():
    images = np.zeros((4, 8, 12), np.uint8)
    found = look_at_photos(Samples(images=images, labels=[("a",)] * 4, class_names=("a",)))
    assert found.all_grey
    assert (found.sides.width, found.sides.height) == (12, 8)
