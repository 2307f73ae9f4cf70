"""From a recipe's data to arrays: what is decoded, what is left out, and what is said about it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from fashionbatch.data import decode, originals
from fashionbatch.data.places import CACHE_VARIABLE
from fashionbatch.data.prepare import load_samples, look_at_labels, prepare_data
from fashionbatch.errors import DataError, ImageError, PluginError
from fashionbatch.images import decode_image
from fashionbatch.plan import Plan
from fashionbatch.plugins import guarded
from fashionbatch.registry import Provider
from fashionbatch.specs import ImageSpec, Samples

MakePlan = Callable[..., Plan]


def write_images(folder: Path, count: int, *, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *folder.name.encode()])
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (10, 12, 3), np.uint8)).save(folder / f"{index:03}.png")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        write_images(tmp_path / "photos" / name, 20)
    return tmp_path / "photos"


@pytest.fixture
def plan(make_plan: MakePlan, photos: Path) -> Plan:
    return make_plan({"name": "image_folder", "path": "photos"})


def test_a_folder_becomes_splits_of_pixels_and_targets(plan: Plan, photos: Path) -> None:
    data = prepare_data(plan)
    assert data.class_names == data.display_names == ("cat", "dog")
    assert data.decoding == "one_of_many"
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 32, "validation": 8}
    assert data.skipped == []
    assert data.duplicates == []
    for split in data.splits.values():
        assert split.images.shape == (len(split), 8, 8, 3)
        assert split.images.dtype == np.uint8
        assert split.targets.shape == (len(split), 2)
        for row, name in enumerate(split.names):
            np.testing.assert_array_equal(split.images[row], decode_image(photos / name, plan.recipe.data.image))
            assert split.labels[row] == (name.split("/")[0],)
            assert split.targets[row].tolist() == [name.startswith("cat"), name.startswith("dog")]


def test_one_split_alone_is_the_same_as_with_the_others(plan: Plan) -> None:
    everything, alone = prepare_data(plan), prepare_data(plan, splits=["validation"])
    assert list(alone.splits) == ["validation"]
    np.testing.assert_array_equal(alone.splits["validation"].images, everything.splits["validation"].images)


def test_the_fingerprint_is_that_of_the_content(plan: Plan, photos: Path, make_plan: MakePlan) -> None:
    first = prepare_data(plan).fingerprint
    for path in photos.rglob("*.png"):
        os.utime(path, (1, 1))
    assert prepare_data(plan).fingerprint == first
    other_size = make_plan({"name": "image_folder", "path": "photos"}, size=(8, 9))
    assert prepare_data(other_size).fingerprint != first
    write_images(photos / "cat", 1, seed=9)
    assert prepare_data(plan).fingerprint != first


def test_unreadable_files_are_left_out_and_told_of(plan: Plan, photos: Path, images_factory: ModuleType) -> None:
    (photos / "cat" / "003.png").write_bytes(images_factory.truncated("PNG"))
    (photos / "dog" / "004.png").write_bytes(b"")
    (photos / "dog" / "notes.txt").write_text("x")
    (photos / "dog" / "005.png").unlink()
    (photos / "dog" / "005.png").symlink_to("nowhere")
    data = prepare_data(plan)
    assert sum(len(split) for split in data.splits.values()) == 37
    reasons = dict(data.skipped)
    assert sorted(Path(name).name for name in reasons) == ["003.png", "004.png", "005.png", "notes.txt"]
    assert reasons["cat/003.png"].startswith("OSError: ")
    assert reasons["dog/005.png"] == "FileNotFoundError: No such file or directory"
    assert data.notes[0].startswith("3 images that cannot be decoded are left out, such as 'cat/003.png' (OSError: ")
    assert data.notes[1].startswith("1 file is left out as none of the images, such as ")
    assert "notes.txt" in data.notes[1]
    for split in data.splits.values():
        assert not set(split.names) & set(reasons)


def test_where_nothing_can_be_read_the_reason_is_given(plan: Plan, photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.write_text("<html>")
    with pytest.raises(DataError, match=r"none of the 32 images of the train split can be read: .*HTML"):
        prepare_data(plan)


def test_where_a_class_cannot_be_read_it_is_named(plan: Plan, photos: Path) -> None:
    for path in (photos / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="class 'dog' has no image left to train on"):
        prepare_data(plan)


def test_the_same_file_in_two_splits_is_told_of(make_plan: MakePlan, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            write_images(tmp_path / "photos" / part / name, 5, seed=len(part))
    shutil.copy(tmp_path / "photos/train/cat/000.png", tmp_path / "photos/test/cat/copy.png")
    shutil.copy(tmp_path / "photos/test/dog/000.png", tmp_path / "photos/test/dog/twin.png")
    data = prepare_data(make_plan({"name": "image_folder", "path": "photos"}))
    assert len(data.duplicates) == 1
    assert set(data.duplicates[0]) == {"train/cat/000.png", "test/cat/copy.png"}
    assert "1 image stands in more than one split" in data.notes[0]


def test_file_names_that_are_no_utf8_or_odd_do_not_hurt(plan: Plan, photos: Path) -> None:
    source = photos / "cat" / "000.png"
    for name in (b"caf\xe9.png", '한국\n,".png'.encode()):
        shutil.copy(source, os.fsencode(photos / "cat") + b"/" + name)
    (photos / "dog" / os.fsdecode(b"bad\xff.png")).write_bytes(b"")
    data = prepare_data(plan)
    names = [name for split in data.splits.values() for name in split.names] + [name for name, _ in data.skipped]
    assert any(name.endswith("caf\\xe9.png") for name in names)
    assert any("한국\n" in name for name in names)
    "".join([*names, *data.notes]).encode("utf-8")


def test_display_names_come_from_the_recipe(make_plan: MakePlan, photos: Path) -> None:
    data = prepare_data(make_plan({"name": "image_folder", "path": "photos"}, names={"dog": "개"}))
    assert data.class_names == ("cat", "dog")
    assert data.display_names == ("cat", "개")


def test_heads_get_their_targets(make_plan: MakePlan, photos: Path, tmp_path: Path) -> None:
    binary = prepare_data(make_plan({"name": "image_folder", "path": "photos"}, head="binary"))
    assert binary.splits["train"].targets.shape == (32, 1)
    assert binary.splits["train"].targets.sum() == 16
    for name in ("red_dress", "red_shirt", "blue_shirt"):
        write_images(tmp_path / "clothes" / name, 5)
    several = prepare_data(make_plan({"name": "multilabel_folder", "path": "clothes"}, head="multilabel"))
    assert several.class_names == ("blue", "dress", "red", "shirt")
    assert several.splits["train"].targets.sum(axis=1).tolist() == [2] * 12


def test_other_data_can_take_the_place_of_the_recipes(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        write_images(tmp_path / "elsewhere" / "other" / name, 5)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert prepare_data(plan, data_path=Path("other")).class_names == ("a", "b", "c")
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path / "elsewhere"))
    assert load_samples(plan, data_path=Path("data:other")).class_names == ("a", "b", "c")
    with pytest.raises(DataError, match="does not exist"):
        prepare_data(plan, data_path=Path("nothing"))


def test_a_source_without_a_path_takes_no_other_data(make_plan: MakePlan) -> None:
    with pytest.raises(DataError, match="'digits' has no path"):
        prepare_data(make_plan({"name": "digits"}), data_path=Path("x"))


# ------------------------------------------------------------------------------------------------------- arrays


def write_npz(path: Path, shape: tuple[int, ...] = (8, 8), count: int = 20) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    np.savez(path, x=images, y=np.arange(count) % 2)
    return images


def test_arrays_of_the_right_shape_are_taken_as_they_are(make_plan: MakePlan, tmp_path: Path) -> None:
    images = write_npz(tmp_path / "a.npz")
    data = prepare_data(make_plan({"name": "npz", "path": "a.npz"}, channels=1))
    for split in data.splits.values():
        for row, name in enumerate(split.names):
            np.testing.assert_array_equal(split.images[row, :, :, 0], images[int(name)])


@pytest.mark.parametrize("shape", [(8, 8), (12, 9), (12, 9, 1), (12, 9, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_arrays_are_fitted_as_the_same_pictures_in_files_would_be(
    make_plan: MakePlan, tmp_path: Path, images_factory: ModuleType, shape: tuple[int, ...], channels: int
) -> None:
    images = write_npz(tmp_path / "a.npz", shape)
    plan = make_plan({"name": "npz", "path": "a.npz"}, channels=channels, resize={"mode": "pad", "crop_fraction": 0.9})
    data = prepare_data(plan)
    for row, name in enumerate(data.splits["train"].names):
        original = images[int(name)]
        file = images_factory.encode(original[:, :, 0] if shape[-1] == 1 else original, "PNG")
        expected = decode_image(file, plan.recipe.data.image)
        np.testing.assert_array_equal(data.splits["train"].images[row], expected)


def test_equal_arrays_in_two_splits_are_told_of(make_plan: MakePlan, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8), np.uint8)
    labels = np.arange(10) % 2
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[3:4], y_test=labels[3:4])
    data = prepare_data(make_plan({"name": "npz", "path": "a.npz"}, channels=1))
    assert data.duplicates == [("train/3", "test/0")]


def test_a_plugin_that_returns_nonsense_is_named(make_plan: MakePlan, registry: object) -> None:
    from dataclasses import replace

    plan = make_plan({"name": "digits"})

    def given(**samples: object) -> Plan:
        base: dict[str, object] = {"images": np.zeros((2, 4, 4), np.uint8), "labels": [("a",), ("b",)]}
        made = Samples(**{**base, "class_names": ("a", "b"), **samples})  # type: ignore[arg-type]
        spec = guarded(replace(plan.source.spec, load=lambda parameters, context: made), Provider("stranger", "3.0"))
        return replace(plan, source=replace(plan.source, spec=spec))

    for wrong, message in [
        ({"images": np.zeros((2, 4, 4))}, "float64"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8)}, "2 channels"),
        ({"labels": [("a",)]}, "2 images and 1 labels"),
        ({"splits": ["train"]}, "1 splits"),
        ({"groups": {"sku": []}}, "0 values of 'sku'"),
    ]:
        with pytest.raises(PluginError, match=message):
            prepare_data(given(**wrong))
    with pytest.raises(DataError, match="found no images"):
        prepare_data(given(images=[], labels=[]))


def test_many_files_are_read_while_few_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, 40)
    many, counts, reading, decoding = threading.Event(), threading.Lock(), 0, 0
    most = 0

    def met(self: originals.Files, position: int) -> bytes:
        # A share from which the first files come only when eight are asked for at a time.
        nonlocal reading
        with counts:
            reading += 1
            if reading == 8:
                many.set()
        assert many.wait(30)
        with counts:
            reading -= 1
        return self.paths[position].read_bytes()

    def counted(content: bytes, spec: ImageSpec) -> object:
        nonlocal decoding, most
        with counts:
            decoding += 1
            most = max(most, decoding)
        pixels = decode_image(content, spec)
        with counts:
            decoding -= 1
        return pixels

    monkeypatch.setattr(originals.Files, "fetch", met)
    monkeypatch.setattr(originals, "decode_image", counted)
    monkeypatch.setattr(decode.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    paths = sorted(tmp_path.iterdir())
    images, outcome = decode.decode_all(originals.Files(paths), ImageSpec(size=(8, 8)), title="reading")
    assert outcome.kept == list(range(40))
    assert most <= 2
    np.testing.assert_array_equal(images[17], decode_image(paths[17], ImageSpec(size=(8, 8))))


# -------------------------------------------------------------------------------------------------------- cache


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "IN_MEMORY_BYTES", 1000)


@pytest.mark.usefixtures("small_memory")
def test_many_images_lie_in_a_file_and_are_decoded_once(
    plan: Plan, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "cat" / "000.png").write_bytes(b"")
    expected = prepare_data(plan)
    train = expected.splits["train"].images
    assert isinstance(train, np.memmap)
    for row, name in enumerate(expected.splits["train"].names):
        np.testing.assert_array_equal(train[row], decode_image(photos / name, plan.recipe.data.image))
    decoded = count_decodes(monkeypatch)
    again = prepare_data(plan)
    # The one that could not be read is tried again.
    assert decoded == [b""]
    np.testing.assert_array_equal(again.splits["train"].images, train)
    assert again.skipped == expected.skipped
    assert again.fingerprint == expected.fingerprint
    assert sorted(path.suffix for path in (tmp_path / "cache" / "decoded").iterdir()) == [".json"] * 2 + [".pixels"] * 2


@pytest.fixture
def any_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "LARGE_FILES_BYTES", 0)
    monkeypatch.setattr(originals.Files, "stored_bytes", lambda _: 1 << 30)


def count_decodes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that are decoded from now on, in the order in which they are."""
    decoded: list[bytes] = []

    def counted(content: bytes, spec: ImageSpec) -> object:
        decoded.append(content)
        return decode_image(content, spec)

    monkeypatch.setattr(originals, "decode_image", counted)
    return decoded


@pytest.mark.usefixtures("any_file_is_large")
def test_large_files_that_fit_into_memory_are_decoded_once_for_all_runs(
    plan: Plan, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = prepare_data(plan)
    decoded = count_decodes(monkeypatch)
    again = prepare_data(plan)
    assert not decoded
    assert again.fingerprint == expected.fingerprint
    for name, split in expected.splits.items():
        assert not isinstance(split.images, np.memmap)
        np.testing.assert_array_equal(again.splits[name].images, split.images)
    assert len(list((tmp_path / "cache" / "decoded").iterdir())) == 2 * len(expected.splits)


@pytest.mark.usefixtures("photos")
def test_files_that_are_smaller_than_their_pixels_are_not_kept(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "LARGE_FILES_BYTES", 0)
    prepare_data(make_plan({"name": "image_folder", "path": "photos"}, size=(64, 64)))
    assert not (tmp_path / "cache" / "decoded").exists()


def test_what_files_take_is_told_from_some_of_them(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}").write_bytes(bytes(1000))
    files = originals.Files([*sorted(tmp_path.iterdir()), tmp_path / "missing"])
    assert files.stored_bytes() == 301_000
    assert originals.Files([tmp_path / "missing"]).stored_bytes() == 0
    assert originals.Files([]).stored_bytes() == 0


@pytest.mark.usefixtures("any_file_is_large")
def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else_where_images_fit_into_memory(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_bytes(b"no folder")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    assert prepare_data(plan).fingerprint == prepare_data(plan).fingerprint


@pytest.mark.usefixtures("any_file_is_large")
def test_a_file_that_can_be_read_at_last_is_not_left_out_for_ever(
    plan: Plan, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = (photos / "cat" / "000.png").read_bytes()

    def without_its_extra(content: bytes, spec: ImageSpec) -> object:
        if content == lacking:
            raise ImageError("UnidentifiedImageError: needs an extra")
        return decode_image(content, spec)

    with monkeypatch.context() as before:
        before.setattr(originals, "decode_image", without_its_extra)
        assert len(prepare_data(plan).skipped) == 1
    assert prepare_data(plan).skipped == []


@pytest.mark.usefixtures("any_file_is_large")
def test_a_copy_with_the_size_and_time_of_the_file_before_it_is_decoded_anew(plan: Plan, photos: Path) -> None:
    before = prepare_data(plan).fingerprint
    path = photos / "cat" / "000.png"
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert prepare_data(plan).fingerprint != before


@pytest.mark.usefixtures("small_memory")
def test_a_changed_file_is_decoded_anew(plan: Plan, photos: Path) -> None:
    before = prepare_data(plan).fingerprint
    write_images(photos / "cat", 20, seed=5)
    assert prepare_data(plan).fingerprint != before


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("damage", ["cut", "no_notes", "bad_notes"])
def test_a_damaged_cache_is_made_again(plan: Plan, tmp_path: Path, damage: str) -> None:
    expected = np.array(prepare_data(plan).splits["train"].images)
    for path in (tmp_path / "cache" / "decoded").iterdir():
        if damage == "cut" and path.suffix == ".pixels":
            path.write_bytes(path.read_bytes()[:-1])
        elif damage == "no_notes" and path.suffix == ".json":
            path.unlink()
        elif damage == "bad_notes" and path.suffix == ".json":
            path.write_text('{"kept": 3}')
    np.testing.assert_array_equal(prepare_data(plan).splits["train"].images, expected)


@pytest.mark.usefixtures("small_memory")
def test_a_full_disk_is_a_clear_error_and_leaves_no_half_cache(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decode.os, "replace", full)
    with pytest.raises(DataError, match="No space left on device") as caught:
        prepare_data(plan)
    assert "FASHIONBATCH_CACHE_DIR" in str(caught.value.hint)
    assert list((tmp_path / "cache" / "decoded").iterdir()) == []


@pytest.mark.usefixtures("small_memory")
def test_a_split_of_which_nothing_can_be_read_makes_no_empty_map(plan: Plan, photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the 32 images"):
        prepare_data(plan)


def test_one_picture_under_two_labels_of_one_split_is_told(make_plan: MakePlan, photos: Path) -> None:
    for split in ("train", "validation"):
        shutil.copytree(photos, photos.parent / "parted" / split)
    shutil.copy(photos / "cat" / "000.png", photos.parent / "parted" / "train" / "dog" / "copy.png")
    data = prepare_data(make_plan({"name": "image_folder", "path": "parted"}))
    (note,) = [note for note in data.notes if "under other labels" in note]
    assert note == (
        "1 image is in train under other labels, too, such as 'train/cat/000.png' (cat) and 'train/dog/copy.png' "
        "(dog): the same picture has one right label."
    )


def test_what_a_source_says_of_itself_is_among_the_notes(make_plan: MakePlan, photos: Path) -> None:
    lines = [
        f"{path.relative_to(photos.parent)},{path.parent.name},{path.stem}\n" for path in sorted(photos.glob("*/*.png"))
    ]
    (photos.parent / "items.csv").write_text("path,label,group\n" + "".join(lines) + "photos/none.png,Cat,x\n")
    plan = make_plan({"name": "csv_manifest", "path": "items.csv"})
    notes = load_samples(plan).notes
    assert [note.partition("items.csv")[2].partition(" ")[0] for note in notes] == [":42:", ":", ":42:"]
    assert "there is no file" in notes[0]
    assert "'group' stay on one side" in notes[1]
    assert "label 'Cat' differs from 'cat' (line 2)" in notes[2]
    assert look_at_labels(plan) == notes
    assert look_at_labels(make_plan({"name": "csv_manifest", "path": "nowhere.csv"})) == []
    assert look_at_labels(make_plan({"name": "image_folder", "path": "photos"})) == []
    (photos.parent / "items.csv").write_text("path,label\n")
    assert look_at_labels(plan)[0].endswith("items.csv lists no images")
