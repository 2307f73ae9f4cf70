"""Arrays in .npz and idx files, and the sets that everybody begins with."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import DataError
from fashionbatch.specs import Parameters, Samples
from fashionbatch_plugins.datasets import mnist
from fashionbatch_plugins.datasets.arrays import read_npz
from fashionbatch_plugins.datasets.digits import load_digits
from fashionbatch_plugins.datasets.idx import FILES, read_content
from fashionbatch_plugins.datasets.mnist import (
    FashionMnist,
    Mnist,
    load_fashion_mnist,
    load_fashion_mnist_sample,
    load_mnist,
)
from fashionbatch_plugins.datasets.npz import Npz, load_npz

IMAGES = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def load(folder: Path, arrays: dict[str, Any], **parameters: Any) -> Samples:
    np.savez(folder / "a.npz", **arrays)
    return load_npz(Npz(path="a.npz", **parameters), LocalContext(folder))


def names(samples: Samples) -> list[str]:
    return [name for (name,) in samples.labels]


# ---------------------------------------------------------------------------------------------------------------- npz


def test_the_usual_names_are_known(tmp_path: Path) -> None:
    samples = load(tmp_path, {"x_train": IMAGES[:4], "y_train": LABELS[:4], "x_test": IMAGES[4:], "y_test": LABELS[4:]})
    np.testing.assert_array_equal(samples.images, IMAGES)
    assert samples.splits == ["train"] * 4 + ["test"] * 2
    assert samples.class_names == ("0", "1", "2")
    assert names(samples) == ["0", "1", "2", "0", "1", "2"]
    assert load(tmp_path, {"x": IMAGES, "y": LABELS}).splits is None
    three = {
        f"{axis}_{part}": array for part in ("train", "val", "test") for axis, array in (("x", IMAGES), ("y", LABELS))
    }
    assert load(tmp_path, three).splits == ["train"] * 6 + ["validation"] * 6 + ["test"] * 6


def test_keys_and_class_names_can_be_given(tmp_path: Path) -> None:
    samples = load(
        tmp_path,
        {"pixels": IMAGES, "kinds": LABELS},
        keys={"all": ("pixels", "kinds")},
        class_names=["a", "b", "c"],
    )
    assert names(samples) == ["a", "b", "c", "a", "b", "c"]
    inside = load(tmp_path, {"x": IMAGES, "y": LABELS, "class_names": np.array(["개", "나", "다"])})
    assert inside.class_names == ("개", "나", "다")


def test_labels_may_be_numbers_with_gaps_columns_text_or_rows_of_0_and_1(tmp_path: Path) -> None:
    assert names(load(tmp_path, {"x": IMAGES, "y": np.array([7, 3, 7, 3, 7, 3])})) == ["7", "3", "7", "3", "7", "3"]
    assert names(load(tmp_path, {"x": IMAGES, "y": LABELS[:, None].astype(np.uint8)}))[2] == "2"
    assert names(load(tmp_path, {"x": IMAGES, "y": np.array(list("abcabc"))})) == list("abcabc")
    hot = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]] * 2)
    several = load(tmp_path, {"x": IMAGES, "y": hot}, class_names=["a", "b", "c"])
    assert several.labels[:3] == [("a", "c"), (), ("b",)]


def test_channels_may_come_first(tmp_path: Path) -> None:
    colour = np.arange(6 * 3 * 4 * 5).reshape(6, 3, 4, 5).astype(np.uint8)
    samples = load(tmp_path, {"x": colour, "y": LABELS}, layout="channels_first")
    assert isinstance(samples.images, np.ndarray)
    np.testing.assert_array_equal(samples.images, colour.transpose(0, 2, 3, 1))
    with pytest.raises(DataError, match=r"\(6, 3, 4, 5\) have 5 channels") as caught:
        load(tmp_path, {"x": colour, "y": LABELS})
    assert "layout: channels_first" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("arrays", "parameters", "message"),
    [
        ({"a": IMAGES}, {}, "neither x_train and y_train nor x and y; it holds: a"),
        ({"x": IMAGES}, {}, "holds x but not y"),
        ({"x": IMAGES, "y": LABELS}, {"keys": {"all": ("x", "z")}}, "no array 'z'; it holds: x, y"),
        ({"x": IMAGES / 255, "y": LABELS}, {}, "images are float64, not uint8"),
        ({"x": IMAGES[0], "y": LABELS}, {}, "have neither 3 nor 4 axes"),
        ({"x": IMAGES[..., None].repeat(4, -1), "y": LABELS}, {}, "have 4 channels"),
        ({"x": IMAGES, "y": LABELS[:4]}, {}, "6 images and 4 labels"),
        ({"x": IMAGES, "y": LABELS / 2}, {}, "labels are float64"),
        ({"x": IMAGES, "y": LABELS}, {"class_names": ["a", "b"]}, "labels go from 0 to 2; there are 2 class names"),
        ({"x": IMAGES, "y": np.array(list("abcabc"))}, {"class_names": ["a", "b"]}, "label 'c' is none of the classes"),
        ({"x": IMAGES, "y": LABELS.reshape(6, 1, 1).repeat(2, 2)}, {}, "neither"),
        ({"x": IMAGES, "y": np.full((6, 3), 2)}, {}, "not 0 and 1"),
        ({"x": IMAGES, "y": np.array([{}] * 6)}, {}, "cannot be read as an .npz file"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, 1:], "y_test": LABELS}, {}, "different shapes"),
    ],
)
def test_arrays_that_do_not_fit_are_explained(
    tmp_path: Path, arrays: dict[str, Any], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, arrays, **parameters)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.npz is no \.npz file\n"),
        (b"no archive", r"a\.npz is no \.npz file\n"),
        (b"PK\x03\x04 cut", "cannot be read as an"),
    ],
)
def test_files_that_are_no_npz_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_npz(Npz(path="a.npz"), LocalContext(tmp_path))
    np.save(tmp_path / "b.npy", IMAGES)
    with pytest.raises(DataError, match="one array"):
        load_npz(Npz(path="b.npy"), LocalContext(tmp_path))


def test_an_array_that_claims_to_be_larger_than_the_memory_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x_train.npy", header.getvalue())
    with pytest.raises(DataError, match="that the memory has no room for"):
        read_npz(tmp_path / "a.npz", "a.npz")


def test_what_unpacks_to_more_than_it_may_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fashionbatch_plugins.datasets.idx._LARGEST_BYTES", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(1001)))
    (tmp_path / "b.gz").write_bytes(gzip.compress(bytes(1000)))
    assert read_content(tmp_path / "b.gz") == bytes(1000)
    with pytest.raises(DataError, match=r"a\.gz holds more than 1,000 bytes when it is unpacked"):
        read_content(tmp_path / "a.gz")


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).integers(0, 256, (60, 20, 20), np.uint8))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_npz(Npz(path="a.npz"), LocalContext(tmp_path))


# ---------------------------------------------------------------------------------------------------------------- idx


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_set(folder: Path, *, packed: bool = False) -> dict[str, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (IMAGES, LABELS, IMAGES[:3], LABELS[:3])
    contents = dict(zip(FILES, map(idx, arrays), strict=True))
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    return contents


@pytest.mark.parametrize("packed", [True, False])
def test_four_idx_files_plain_or_packed(tmp_path: Path, packed: bool) -> None:
    write_set(tmp_path / "set", packed=packed)
    for samples in (
        load_mnist(Mnist(path="set"), LocalContext(tmp_path)),
        load_fashion_mnist(FashionMnist(path="set"), LocalContext(tmp_path)),
    ):
        np.testing.assert_array_equal(samples.images, np.concatenate([IMAGES, IMAGES[:3]]))
        assert samples.splits == ["train"] * 6 + ["test"] * 3
    assert samples.class_names[0] == "T-shirt/top"
    assert names(samples)[:3] == ["T-shirt/top", "Trouser", "Pullover"]


@pytest.mark.parametrize("folder", ["fashion-mnist", "fashion_mnist"])
def test_fashion_mnist_is_found_in_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    write_set(tmp_path / folder, packed=True)
    assert len(load_fashion_mnist(FashionMnist(), LocalContext(tmp_path))) == 9


def test_mnist_is_found_in_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    write_set(tmp_path / "mnist")
    assert len(load_mnist(Mnist(), LocalContext(tmp_path))) == 9
    np.savez(tmp_path / "mnist.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:1], y_test=LABELS[:1])
    assert len(load_mnist(Mnist(), LocalContext(tmp_path))) == 7
    assert len(load_mnist(Mnist(path="data:mnist.npz"), LocalContext(tmp_path))) == 7


@pytest.mark.parametrize("damage", ["cut", "cut_gz", "text", "short", "missing"])
def test_damaged_idx_files_are_named(tmp_path: Path, damage: str) -> None:
    write_set(tmp_path, packed=damage == "cut_gz")
    path = tmp_path / (FILES[2] + (".gz" if damage == "cut_gz" else ""))
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("no idx")
    elif damage == "short":
        path.write_bytes(idx(IMAGES)[:6])
    else:
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="t10k-images"):
        load_mnist(Mnist(path=str(tmp_path)), LocalContext(tmp_path))


def test_a_set_that_is_not_whole_says_what_is_missing(tmp_path: Path) -> None:
    write_set(tmp_path)
    with pytest.raises(DataError, match="is one of four idx files") as caught:
        load_mnist(Mnist(path=FILES[0]), LocalContext(tmp_path))
    assert "the folder" in str(caught.value.hint)
    for name in FILES[1:3]:
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"missing: {FILES[1]}, {FILES[2]}$"):
        load_mnist(Mnist(path="."), LocalContext(tmp_path))


class Fetched:
    """Stands for keras.utils: hands out a file, or fails as it does without network."""

    def __init__(self, source: Path | None) -> None:
        self.source = source
        self.asked: list[str] = []

    def get_file(self, name: str, **options: Any) -> str:
        self.asked.append(name)
        if self.source is None:
            raise Exception("URL fetch failure on https://x: None -- [Errno -2]\nName or service not known")
        return str(self.source / name)


def without_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fetched: Fetched) -> None:
    monkeypatch.delenv("FASHIONBATCH_DATA_DIR", raising=False)
    monkeypatch.setattr(mnist, "_DEBIAN_FOLDER", tmp_path / "none")
    utils = ModuleType("keras.utils")
    utils.get_file = fetched.get_file  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))
    monkeypatch.setitem(sys.modules, "keras.utils", utils)


def test_without_files_and_network_it_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_files(monkeypatch, tmp_path, Fetched(None))
    with pytest.raises(DataError, match=r"Fashion-MNIST is not on this machine.*Name or service not known") as caught:
        load_fashion_mnist(FashionMnist(), LocalContext(tmp_path))
    for word in ("train-images-idx3-ubyte.gz", "FASHIONBATCH_DATA_DIR", "dataset-fashion-mnist", "`path`"):
        assert word in str(caught.value.hint)
    with pytest.raises(DataError, match="MNIST is not on this machine") as caught:
        load_mnist(Mnist(), LocalContext(tmp_path))
    assert "mnist.npz" in str(caught.value.hint)


def test_a_download_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = write_set(tmp_path / "web", packed=True)
    fetched = Fetched(tmp_path / "web")
    without_files(monkeypatch, tmp_path, fetched)
    with pytest.raises(DataError, match="not what Zalando published"):
        load_fashion_mnist(FashionMnist(), LocalContext(tmp_path))
    known = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(mnist, "_FASHION_SHA256", known)
    assert len(load_fashion_mnist(FashionMnist(), LocalContext(tmp_path))) == 9
    assert fetched.asked[-4:] == [f"{name}.gz" for name in FILES]


# ------------------------------------------------------------------------------------------------------- always there


def test_the_embedded_sample_is_balanced(tmp_path: Path) -> None:
    samples = load_fashion_mnist_sample(Parameters(), LocalContext(tmp_path))
    assert isinstance(samples.images, np.ndarray)
    assert samples.images.shape == (6000, 28, 28)
    assert len(samples.class_names) == 10
    counts = np.unique(names(samples), return_counts=True)[1]
    assert set(counts) == {600}
    assert samples.splits is not None
    assert samples.splits.count("test") == 1000


def test_digits_use_the_whole_range(tmp_path: Path) -> None:
    samples = load_digits(Parameters(), LocalContext(tmp_path))
    assert isinstance(samples.images, np.ndarray)
    assert samples.images.shape == (1797, 8, 8)
    assert samples.images.dtype == np.uint8
    assert (samples.images.min(), samples.images.max()) == (0, 255)
    assert samples.class_names == tuple("0123456789")
