"""The images that calibrate a quantized network, and others that judge it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.quantizing.ways import MANY_IMAGES
from fashionbatch.data.decode import decode_all
from fashionbatch.data.originals import Files
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import DataError
from fashionbatch.evaluation.truth import DecodedTruth, Truth, decode_truth, truth_of_folder, truth_of_split
from fashionbatch.plan import Plan
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.quantizing.ladder import Calibration
from fashionbatch.registry import Registry
from fashionbatch.specs import ImageSpec, Split

MOST_JUDGES = 10_000
"""More are not needed for a verdict: 10,000 bound the loss to 0.3 points where 3% of the labels change."""
_CALIBRATION_SHARE = 0.3
"""Of images that are not split yet, at most `MANY_IMAGES`."""
_FEWEST = 10


@dataclass(frozen=True)
class Material:
    """Images for both purposes; none serves both.

    Attributes:
        calibration: images that calibrate.
        images: uint8 `(n, height, width, channels)`, n > 0, which judge.
        targets: float32 `(n, outputs)`, what is right about those; None where nobody knows.
        source: where those come from.
        notes: sentences that the user should read.
    """

    calibration: Calibration
    images: NDArray[np.uint8]
    targets: NDArray[np.float32] | None
    source: Literal["validation", "photos"]
    notes: tuple[str, ...] = ()


def material_of_training(data: PreparedData, seed: int) -> Material | None:
    """What a training has: plain training images calibrate, the validation split judges; None where there is none."""
    train, validation = data.splits.get("train"), data.splits.get("validation")
    if train is None or validation is None:
        return None
    chosen = _choose(len(train), MANY_IMAGES, seed)
    calibration = Calibration(np.ascontiguousarray(train.images[chosen]), "train", seed)
    return Material(calibration, validation.images, validation.targets, "validation")


def material_of_recipe(
    plan: Plan, manifest: BundleManifest, seed: int, *, data_path: Path | None = None, bar: OpenBar = no_bar
) -> Material:
    """What a recipe's data have: the training split calibrates, the validation split judges, or else the test split.

    Args:
        plan: the recipe.
        manifest: of the bundle that is quantized.
        seed: by which images are chosen where there are many.
        data_path: takes the place of the source's path.
        bar: shows how far reading is.

    Raises:
        DataError: the data are missing, have no such splits, or have labels that the bundle does not know.
    """
    train = truth_of_split(plan, manifest, "train", data_path=data_path, bar=bar)
    judges = _judges(plan, manifest, data_path)
    decoded = decode_truth(_sample(train, MANY_IMAGES, seed), manifest, bar=bar)
    calibration = Calibration(_shuffled(decoded.images, seed), "train", seed)
    judging = decode_truth(_sample(judges, MOST_JUDGES, seed), manifest, bar=bar)
    source: Literal["validation", "photos"] = "validation" if judges.split == "validation" else "photos"
    return Material(calibration, judging.images, judging.targets, source, _skipped(decoded, judging))


def material_of_folder(
    path: Path,
    manifest: BundleManifest,
    registry: Registry,
    plan: Plan | None,
    seed: int,
    *,
    as_text: bool = False,
    bar: OpenBar = no_bar,
) -> Material:
    """What a source of labeled images has: one part calibrates, the other one judges.

    Args:
        path: as `truth_of_folder` takes it.
        manifest: of the bundle that is quantized.
        registry: where datasets are registered.
        plan: the bundle's recipe; None where there is none.
        seed: by which the parts are chosen.
        as_text: as `truth_of_folder` takes it.
        bar: shows how far reading is.

    Raises:
        DataError: nothing there can be read, has labels that the bundle does not know, or is too little.
    """
    truth = truth_of_folder(path, manifest, registry, plan, as_text=as_text, bar=bar)
    decoded = decode_truth(_sample(truth, MOST_JUDGES + MANY_IMAGES, seed), manifest, bar=bar)
    calibrating, judging = part(decoded.images, seed)
    return Material(
        Calibration(decoded.images[calibrating], "photos", seed),
        decoded.images[judging],
        decoded.targets[judging],
        "photos",
        _skipped(decoded),
    )


def material_of_photos(folder: Path, manifest: BundleManifest, seed: int, *, bar: OpenBar = no_bar) -> Material:
    """What a folder of photos has that nobody has labeled.

    Args:
        folder: photos at any depth.
        manifest: of the bundle that is quantized.
        seed: by which the parts are chosen.
        bar: shows how far reading is.

    Raises:
        DataError: there are no photos, or too few.
    """
    images, failed = photos_below(folder, manifest.image, MOST_JUDGES + MANY_IMAGES, seed, bar=bar)
    calibrating, judging = part(images, seed)
    notes = (f"{failed:,} files cannot be read and do not count",) if failed else ()
    return Material(Calibration(images[calibrating], "photos", seed), images[judging], None, "photos", notes)


def photos_below(
    folder: Path, spec: ImageSpec, most: int, seed: int, *, bar: OpenBar = no_bar
) -> tuple[NDArray[np.uint8], int]:
    """Photos of a folder, at any depth: all of them, or so many at random.

    Args:
        folder: the folder; what has a name that begins with a dot does not count.
        spec: what they are decoded for.
        most: how many at most.
        seed: by which they are chosen.
        bar: shows how far reading is.

    Returns:
        uint8 `(n, height, width, channels)`, in the order of their paths, and how many could not be read.

    Raises:
        DataError: there are no files.
    """
    paths = sorted(
        Path(place, name) for place, _, names in os.walk(folder) for name in names if not name.startswith(".")
    )
    if not paths:
        raise DataError(
            f"{folder}: holds no photos", hint="give photos as the network will see them, some hundred at least"
        )
    chosen = [paths[number] for number in sorted(_choose(len(paths), most, seed))]
    images, outcome = decode_all(Files(chosen), spec, title="reading photos", bar=bar)
    return images, len(outcome.failed)


def part(images: NDArray[np.uint8], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Part images in such that calibrate and such that judge, by their pixels: no photo is in both, not even as a copy.

    Args:
        images: uint8 `(n, height, width, channels)`.
        seed: another one gives other parts.

    Returns:
        The numbers of both, the calibrating ones in the order in which they are taken.

    Raises:
        DataError: there are too few.
    """
    digests = [hashlib.sha256(b"%d " % seed + np.ascontiguousarray(image).tobytes()).digest() for image in images]
    order = sorted(range(len(images)), key=digests.__getitem__)
    border = min(MANY_IMAGES, int(_CALIBRATION_SHARE * len(order)))
    while 0 < border < len(order) and digests[order[border]] == digests[order[border - 1]]:
        border += 1
    if len(order) < _FEWEST or border == len(order):
        raise DataError(
            f"{len(order)} images that can be read are too few: one part calibrates, the other one judges",
            hint="give some hundred photos, better some thousand",
        )
    return np.array(order[:border], np.intp), np.array(sorted(order[border:]), np.intp)


def _judges(plan: Plan, manifest: BundleManifest, data_path: Path | None) -> Truth:
    splits: tuple[Split, ...] = ("validation", "test")
    try:
        return truth_of_split(plan, manifest, splits[0], data_path=data_path)
    except DataError:
        return truth_of_split(plan, manifest, splits[1], data_path=data_path)


def _sample(truth: Truth, most: int, seed: int) -> Truth:
    chosen = sorted(_choose(len(truth), most, seed))
    return replace(truth, indices=truth.indices[chosen], labels=[truth.labels[number] for number in chosen])


def _choose(count: int, most: int, seed: int) -> list[int]:
    """So many numbers below `count`, in random order."""
    return [int(number) for number in np.random.default_rng(seed).permutation(count)[:most]]


def _shuffled(images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    # Sources often have their images class by class, and a way takes the first ones.
    return np.ascontiguousarray(images[_choose(len(images), len(images), seed)])


def _skipped(*decoded: DecodedTruth) -> tuple[str, ...]:
    count = sum(len(one.skipped) for one in decoded)
    return (f"{count:,} images cannot be read and do not count",) if count else ()
