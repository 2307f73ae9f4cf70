"""What a bundle says of one photo: the numbers and the labels that its row in a table would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import Head
from fashionbatch.bundle.open import open_bundle
from fashionbatch.decisions.decide import PLAIN_THRESHOLD, Decoded, decode
from fashionbatch.errors import DataError, FashionBatchError, ImageError
from fashionbatch.images import decode_image, view_image
from fashionbatch.inference.session import open_session
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.table import NO_PROBABILITIES, as_written
from fashionbatch.pictures.annotated import Reading
from fashionbatch.plugins import load_plugins


def read_photo(photo: Path, options: LabelOptions, view_side: int) -> tuple[Reading, NDArray[np.uint8]]:
    """Label one photo as a table would.

    Args:
        photo: the file.
        options: the bundle and how it is computed; `rows.threshold` counts as in a table. Everything else is not looked
            at.
        view_side: the longer side of the view, in pixels.

    Returns:
        What the bundle says, and the photo for people to look at: uint8 `(height, width, 3)`, whole and upright.

    Raises:
        DataError: the photo is missing or cannot be decoded.
        BundleError: the bundle is missing, damaged or foreign.
        RuntimeUnavailableError: this machine does not offer what was asked for.
    """
    bundle = open_bundle(options.bundles[0])
    try:
        image = decode_image(photo, bundle.manifest.image)
        view = view_image(photo, view_side)
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
    asked, head = options.rows.threshold, bundle.manifest.head
    reading = Reading(
        names=tuple(bundle.manifest.labels.display_names),
        probabilities=decoded.class_probabilities[0],
        chosen=_chosen(decoded, head, asked),
        has_many=head.decoding == "several_of_many",
        thresholds=_thresholds(head, asked, decoded.class_probabilities.shape[1]),
        groups={
            group: int(winners.classes[0]) if _reaches(winners.probabilities[0], asked) else None
            for group, winners in decoded.groups.items()
        },
    )
    return reading, view


def _chosen(decoded: Decoded, head: Head, asked: float | None) -> tuple[int, ...]:
    if head.decoding != "several_of_many":
        return (int(decoded.winner.classes[0]),) if _reaches(decoded.winner.probabilities[0], asked) else ()
    if asked is None:
        return tuple(decoded.labels(0))
    probabilities = decoded.class_probabilities[0]
    order = np.argsort(-probabilities, kind="stable")
    return tuple(int(number) for number in order if _reaches(probabilities[number], asked))


def _reaches(probability: np.float32, asked: float | None) -> bool:
    return asked is None or as_written(float(probability)) >= asked


def _thresholds(head: Head, asked: float | None, classes: int) -> tuple[float | None, ...]:
    if head.decoding == "yes_or_no":
        [own] = head.thresholds or [PLAIN_THRESHOLD]
        # What was asked for does not change which class wins, only whether the winner is named.
        return (None, own) if asked is None else (max(asked, 1 - own), max(asked, own))
    if asked is not None:
        return (asked,) * classes
    if head.decoding == "one_of_many":
        return ()
    return head.thresholds or (PLAIN_THRESHOLD,) * classes
