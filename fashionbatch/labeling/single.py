"""What a bundle says of one photo: the numbers that its row in a table would have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import DataError, FashionBatchError, ImageError
from fashionbatch.images import decode_image
from fashionbatch.inference.decode import PLAIN_THRESHOLD, Decoded, decode
from fashionbatch.inference.session import open_session
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.rows import NO_PROBABILITIES
from fashionbatch.plugins import load_plugins


@dataclass(frozen=True)
class Reading:
    """The labels of one photo. Classes are numbers in the bundle's order.

    Attributes:
        names: how each class is shown.
        probabilities: float32 `(classes,)`.
        chosen: the classes that the photo is labeled with, the most likely first; there may be none.
        thresholds: where a photo may have several labels, what each class has to reach; else empty.
        groups: group of labels -> the winner in it.
    """

    names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    chosen: tuple[int, ...]
    thresholds: tuple[float, ...]
    groups: Mapping[str, int]

    def most_likely(self, count: int) -> list[int]:
        """The first so many classes by probability, ties in the bundle's order."""
        return [int(number) for number in np.argsort(-self.probabilities, kind="stable")[:count]]


def read_photo(photo: Path, options: LabelOptions) -> Reading:
    """Label one photo as a table would.

    Args:
        photo: the file.
        options: the bundle and how it is computed; `rows.threshold` counts as in a table. Everything else is not looked
            at.

    Raises:
        DataError: the photo is missing or cannot be decoded.
        BundleError: the bundle is missing, damaged or foreign.
        RuntimeUnavailableError: this machine does not offer what was asked for.
    """
    bundle = open_bundle(options.bundles[0])
    try:
        image = decode_image(photo, bundle.manifest.image)
    except ImageError as error:
        raise DataError(f"{photo}: {error.message}") from error
    session = open_session(
        bundle,
        registry=load_plugins(hooks={"register_runtimes"}).registry,
        runtime=options.runtime,
        precision=options.precision,
        batch_size=options.batch_size,
        device=options.device,
    )
    with session:
        decoded = decode(session.predict(image[np.newaxis]), bundle.manifest)
    if not decoded.valid[0]:
        raise FashionBatchError(f"{photo}: {NO_PROBABILITIES}")
    probabilities = decoded.class_probabilities[0]
    thresholds = _thresholds(options.rows.threshold, bundle.manifest.head.thresholds, len(probabilities))
    has_many = bundle.manifest.head.decoding == "several_of_many"
    return Reading(
        names=tuple(bundle.manifest.labels.display_names),
        probabilities=probabilities,
        chosen=_several(probabilities, thresholds) if has_many else _one(decoded, options.rows.threshold),
        thresholds=thresholds if has_many else (),
        groups={group: int(winners.classes[0]) for group, winners in decoded.groups.items()},
    )


def _thresholds(asked: float | None, own: tuple[float, ...], classes: int) -> tuple[float, ...]:
    if asked is not None:
        return (asked,) * classes
    return own or (PLAIN_THRESHOLD,) * classes


def _several(probabilities: NDArray[np.float32], thresholds: tuple[float, ...]) -> tuple[int, ...]:
    order = np.argsort(-probabilities, kind="stable")
    return tuple(int(number) for number in order if probabilities[number] >= np.float64(thresholds[number]))


def _one(decoded: Decoded, threshold: float | None) -> tuple[int, ...]:
    if threshold is not None and float(decoded.winner.probabilities[0]) < threshold:
        return ()
    return (int(decoded.winner.classes[0]),)
