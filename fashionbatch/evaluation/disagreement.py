"""Photos that several networks label differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

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

    def chance(self) -> float | None:
        """`mcnemar` of two networks by the photos that one of them alone gets right; None of more than two."""
        if len(self.evaluations) != 2:
            return None
        return mcnemar(self.patterns.get((True, False), 0), self.patterns.get((False, True), 0))


def mcnemar(only_first: int, only_second: int) -> float:
    """How often two networks that are equally good would differ so much: McNemar's exact test, two-sided.

    Both judged the same photos, so only those tell that one network alone gets right: of equally good networks each
    such photo is as likely the one's as the other's (Q. McNemar, Psychometrika 12, 1947, 153-157, here by the binomial
    distribution instead of its approximation).

    Args:
        only_first: photos that the first network alone gets right.
        only_second: photos that the second one alone gets right.

    Returns:
        A probability, 0..1; 1 where there are no such photos.

    Example:
        >>> mcnemar(2, 10)
        0.03857421875
    """
    telling = only_first + only_second
    tail = sum(comb(telling, wins) for wins in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << telling))


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
