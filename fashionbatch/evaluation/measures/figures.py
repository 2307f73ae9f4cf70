"""What an evaluation says: frozen figures that turn into JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import rule_type
from fashionbatch.specs import Decoding

CROSS_ENTROPY = "cross-entropy"
"""What the loss is called where nothing is known of a training."""
MATRIX_UP_TO = 100
"""Classes up to which files hold the whole confusion matrix; beyond, they hold the pairs that were mixed up."""
MOST_POINTS, FEWEST_POINTS = 5_000, 20
"""Points of all curves together in JSON, about, and of each at least."""


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """One class, or one label of `several_of_many`.

    Attributes:
        name: the class name, as the bundle has it.
        support: images that have it.
        predicted: images that were given it.
        right: images that have it and were given it.
        precision: `right / predicted`; 0 where the class has images but was never given; None where it has no images.
        recall: `right / support`; None where the class has no images.
        f1: the harmonic mean of both; None where the class has no images.
        average_precision: area under the precision-recall curve; None where the decoding has no curves, where
            probabilities are not known, or where the class has no images.
        threshold: the probability from which on it was given; None where the likelier class wins.
    """

    name: str
    support: int
    predicted: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Means:
    """Precision, recall and F1 over all classes, averaged in one way."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The ROC and precision-recall curves of one class, thinned for JSON.

    Attributes:
        name: the class that counts as positive.
        false_positive_rate: the ROC curve's x, rising from 0 to 1.
        true_positive_rate: the ROC curve's y.
        roc_auc: its area, from all points; None where the images are all of one kind.
        recall: the precision-recall curve's x, falling to 0.
        precision: the precision-recall curve's y.
        average_precision: its area as the mean of precisions over steps of recall, from all points.
        positive_share: the share of positive images, which is the precision of guessing.
    """

    name: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    roc_auc: float
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    average_precision: float
    positive_share: float


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """What counting right and wrong labels gives: of the classes of a network, or of one of its groups.

    Attributes:
        images: how many images were judged.
        accuracy: share of images about which everything is right.
        classes: in the order of the bundle.
        means: `micro` (all decisions in one pot), `macro` (each class counts the same; classes without images are left
            out), `weighted` (each class counts by its images).
        cells: the confusion matrix as far as it is not zero: number of the right class, of the given one, images. At
            most one for each image, however many classes there are; none where an image may have several labels.
        undecided: images that were given no label where one was due.
        notes: sentences about figures that could not be computed or need care.
    """

    images: int
    accuracy: float
    classes: tuple[ClassFigures, ...]
    means: Mapping[str, Means]
    cells: tuple[tuple[int, int, int], ...]
    undecided: int
    notes: tuple[str, ...]

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """The confusion matrix: row = right class, column = given class; empty where there is none.

        It grows with the square of the classes, so `cells` is what is kept.
        """
        return tuple(map(tuple, self.confusion_array().tolist()))

    def confusion_array(self) -> NDArray[np.int64]:
        """The confusion matrix as int64 `(classes, classes)`; `(0, 0)` where there is none."""
        size = len(self.classes) if self.has_matrix else 0
        matrix = np.zeros((size, size), np.int64)
        for right, given, images in self.cells:
            matrix[right, given] = images
        return matrix

    @property
    def has_matrix(self) -> bool:
        """Whether each image has one label, so that there is a confusion matrix."""
        return True

    def mistakes(self) -> list[tuple[int, int, int]]:
        """The cells off the diagonal, the commonest mistakes first, ties in the order of the classes."""
        wrong = (cell for cell in self.cells if cell[0] != cell[1])
        return sorted(wrong, key=lambda cell: (-cell[2], cell[0], cell[1]))


@dataclass(frozen=True, kw_only=True)
class GroupFigures(LabelFigures):
    """How well the winner of a group of labels is found.

    An image counts where it has exactly one of the group's labels, since then one winner is right.

    Attributes:
        unlabeled: images that have none of the group's labels, which do not count.
        ambiguous: images that have several of them, which do not count.
    """

    unlabeled: int
    ambiguous: int


@dataclass(frozen=True, kw_only=True)
class Metrics(LabelFigures):
    """The figures of one network on one split.

    Attributes:
        decoding: how probabilities became labels.
        sampled_from: how many images the judged ones are a sample of; None where they are all.
        loss: the loss that the network was trained by, without what penalties on weights add; where that is not known,
            the cross-entropy. None where probabilities are not known.
        loss_name: which loss that is: `provider/name`, the bare name of a built-in one, or `cross-entropy`.
        cross_entropy: mean cross-entropy in nats with Keras's clipping at 1e-7, whatever loss the training used (for
            `several_of_many` the mean over images and labels), so that networks can be compared by it; None where
            probabilities are not known.
        label_accuracy: `several_of_many`: share of single yes-or-no decisions that are right. `accuracy` is the exact
            match there.
        top_k: k -> share of images whose class is among the k most likely; empty up to five classes.
        mean_average_precision: `several_of_many`: mean of the labels' average precision; labels without images do not
            count.
        roc_auc: `yes_or_no`: area under the ROC curve.
        average_precision: `yes_or_no`: area under the precision-recall curve.
        curves: `yes_or_no`: of the second class; `several_of_many`: of each label that has images.
        groups: `several_of_many`: attribute -> how well its winner is found; groups of which no image has exactly one
            label are left out.
    """

    decoding: Decoding
    sampled_from: int | None = None
    loss: float | None
    cross_entropy: float | None
    loss_name: str = CROSS_ENTROPY
    label_accuracy: float | None
    top_k: Mapping[int, float]
    mean_average_precision: float | None
    roc_auc: float | None
    average_precision: float | None
    curves: tuple[Curves, ...]
    groups: Mapping[str, GroupFigures] = field(default_factory=dict)

    @property
    def has_many(self) -> bool:
        """Whether an image may have several labels."""
        return rule_type(self.decoding).has_many

    @property
    def has_matrix(self) -> bool:
        """Whether each image has one label, so that there is a confusion matrix."""
        return not self.has_many

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers, ready for `json.dumps`; figures that do not apply are None.

        What would grow with the square of the classes, or with the points of as many curves as there are labels, does
        not: see `confusion` and `mistakes` in `docs/evaluation.md`.
        """
        points = max(FEWEST_POINTS, MOST_POINTS // max(1, len(self.curves)))
        return {
            **_plain_labels(self),
            "curves": [_plain_curve(curve, points) for curve in self.curves],
            "groups": {name: _plain_labels(group) for name, group in self.groups.items()},
        }


def _plain_labels(figures: LabelFigures) -> dict[str, Any]:
    """All fields but curves and groups; the confusion matrix whole where it is small, and its mistakes in any case."""
    apart = {"cells", "curves", "groups"}
    plain = {one.name: _plain(getattr(figures, one.name)) for one in fields(figures) if one.name not in apart}
    names = [one.name for one in figures.classes]
    small = len(names) <= MATRIX_UP_TO
    plain["confusion"] = [list(row) for row in figures.confusion] if small else []
    plain["mistakes"] = [[names[right], names[given], images] for right, given, images in figures.mistakes()]
    return plain


def _plain_curve(curve: Curves, points: int) -> dict[str, Any]:
    def thinned(values: Sequence[float]) -> list[float]:
        if len(values) <= points:
            return list(values)
        return [values[round(place)] for place in np.linspace(0, len(values) - 1, points)]

    plain = _plain(curve)
    return {name: thinned(value) if isinstance(value, list) else value for name, value in plain.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
