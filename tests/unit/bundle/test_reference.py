"""The reference of a bundle: what is chosen, and that a stranger's file is looked at before it is read."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.reference import REFERENCE_IMAGES, choose_reference, read_reference, synthetic_images
from fashionbatch.bundle.write import update_bundle
from fashionbatch.errors import BundleError
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_probabilities


def put(bundle: Path, data: bytes) -> None:
    """Exchange a bundle's reference, with the digest that belongs to it."""
    (bundle / "reference.npz").write_bytes(data)
    file = bundle / "bundle.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["files"]["reference.npz"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    file.write_text(json.dumps(document), encoding="utf-8")


def archive(arrays: dict[str, np.ndarray], *, compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)  # type: ignore[operator]
    return buffer.getvalue()


def arrays_of(bundle: Path) -> dict[str, np.ndarray]:
    with np.load(bundle / "reference.npz", allow_pickle=False) as file:
        return dict(file)


def test_what_was_written_is_read(tiny: Path) -> None:
    bundle = open_bundle(tiny)
    found = read_reference(bundle)
    assert found is not None
    assert found.record == bundle.manifest.reference
    assert (len(found.images), found.source) == (REFERENCE_IMAGES, "synthetic")
    np.testing.assert_array_equal(found.outputs["float32"], tiny_probabilities(found.images, 3, "one_of_many"))
    assert read_reference(open_bundle(make_tiny_bundle(tiny.parent / "without", reference=False))) is None


def test_a_reference_can_be_exchanged_and_has_a_precision_more(tiny: Path) -> None:
    patterns = synthetic_images((8, 8, 3), 3)
    answers = tiny_probabilities(patterns, 3, "one_of_many")
    given = choose_reference(patterns, {"float32": answers, "bfloat16": answers + np.float32(0.01)}, "validation")
    updated = update_bundle(open_bundle(tiny), reference=given)
    found = read_reference(open_bundle(tiny))
    assert open_bundle(tiny) == updated
    assert found is not None
    assert (list(found.outputs), found.source) == (["float32", "bfloat16"], "validation")
    for precision, rows in given.outputs.items():
        np.testing.assert_array_equal(found.outputs[precision], rows)


def test_images_that_the_network_tells_apart_are_chosen() -> None:
    # Three kinds of answer, nine times each with hardly a difference: each kind is among the first three.
    answers = np.repeat(np.eye(3, dtype=np.float32) * 0.9, 9, axis=0)
    answers += np.linspace(0, 0.01, 27, dtype=np.float32)[:, np.newaxis]
    images = np.arange(27, dtype=np.uint8).reshape(27, 1, 1, 1)
    chosen = choose_reference(images, {"float32": answers}, "validation")
    assert len(chosen.images) == REFERENCE_IMAGES
    assert set(chosen.outputs["float32"][:3].argmax(axis=1)) == {0, 1, 2}
    assert len(np.unique(chosen.images)) == REFERENCE_IMAGES
    np.testing.assert_array_equal(chosen.outputs["float32"], answers[chosen.images.reshape(-1)])


@pytest.mark.parametrize("count", [1, 5])
def test_fewer_images_than_that_are_all_taken(count: int) -> None:
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    chosen = choose_reference(images, {"float32": np.full((count, 2), 0.5, np.float32)}, "validation")
    assert sorted(chosen.images.reshape(-1)) == list(range(count))


def test_of_large_images_there_are_fewer() -> None:
    patterns = synthetic_images((1024, 1024, 3))
    assert len(patterns) == REFERENCE_IMAGES
    answers = np.linspace(0, 1, 8, dtype=np.float32).reshape(8, 1)
    assert len(choose_reference(patterns, {"float32": answers}, "synthetic").images) == 5
    huge = np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (8, 2048, 2048, 3))
    assert len(choose_reference(huge, {"float32": answers}, "synthetic").images) == 2


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 200, 1), (28, 28, 3)])
def test_synthetic_images_are_the_same_at_every_call(shape: tuple[int, int, int]) -> None:
    images = synthetic_images(shape)
    assert images.shape == (32, *shape)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, synthetic_images(shape))
    assert len(np.unique(images.reshape(32, -1), axis=0)) > 16


# --------------------------------------------------------------------------------------------------- strangers' files


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda arrays: b"", "not a zip file"),
        (lambda arrays: b"PK\x03\x04" + b"\0" * 100, "not a zip file"),
        (lambda arrays: archive({"images": arrays["images"]}), "float32.npy"),
        (lambda arrays: archive({**arrays, "images": arrays["images"][:7]}), "images has not the size"),
        (lambda arrays: archive({**arrays, "images": arrays["images"].reshape(8, 64, 3, 1)}), "images is not uint8"),
        (lambda arrays: archive({**arrays, "images": np.asfortranarray(arrays["images"])}), "images is not uint8"),
        (lambda arrays: archive({**arrays, "float32": arrays["float32"].astype(">f4")}), "float32 is not float32"),
        (lambda arrays: archive({**arrays, "float32": arrays["float32"].astype("f8")}), "float32 is not float32"),
        (lambda arrays: archive(arrays, compressed=True), "not the size"),
        (lambda arrays: archive({**arrays, "more": np.zeros(100_000)}), "larger than the 8 images"),
    ],
)
def test_a_file_that_is_another_than_bundle_json_says_is_refused(
    tiny: Path, make: Callable[[dict[str, np.ndarray]], bytes], says: str
) -> None:
    put(tiny, make(arrays_of(tiny)))
    bundle = open_bundle(tiny)
    with pytest.raises(BundleError, match=r"reference\.npz") as caught:
        read_reference(bundle)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_objects_that_would_need_pickle_are_refused(tiny: Path) -> None:
    arrays = arrays_of(tiny)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([[None] * 3] * 8, dtype=object), allow_pickle=True)
    made = io.BytesIO(archive({"images": arrays["images"]}))
    with zipfile.ZipFile(made, "a") as file:
        file.writestr("float32.npy", buffer.getvalue())
    put(tiny, made.getvalue())
    with pytest.raises(BundleError, match="float32"):
        read_reference(open_bundle(tiny))


def test_a_reference_that_was_changed_is_found_by_its_digest(tiny: Path) -> None:
    data = bytearray((tiny / "reference.npz").read_bytes())
    data[500] ^= 1
    (tiny / "reference.npz").write_bytes(data)
    with pytest.raises(BundleError, match="SHA-256"):
        open_bundle(tiny)
