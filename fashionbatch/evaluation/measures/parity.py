"""Whether a faster precision still gives the labels that float32 gives."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.record import PairedCounts, PrecisionRecord
from fashionbatch.decisions import DecisionRule, Decisions, right_images
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

    Where labels stand in groups, the winner of each group is a decision, too: it has a column of its own in the table,
    and may change where no label does.

    Args:
        targets: float32 `(n, outputs)`, what is right; None where nobody knows.
        reference: float32 `(n, outputs)`, the probabilities of float32.
        candidate: float32 `(n, outputs)`, the probabilities of the precision that is judged; `reference` itself
            gives the record of float32.
        rule: by which probabilities become labels.
        candidate_rule: the same for the precision that is judged, where it has thresholds of its own.
        source: where the images come from.

    Returns:
        How many images the candidate labels right, how many as float32 does, and how the two go together image by
        image. With `several_of_many` an image is right where all its labels are, and the winner of each group of which
        it has exactly one label.

    Raises:
        DataError: there are no images, or a probability is not a number.
    """
    if not len(reference):
        raise DataError("there are no images to compare precisions on")
    decided = (candidate_rule or rule).decide_all(candidate)
    decided_before = rule.decide_all(reference)
    same = right_images(decided_before.as_array(), decided.as_array())
    for group, winners in decided_before.groups.items():
        same &= winners.as_array() == decided.groups[group].as_array()
    if targets is None:
        return PrecisionRecord(images=len(reference), right=None, same_label=_count(same), source=source)
    right, right_before = _right(targets, decided, rule), _right(targets, decided_before, rule)
    # Of a group that says nothing about an image, any winner is as good as another.
    same_label = _count(same | (right & right_before))
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


def _right(targets: NDArray[np.float32], decided: Decisions, rule: DecisionRule) -> NDArray[np.bool_]:
    true = rule.truth(targets)
    right = right_images(true, decided.as_array())
    for group, winners in decided.groups.items():
        members = np.array([rule.class_names.index(name) for name in rule.groups[group]], np.int64)
        has_one = true[:, members].sum(axis=1) == 1
        right &= ~has_one | (members[true[:, members].argmax(axis=1)] == winners.as_array())
    return right


def _count(images: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(images))
