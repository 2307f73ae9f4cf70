"""What a rule decided about some images. Classes are numbers in the order of the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions.arrays import UNDECIDED, LabelArray


@dataclass(frozen=True)
class Winners:
    """One class for each image, or for each of its first places.

    Attributes:
        classes: int64 `(n,)` or `(n, places)`, class numbers.
        probabilities: float32 of the same shape, the probabilities of these classes.
        named: bool of the same shape: whether the class is given as a label. It is not where its probability does not
            reach the minimum that the user asks for.
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    named: NDArray[np.bool_]

    def as_array(self) -> NDArray[np.int64]:
        """The classes as they are counted, int64; `UNDECIDED` where none is named."""
        return np.where(self.named, self.classes, UNDECIDED)

    def place(self, place: int) -> Winners:
        """The classes of one of several places, arrays of shape `(n,)`; the first place is 0."""
        return Winners(self.classes[:, place], self.probabilities[:, place], self.named[:, place])


@dataclass(frozen=True)
class Decisions:
    """The labels of n images.

    Attributes:
        class_probabilities: float32 `(n, classes)`, a column for each class: for two classes both.
        winner: the class that stands in `label`: the likeliest, ties to the earlier; of two classes with a threshold
            the second from the threshold on.
        chosen: bool `(n, classes)`: the classes that an image is labeled with; there may be none.
        groups: for each attribute group its own winner among the group's classes.
        valid: bool `(n,)`: whether the network's numbers are probabilities. Where they are not, nothing else here means
            anything: the network failed on that image.
        has_many: whether an image may have several labels.
        least: the smallest probability that is named; None where every winner is.
    """

    class_probabilities: NDArray[np.float32]
    winner: Winners
    chosen: NDArray[np.bool_]
    groups: Mapping[str, Winners]
    valid: NDArray[np.bool_]
    has_many: bool
    least: np.float32 | None = None

    def __len__(self) -> int:
        return len(self.class_probabilities)

    def labels(self, image: int) -> list[int]:
        """The chosen classes of one image, the most likely first, ties in bundle order."""
        [classes] = np.nonzero(self.chosen[image])
        order = np.argsort(-self.class_probabilities[image, classes], kind="stable")
        return [int(number) for number in classes[order]]

    def top(self, count: int) -> Winners:
        """The first classes of each image, the winner first, then by probability, ties to the earlier class.

        Args:
            count: how many; no more than there are classes come back.

        Returns:
            Arrays of shape `(n, count)`.
        """
        sortable = -self.class_probabilities.astype(np.float64)
        # A threshold can make the less likely of two classes win.
        sortable[np.arange(len(self)), self.winner.classes] = -np.inf
        order = np.argsort(sortable, axis=1, kind="stable")[:, :count].astype(np.int64)
        return winners(order, np.take_along_axis(self.class_probabilities, order, axis=1), self.least)

    def as_array(self) -> LabelArray:
        """The labels as they are counted; `UNDECIDED` where an image should have one label and has none."""
        return self.chosen if self.has_many else self.winner.as_array()


def winners(classes: NDArray[np.int64], probabilities: NDArray[np.float32], least: np.float32 | None) -> Winners:
    """Classes with their probabilities, named from `least` on."""
    named = np.ones(probabilities.shape, np.bool_) if least is None else probabilities >= least
    return Winners(classes, probabilities, named)
