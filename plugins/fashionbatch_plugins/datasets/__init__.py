"""The built-in datasets."""

from __future__ import annotations

from collections.abc import Iterable

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import DatasetSpec
from fashionbatch_plugins.datasets import digits, folders, manifest, mnist, npz


@hookimpl
def register_datasets() -> Iterable[DatasetSpec]:
    """Folders, tables, arrays, and the small sets that everybody begins with."""
    yield DatasetSpec(
        name="image_folder",
        summary="A folder for each class; train, validation and test folders above them are respected.",
        parameters=folders.ImageFolder,
        load=folders.load_image_folder,
        reads=("/",),
        exclusive=True,
    )
    yield DatasetSpec(
        name="multilabel_folder",
        summary="A folder for each combination of labels, such as red_dress.",
        parameters=folders.MultilabelFolder,
        load=folders.load_multilabel_folder,
        labels_of_folder=folders.labels_of_folder,
    )
    yield DatasetSpec(
        name="csv_manifest",
        summary="A CSV file with a path and a label, or several, on each line.",
        parameters=manifest.CsvManifest,
        load=manifest.load_csv_manifest,
        look=manifest.look_at_csv_manifest,
        reads=(".csv", ".tsv"),
    )
    yield DatasetSpec(
        name="npz",
        summary="Arrays of images and labels in one NumPy file.",
        parameters=npz.Npz,
        load=npz.load_npz,
        reads=(".npz",),
    )
    yield DatasetSpec(
        name="fashion_mnist",
        summary="Fashion-MNIST: 70,000 grey pictures of 10 kinds of clothes, 28x28.",
        parameters=mnist.FashionMnist,
        load=mnist.load_fashion_mnist,
        exclusive=True,
    )
    yield DatasetSpec(
        name="fashion_mnist_sample",
        summary="A sample of Fashion-MNIST that comes with FashionBatch: 5,000 and 1,000 pictures.",
        load=mnist.load_fashion_mnist_sample,
        exclusive=True,
    )
    yield DatasetSpec(
        name="mnist",
        summary="MNIST: 70,000 handwritten digits, 28x28.",
        parameters=mnist.Mnist,
        load=mnist.load_mnist,
        exclusive=True,
    )
    yield DatasetSpec(
        name="digits",
        summary="scikit-learn's 1,797 handwritten digits, 8x8; always there.",
        load=digits.load_digits,
        exclusive=True,
    )
