"""Whether a faster precision still gives the labels that float32 gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import PrecisionRecord
from fashionbatch.decisions import DecisionRule, right_images
from fashionbatch.errors import DataError


def measure_parity(
    targets: NDArray[np.float32],
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rule: DecisionRule,
) -> PrecisionRecord:
    """Compare label decisions, not probabilities: those differ in the last digits between any two runtimes.

    Args:
        targets: float32 `(n, outputs)`, what is right.
        reference: float32 `(n, outputs)`, the probabilities of float32.
        candidate: float32 `(n, outputs)`, the probabilities of the precision that is judged; `reference` itself
            gives the record of float32.
        rule: by which probabilities become labels.

    Returns:
        The candidate's accuracy (exact match for `several_of_many`) and the share of images with unchanged labels.

    Raises:
        DataError: there are no images, or a probability is not a number.
    """
    if not len(targets):
        raise DataError("there are no images to compare precisions on")
    decided = rule.decide_all(candidate).as_array()
    same = right_images(rule.decide_all(reference).as_array(), decided)
    right = right_images(rule.truth(targets), decided)
    return PrecisionRecord(accuracy=float(right.mean()), same_labels=float(same.mean()), images=len(targets))
