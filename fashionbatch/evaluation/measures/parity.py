"""Whether a faster precision still gives the labels that float32 gives."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.record import PairedCounts, PrecisionRecord
from fashionbatch.decisions import DecisionRule, right_images
from fashionbatch.errors import DataError


def measure_parity(
    targets: NDArray[np.float32] | None,
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rule: DecisionRule,
    *,
    candidate_rule: DecisionRule | None = None,
    source: Literal["validation", "photos"] = "validation",
) -> PrecisionRecord:
    """Compare label decisions, not probabilities: those differ in the last digits between any two runtimes.

    Args:
        targets: float32 `(n, outputs)`, what is right; None where nobody knows.
        reference: float32 `(n, outputs)`, the probabilities of float32.
        candidate: float32 `(n, outputs)`, the probabilities of the precision that is judged; `reference` itself
            gives the record of float32.
        rule: by which probabilities become labels.
        candidate_rule: the same for the precision that is judged, where it has thresholds of its own.
        source: where the images come from.

    Returns:
        How many images the candidate labels right (exact match for `several_of_many`), how many as float32 does, and
        how the two go together image by image.

    Raises:
        DataError: there are no images, or a probability is not a number.
    """
    if not len(reference):
        raise DataError("there are no images to compare precisions on")
    decided = (candidate_rule or rule).decide_all(candidate).as_array()
    decided_before = rule.decide_all(reference).as_array()
    same_label = _count(right_images(decided_before, decided))
    if targets is None:
        return PrecisionRecord(images=len(reference), right=None, same_label=same_label, source=source)
    true = rule.truth(targets)
    right, right_before = right_images(true, decided), right_images(true, decided_before)
    return PrecisionRecord(
        images=len(reference),
        right=_count(right),
        same_label=same_label,
        against_float32=PairedCounts(
            both_right=_count(right & right_before),
            only_float32_right=_count(~right & right_before),
            only_this_right=_count(right & ~right_before),
            neither_right=_count(~right & ~right_before),
        ),
        source=source,
    )


def _count(images: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(images))
