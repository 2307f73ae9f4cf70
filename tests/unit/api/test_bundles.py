"""A bundle in a program: photos of every kind become rows, and the rows are those of `classify`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fashionbatch as fb
from fashionbatch.errors import FashionBatchError
from fashionbatch.testing.bundles import class_colour


@pytest.mark.parametrize("options", [{}, {"topk": 2, "probabilities": True}, {"threshold": 0.999}], ids=str)
def test_a_table_in_memory_is_that_of_classify(
    bundle_path: Path, photos: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    written = fb.classify(photos, bundle_path, tmp_path / "labels.csv", workers=1, progress=False, **options).to_frame()
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict([photos / name for name in written.filepath], **options)
    assert set(written.status) == {"ok", "error"}
    pd.testing.assert_frame_equal(table.assign(filepath=written.filepath), written)


def test_several_labels_have_the_same_columns_too(several_path: Path, photos: Path, tmp_path: Path) -> None:
    written = fb.classify(photos, several_path, tmp_path / "labels.csv", workers=1, progress=False).to_frame()
    with fb.Bundle.open(several_path) as bundle:
        table = bundle.predict([photos / name for name in written.filepath])
    assert list(table.columns) == [
        "filepath", "status", "error", "labels", "warm", "warm_prob", "prob_red", "prob_green", "prob_blue",
    ]  # fmt: skip
    assert list(table.warm.cat.categories) == ["red", "green"]
    pd.testing.assert_frame_equal(table.assign(filepath=written.filepath), written)


def test_a_photo_may_be_a_path_bytes_an_array_or_a_picture(bundle_path: Path, photos: Path) -> None:
    path = photos / "green" / "1.png"
    picture = Image.open(path)
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict([str(path), path, path.read_bytes(), np.asarray(picture), picture])
    assert list(table.label) == ["green"] * 5
    assert table.prob.nunique() == 1
    assert list(table.filepath) == [str(path), str(path), "", "", ""]


@pytest.mark.parametrize("dtype", [object, np.str_], ids=["of objects", "of text"])
def test_an_array_of_paths_is_as_good_as_a_list(bundle_path: Path, photos: Path, dtype: type) -> None:
    paths = [str(photos / "green" / "1.png"), str(photos / "red" / "0.png")]
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict(np.array(paths, dtype))  # type: ignore[arg-type]
    assert list(table.filepath) == paths
    assert list(table.label) == ["green", "red"]


def test_an_open_bundle_labels_a_folder_as_its_path_does(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    with fb.Bundle.open(bundle_path) as bundle:
        labels = fb.classify(photos, bundle, tmp_path / "labels.csv", workers=1, progress=False)
    assert labels.sidecar is not None
    assert [one.digest for one in labels.sidecar.bundles] == [bundle.digest]


def test_the_caller_keeps_a_picture_as_it_was(bundle_path: Path) -> None:
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 255))
    with fb.Bundle.open(bundle_path) as bundle:
        assert list(bundle.predict(picture).label) == ["red"]
    assert (picture.mode, picture.size) == ("RGBA", (4, 4))


def test_transparent_pixels_of_an_array_lie_on_the_background(bundle_path: Path) -> None:
    clear = np.zeros((5, 5, 4), np.uint8)
    white = np.full((5, 5, 3), 255, np.uint8)
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict([clear, white], probabilities=True)
    assert table.iloc[0].prob_red == table.iloc[1].prob_red


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((7, 9), 1), ((7, 9, 1), 1), ((7, 9, 3), 1), ((7, 9, 4), 1), ((2, 7, 9), 2), ((2, 7, 9, 3), 2), ((0, 7, 9, 3), 0)],
)
def test_the_shape_of_an_array_says_how_many_photos_it_is(bundle_path: Path, shape: tuple[int, ...], rows: int) -> None:
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict(np.zeros(shape, np.uint8))
    assert len(table) == rows
    assert list(table.columns) == ["filepath", "status", "error", "label", "prob"]


def test_one_bad_photo_is_a_row_and_no_exception(bundle_path: Path, photos: Path) -> None:
    given = ["nowhere.jpg", str(photos), b"no image", photos / "red" / "0.png"]
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict(given)
    assert list(table.status) == ["missing", "error", "error", "ok"]
    assert table.error[0] == "FileNotFoundError: No such file or directory"
    assert table.label.isna().tolist() == table.prob.isna().tolist() == [True, True, True, False]


def test_many_photos_come_in_the_order_given(bundle_path: Path) -> None:
    colours = [np.full((3, 4, 3), class_colour(index % 3, 3), np.uint8) for index in range(200)]
    with fb.Bundle.open(bundle_path) as bundle:
        table = bundle.predict(iter(colours), batch_size=3)
    assert list(table.label) == [("red", "green", "blue")[index % 3] for index in range(200)]


@pytest.mark.parametrize(
    ("photos_given", "kind", "said"),
    [
        (np.zeros((2, 8, 8), np.float32), ValueError, "uint8"),
        ([np.zeros((2, 8, 8, 3), np.uint8)], ValueError, "a photo"),
        (np.zeros((2, 8, 8, 5), np.uint8), ValueError, "photos"),
        (np.zeros((2,), np.uint8), ValueError, "photos"),
        ([7], TypeError, "int"),
        (7, TypeError, "int"),
        (io.BytesIO(b"a\nb"), TypeError, r"file\.read\(\)"),
        ({"a.jpg": 1}, TypeError, "got a dict"),
        (Path(__file__).parent, TypeError, "got the folder '.*'; fb.classify labels folders"),
        (pd.DataFrame({"filepath": ["a.jpg"]}), TypeError, "got a DataFrame; give the values or the column"),
    ],
)
def test_what_is_no_photo_is_the_callers_mistake(
    bundle_path: Path, photos_given: object, kind: type[Exception], said: str
) -> None:
    with fb.Bundle.open(bundle_path) as bundle, pytest.raises(kind, match=said):
        bundle.predict(photos_given)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"topk": 0}, {"batch_size": 0}, {"threshold": 1.5}, {"precision": "int9"}])
def test_an_argument_out_of_range_is_named(bundle_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        fb.Bundle.open(bundle_path).predict([], **options)  # type: ignore[arg-type]


def test_more_labels_than_there_are_is_an_error_of_ours(bundle_path: Path) -> None:
    with (
        fb.Bundle.open(bundle_path) as bundle,
        pytest.raises(FashionBatchError, match=r"^topk is 4, and the bundle has 3 classes"),
    ):
        bundle.predict(np.zeros((8, 8, 3), np.uint8), topk=4)


def test_a_closed_bundle_opens_its_network_anew(bundle_path: Path) -> None:
    bundle = fb.Bundle.open(bundle_path)
    red = np.full((4, 4, 3), class_colour(0, 3), np.uint8)
    first = bundle.predict(red)
    bundle.close()
    bundle.close()
    pd.testing.assert_frame_equal(bundle.predict(red), first)
    bundle.close()


def test_a_bundle_says_what_it_is(bundle_path: Path) -> None:
    bundle = fb.Bundle.open(str(bundle_path))
    assert bundle.labels == bundle.class_names == ("red", "green", "blue")
    assert (bundle.name, bundle.head, bundle.image.shape) == ("tiny", "one_of_many", (8, 8, 3))
    assert bundle.precisions[0] == "float32"
    assert len(bundle.digest) == 64
    assert repr(bundle) == "<Bundle 'tiny': 3 labels, 8x8x3, one_of_many>"


def test_what_a_notebook_shows_of_a_bundle_is_escaped(tmp_path: Path) -> None:
    from fashionbatch.testing.bundles import make_tiny_bundle

    path = make_tiny_bundle(tmp_path / "b", class_names=["<script>", "b"], decoding="one_of_many")
    shown = fb.Bundle.open(path)._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown


def test_progress_is_told_to_a_function(bundle_path: Path) -> None:
    told: list[str] = []
    with fb.Bundle.open(bundle_path) as bundle:
        bundle.predict(np.zeros((3, 8, 8, 3), np.uint8), progress=told.append)
    assert told == []  # it took no ten seconds


def test_a_bundle_is_packed_and_unpacked(bundle_path: Path, tmp_path: Path) -> None:
    packed = fb.Bundle.open(bundle_path).pack(str(tmp_path / "tiny.fbz"))
    unpacked = fb.Bundle.unpack(packed, tmp_path / "again")
    assert unpacked.digest == fb.Bundle.open(bundle_path).digest
    with pytest.raises(fb.OutputError, match="exists already"):
        fb.Bundle.unpack(packed, tmp_path / "again")
    assert fb.Bundle.unpack(packed, tmp_path / "again", overwrite=True).path == tmp_path / "again"


def test_its_card_names_it_and_leaves_the_rest_to_a_person(bundle_path: Path) -> None:
    bundle = fb.Bundle.open(bundle_path)
    card = bundle.card(licence="Apache-2.0")
    assert card.startswith("---\n")
    assert "license: apache-2.0" in card
    assert bundle.name in card


def test_float32_is_always_what_auto_may_take(bundle_path: Path) -> None:
    assert fb.Bundle.open(bundle_path).automatic == ("float32",)
