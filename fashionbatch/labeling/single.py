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
from fashionbatch.labeling.options import ComputeOptions
from fashionbatch.labeling.products.table import NO_PROBABILITIES
from fashionbatch.labeling.settings import checked_parameters
from fashionbatch.plugins import load_plugins
from fashionbatch.specs import RuntimeSpec


def read_photo(
    photo: Path,
    bundle_path: Path,
    compute: ComputeOptions,
    *,
    threshold: float | None,
    view_side: int,
    accept_truncated: float | None = None,
    shown: str | None = None,
) -> tuple[Reading, NDArray[np.uint8]]:
    """Label one photo as a table would.

    Args:
        photo: the file.
        bundle_path: the bundle.
        compute: how its network is computed.
        threshold: counts as in a table: below it the label is empty.
        view_side: the longer side of the view, in pixels.
        accept_truncated: the share of its rows that the photo may lack; None for what the bundle says.
        shown: what messages call the photo; None for its path.

    Returns:
        What the bundle says, and the photo for people to look at: uint8 `(height, width, 3)`, whole and upright.

    Raises:
        DataError: the photo is missing or cannot be decoded.
        BundleError: the bundle is missing, damaged or foreign.
        RuntimeUnavailableError: this machine does not offer what was asked for.
    """
    bundle = open_bundle(bundle_path)
    spec = bundle.manifest.image
    if accept_truncated is not None:
        spec = spec.model_copy(update={"accept_truncated": accept_truncated})
    try:
        image = decode_image(photo, spec)
        view = view_image(photo, view_side, accept_truncated=spec.accept_truncated)
    except ImageError as error:
        raise DataError(f"{shown or photo}: {error.message}") from error
    registry = load_plugins(hooks={"register_runtimes"}).registry
    session = open_session(
        bundle,
        registry=registry,
        runtime=compute.runtime,
        parameters=checked_parameters(registry.get(RuntimeSpec, compute.runtime), compute.settings, "--runtime-set"),
        precision=compute.precision,
        batch_size=compute.batch_size,
        device=compute.device,
    )
    rule = session.rule.with_minimum(threshold)
    with session:
        decisions = rule.decide(session.predict(image[np.newaxis]))
    if not decisions.valid[0]:
        raise FashionBatchError(f"{shown or photo}: {NO_PROBABILITIES}")
    return Reading.of(decisions, 0, rule=rule, names=bundle.manifest.labels.display_names), view
