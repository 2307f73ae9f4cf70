"""Whether a faster precision still gives the labels that float32 gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import PrecisionRecord
from fashionbatch.errors import DataError
from fashionbatch.evaluation.decisions import decide, right_images, truth
from fashionbatch.specs import Decoding


def measure_parity(
    targets: NDArray[np.float32],
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    decoding: Decoding,
    thresholds: Sequence[float] = (),
) -> PrecisionRecord:
    """Compare label decisions, not probabilities: those differ in the last digits between any two runtimes.

    Args:
        targets: float32 `(n, outputs)`, what is right.
        reference: float32 `(n, outputs)`, the probabilities of float32.
        candidate: float32 `(n, outputs)`, the probabilities of the precision that is judged; `reference` itself
            gives the record of float32.
        decoding: how probabilities become labels.
        thresholds: as in `decide`.

    Returns:
        The candidate's accuracy (exact match for `several_of_many`) and the share of images with unchanged labels.

    Raises:
        DataError: there are no images, or a probability is not a number.
    """
    if not len(targets):
        raise DataError("there are no images to compare precisions on")
    decided = decide(candidate, decoding, thresholds)
    same = right_images(decide(reference, decoding, thresholds), decided)
    right = right_images(truth(targets, decoding), decided)
    return PrecisionRecord(accuracy=float(right.mean()), same_labels=float(same.mean()), images=len(targets))
