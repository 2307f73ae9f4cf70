"""What an evaluation says: frozen figures that turn into JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from fashionbatch.decisions import rule_type
from fashionbatch.specs import Decoding


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
class Metrics:
    """The figures of one network on one split.

    Attributes:
        decoding: how probabilities became labels.
        images: how many images were judged.
        loss: mean cross-entropy in nats with Keras's clipping at 1e-7, whatever loss the training used (for
            `several_of_many` the mean over images and labels); None where probabilities are not known.
        accuracy: share of images about which everything is right; for `several_of_many` this is the exact match.
        label_accuracy: `several_of_many`: share of single yes-or-no decisions that are right.
        top_k: k -> share of images whose class is among the k most likely; empty up to five classes.
        mean_average_precision: `several_of_many`: mean of the labels' average precision; labels without images do not
            count.
        roc_auc: `yes_or_no`: area under the ROC curve.
        average_precision: `yes_or_no`: area under the precision-recall curve.
        classes: in the order of the bundle.
        means: `micro` (all decisions in one pot), `macro` (each class counts the same; classes without images are left
            out), `weighted` (each class counts by its images).
        confusion: row = right class, column = given class; empty for `several_of_many`.
        undecided: images that were given no label where one was due.
        curves: `yes_or_no`: of the second class; `several_of_many`: of each label that has images.
        notes: sentences about figures that could not be computed or need care.
    """

    decoding: Decoding
    images: int
    loss: float | None
    accuracy: float
    label_accuracy: float | None
    top_k: Mapping[int, float]
    mean_average_precision: float | None
    roc_auc: float | None
    average_precision: float | None
    classes: tuple[ClassFigures, ...]
    means: Mapping[str, Means]
    confusion: tuple[tuple[int, ...], ...]
    undecided: int
    curves: tuple[Curves, ...]
    notes: tuple[str, ...]

    @property
    def has_many(self) -> bool:
        """Whether an image may have several labels."""
        return rule_type(self.decoding).has_many

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers, ready for `json.dumps`; figures that do not apply are None."""
        plain = _plain(self)
        assert isinstance(plain, dict)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
