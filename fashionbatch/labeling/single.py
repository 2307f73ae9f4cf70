"""What a bundle says of one photo: the numbers and the labels that its row in a table would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.open import open_bundle
from fashionbatch.decisions import Reading
from fashionbatch.errors import DataError, FashionBatchError, ImageError
from fashionbatch.images import decode_image, view_image
from fashionbatch.inference.session import open_session
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.table import NO_PROBABILITIES
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
    rule = bundle.manifest.rule.with_minimum(options.rows.threshold)
    with session:
        decisions = rule.decide(session.predict(image[np.newaxis]))
    if not decisions.valid[0]:
        raise FashionBatchError(f"{photo}: {NO_PROBABILITIES}")
    return Reading.of(decisions, 0, rule=rule, names=bundle.manifest.labels.display_names), view
