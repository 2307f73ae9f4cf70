"""The images that an export is checked by, and those that calibrate 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.reference import read_reference, synthetic_images
from fashionbatch.data.decode import decode_all
from fashionbatch.data.originals import originals_of
from fashionbatch.errors import DataError
from fashionbatch.evaluation.truth import Truth, truth_of_split
from fashionbatch.plan import Plan
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.quantizing.material import Material, photos_below
from fashionbatch.specs import Split

CHECK_IMAGES = 200
"""As many photos show a wrong export; it takes seconds."""


@dataclass(frozen=True)
class Sample:
    """Images that an export is checked by.

    Attributes:
        images: uint8 `(n, height, width, channels)`.
        targets: float32 `(n, outputs)`, what is right; None where nobody knows.
        source: where they come from.
        name: the same in words for the user.
        calibration: images that calibrate and are not among those; None where nothing is calibrated.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float32] | None
    source: Literal["validation", "photos"]
    name: str
    calibration: NDArray[np.uint8] | None = None

    @classmethod
    def of_material(cls, material: Material) -> Sample:
        """Images that were gathered for quantizing."""
        name = "validation images" if material.source == "validation" else "photos"
        return cls(material.images, material.targets, material.source, name, material.calibration.images)


def reference_of(bundle: Bundle) -> NDArray[np.uint8]:
    """The reference images of a bundle; one of format 1 has none, and gets patterns."""
    reference = read_reference(bundle)
    return synthetic_images(bundle.manifest.image.shape) if reference is None else reference.images


def sample_of_recipe(
    plan: Plan, manifest: BundleManifest, *, count: int = CHECK_IMAGES, seed: int = 42, bar: OpenBar = no_bar
) -> Sample:
    """Some images of a recipe's validation split, else of its test split.

    Args:
        plan: the recipe.
        manifest: of the bundle that is exported.
        count: how many at most.
        seed: by which they are chosen.
        bar: shows how far reading is.

    Raises:
        DataError: the data are missing, or none of them can be read.
    """
    splits: Sequence[Split] = ("validation", "test", "train")
    truth: Truth | None = None
    for number, split in enumerate(splits):
        try:
            truth = truth_of_split(plan, manifest, split)
        except DataError:
            if number == len(splits) - 1:
                raise
        else:
            break
    assert truth is not None
    chosen = np.sort(np.random.default_rng(seed).permutation(truth.indices)[:count])
    images, _ = decode_all(originals_of(truth.samples, chosen), manifest.image, title="reading images", bar=bar)
    source: Literal["validation", "photos"] = "validation" if truth.split == "validation" else "photos"
    return _whole(Sample(images, None, source, f"images of {truth.name}"))


def sample_of_photos(
    folder: Path, manifest: BundleManifest, *, count: int = CHECK_IMAGES, seed: int = 42, bar: OpenBar = no_bar
) -> Sample:
    """Some photos of a folder, whether labeled or not.

    Args:
        folder: photos at any depth.
        manifest: of the bundle that is exported.
        count: how many at most.
        seed: by which they are chosen.
        bar: shows how far reading is.

    Raises:
        DataError: there are none, or none can be read.
    """
    images, _ = photos_below(folder, manifest.image, count, seed, bar=bar)
    return _whole(Sample(images, None, "photos", f"photos of {folder}"))


def _whole(sample: Sample) -> Sample:
    if not len(sample.images):
        raise DataError(f"none of the {sample.name} can be read", hint="--check FOLDER names other photos")
    return replace(sample, images=np.ascontiguousarray(sample.images))
