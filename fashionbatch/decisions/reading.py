"""What is decided about one image, for people to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.result import Decisions
from fashionbatch.decisions.rule import DecisionRule


@dataclass(frozen=True)
class Reading:
    """What a bundle says of one photo. Classes are numbers in the bundle's order.

    Attributes:
        names: how each class is shown.
        probabilities: float32 `(classes,)`.
        chosen: the classes that the photo is labeled with, the most likely first; there may be none.
        has_many: whether a photo may have several labels.
        thresholds: what each class has to reach, None where nothing is asked of it; empty where of no class.
        groups: group of labels -> the winner in it, None where that does not reach what was asked for.
    """

    names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    chosen: tuple[int, ...]
    has_many: bool = False
    thresholds: tuple[float | None, ...] = ()
    groups: Mapping[str, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, decisions: Decisions, image: int, *, rule: DecisionRule, names: Sequence[str]) -> Reading:
        """What was decided about one image.

        Args:
            decisions: of some images.
            image: the number of the image among them.
            rule: by which it was decided.
            names: how each class is shown.
        """
        return cls(
            names=tuple(names),
            probabilities=decisions.class_probabilities[image],
            chosen=tuple(decisions.labels(image)),
            has_many=rule.has_many,
            thresholds=rule.limits,
            groups={
                group: int(winners.classes[image]) if winners.named[image] else None
                for group, winners in decisions.groups.items()
            },
        )

    def first(self, count: int) -> list[int]:
        """So many classes by probability, ties in the bundle's order; chosen ones before others that are likelier."""
        order = [int(number) for number in np.argsort(-self.probabilities, kind="stable")]
        kept = set(sorted(order, key=lambda number: number not in self.chosen)[:count])
        return [number for number in order if number in kept]

    def percentage(self, number: int) -> str:
        """A class's probability with one digit; what is almost nothing, or almost certain, is not rounded to it."""
        probability = float(self.probabilities[number])
        if 0 < probability < 0.0005:
            return "<0.1%"
        return ">99.9%" if 0.9995 <= probability < 1 else f"{probability:.1%}"
