"""Photos that several networks label differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import DataError
from fashionbatch.evaluation.run import Evaluation


@dataclass(frozen=True)
class Disagreement:
    """What several networks say of the same photos.

    Attributes:
        evaluations: one for each network, in the same order of photos.
        photos: int64 `(n,)`, the photos that not all of them label alike; those that most get wrong come last.
        patterns: which networks are right -> how many photos; the key is one bool for each network.
    """

    evaluations: Sequence[Evaluation]
    photos: NDArray[np.int64]
    patterns: dict[tuple[bool, ...], int]


def compare(evaluations: Sequence[Evaluation]) -> Disagreement:
    """Find the photos on which networks disagree.

    Args:
        evaluations: of the same images, by networks with the same labels.

    Raises:
        DataError: they are not of the same images, or the labels differ.
    """
    first = evaluations[0]
    for other in evaluations[1:]:
        if list(other.names) != list(first.names):
            raise DataError("the networks were not judged by the same images")
        if other.predictions.names != first.predictions.names:
            raise DataError("the networks do not give the same labels")
    given = [evaluation.predictions.given for evaluation in evaluations]
    differs = np.zeros(len(first.names), bool)
    for decisions in given[1:]:
        different = decisions != given[0]
        differs |= different if different.ndim == 1 else different.any(axis=1)
    correct = np.stack([evaluation.predictions.correct for evaluation in evaluations], axis=1)
    [photos] = np.nonzero(differs)
    order = np.argsort(-correct[photos].sum(axis=1), kind="stable")
    rows, counts = np.unique(correct, axis=0, return_counts=True)
    patterns = {tuple(bool(one) for one in row): int(count) for row, count in zip(rows, counts, strict=True)}
    return Disagreement(evaluations, photos[order].astype(np.int64), patterns)
