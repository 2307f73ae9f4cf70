"""MNIST, Fashion-MNIST, and the sample of it that comes with FashionBatch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.specs import DatasetContext, Parameters, Samples
from fashionbatch_plugins.datasets import idx
from fashionbatch_plugins.datasets.arrays import (
    ArrayParameters,
    Layout,
    Part,
    parts_by_convention,
    read_npz,
    samples_of,
)

CLOTHES: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIGITS: Final = tuple(str(number) for number in range(10))

_DEBIAN_FOLDER: Final = Path("/usr/share/datasets/fashion-mnist")
_KERAS_ORIGIN: Final = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_MNIST_SHA256: Final = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
# Of the unpacked content, so that it does not matter who packed it.
_FASHION_SHA256: Final = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_PATH = (
    "A folder with the four idx files, plain or gzipped, or an .npz file; where omitted, they are looked for in "
    "FASHIONBATCH_DATA_DIR"
)


class FashionMnist(ArrayParameters):
    """Fashion-MNIST by Zalando Research, with its train and test splits."""

    path: str | None = Field(
        None, description=f"{_PATH} (fashion-mnist/), then where Debian puts them, then downloaded by Keras."
    )


class Mnist(ArrayParameters):
    """MNIST by Y. LeCun, C. Cortes and C. Burges, with its train and test splits."""

    path: str | None = Field(None, description=f"{_PATH} (mnist.npz or mnist/), then downloaded by Keras.")


def load_fashion_mnist(parameters: FashionMnist, context: DatasetContext) -> Samples:
    """60,000 training and 10,000 test images of clothes, 28x28 grey."""
    if parameters.path is not None:
        return _load_path(context.locate(parameters.path), CLOTHES, parameters.layout)
    folders = (*_beside(context, "fashion-mnist", "fashion_mnist"), _DEBIAN_FOLDER)
    for folder in folders:
        if idx.find_set(folder):
            return _load_path(folder, CLOTHES, parameters.layout)
    single = context.find_data_file("fashion_mnist.npz")
    if single:
        return _load_path(single, CLOTHES, parameters.layout)
    names = ", ".join(f"{name}.gz" for name in idx.FILES)
    hint = (
        f"put {names} into the folder fashion-mnist in FASHIONBATCH_DATA_DIR, or install Debian's package "
        "dataset-fashion-mnist, or give their folder as `path`"
    )
    return _load_path(_download("Fashion-MNIST", _fetch_fashion_mnist, hint), CLOTHES, parameters.layout)


def load_mnist(parameters: Mnist, context: DatasetContext) -> Samples:
    """60,000 training and 10,000 test images of digits, 28x28 grey."""
    if parameters.path is not None:
        return _load_path(context.locate(parameters.path), DIGITS, parameters.layout)
    single = context.find_data_file("mnist.npz")
    if single:
        return _load_path(single, DIGITS, parameters.layout)
    for folder in _beside(context, "mnist"):
        if idx.find_set(folder):
            return _load_path(folder, DIGITS, parameters.layout)
    hint = "put mnist.npz into FASHIONBATCH_DATA_DIR, or give it, or a folder with the four idx files, as `path`"
    return _load_path(_download("MNIST", _fetch_mnist, hint), DIGITS, parameters.layout)


def load_fashion_mnist_sample(parameters: Parameters, context: DatasetContext) -> Samples:  # noqa: ARG001
    """5,000 training and 1,000 test images of Fashion-MNIST, out of the package itself."""
    file = files("fashionbatch_plugins") / "samples" / "fashion_mnist_sample.npz"
    return samples_of(parts_by_convention(read_npz(file, "the embedded sample"), "the embedded sample"), CLOTHES)


def _beside(context: DatasetContext, *folders: str) -> list[Path]:
    """Those folders of FASHIONBATCH_DATA_DIR that hold the first of the four files."""
    first = [context.find_data_file(f"{folder}/{idx.FILES[0]}{end}") for folder in folders for end in ("", ".gz")]
    return [path.parent for path in first if path]


def _load_path(path: Path, names: tuple[str, ...], layout: Layout) -> Samples:
    if path.is_file():
        if path.name.removesuffix(".gz") in idx.FILES:
            raise DataError(f"{path} is one of four idx files", hint="give the folder that holds all of them")
        return samples_of(parts_by_convention(read_npz(path, path.name), path.name), names, layout)
    found = idx.find_set(path)
    if found is None:
        raise DataError(
            f"{path} does not hold the four idx files, plain or gzipped; missing: {', '.join(idx.missing_from(path))}"
        )
    arrays = [idx.parse(idx.read_content(file), str(file)) for file in found]
    return samples_of(
        [
            Part("train", arrays[0], arrays[1], found[0].name),
            Part("test", arrays[2], arrays[3], found[2].name),
        ],
        names,
        layout,
    )


def _download(what: str, fetch: Callable[[], Path], hint: str) -> Path:
    try:
        return fetch()
    except DataError:
        raise
    except Exception as error:
        # Keras raises a bare Exception where the network or the server fails.
        reason = " ".join(str(error).split())
        raise DataError(f"{what} is not on this machine and could not be downloaded: {reason}", hint=hint) from error


def _fetch_mnist() -> Path:
    from keras.utils import get_file

    return Path(get_file("mnist.npz", origin=f"{_KERAS_ORIGIN}mnist.npz", file_hash=_MNIST_SHA256))


def _fetch_fashion_mnist() -> Path:
    from keras.utils import get_file

    folder = Path()
    for name, expected in _FASHION_SHA256.items():
        # Where keras.datasets.fashion_mnist keeps them, so that nothing is downloaded twice.
        subfolder = os.path.join("datasets", "fashion-mnist")
        path = Path(get_file(f"{name}.gz", origin=f"{_KERAS_ORIGIN}{name}.gz", cache_subdir=subfolder))
        if hashlib.sha256(idx.read_content(path)).hexdigest() != expected:
            raise DataError(f"{path} is not what Zalando published", hint="delete the file, it is downloaded again")
        folder = path.parent
    return folder
