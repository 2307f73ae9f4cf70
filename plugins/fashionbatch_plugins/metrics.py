"""Keras's metrics that say something about labels: figures of each epoch beside loss and accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import Decoding, MetricSpec, Parameters

if TYPE_CHECKING:
    import keras

ONE: Decoding = "one_of_many"
TWO: Decoding = "yes_or_no"
EVERY: tuple[Decoding, ...] = ("one_of_many", "yes_or_no", "several_of_many")
BY_THRESHOLD: tuple[Decoding, ...] = ("yes_or_no", "several_of_many")


class TopK(Parameters):
    """The share of images whose class is among the k most likely ones."""

    k: int = Field(3, ge=1, description="How many classes are looked at.")


class Threshold(Parameters):
    """What is decided by a threshold; of several labels an image, all decisions are counted together."""

    threshold: float = Field(0.5, gt=0, lt=1, description="Probabilities at or over it are a yes.")


class Precision(Threshold):
    """Of the labels that were given, the share that is right."""


class Recall(Threshold):
    """Of the labels that are right, the share that was given."""


class F1(Parameters):
    """The harmonic mean of precision and recall, for each class by itself."""

    average: Literal["macro", "micro", "weighted"] = Field(
        "macro",
        description="macro: the mean over the classes; weighted: by their images; micro: all decisions together.",
    )
    threshold: float = Field(
        0.5, gt=0, lt=1, description="Probabilities over it are a yes; of one of many classes the most likely one is."
    )


class Auc(Parameters):
    """The area under a curve: how well probabilities put images in order, whatever the threshold.

    Of several classes it is the mean of the classes' areas, each class against all others.
    """

    curve: Literal["ROC", "PR"] = Field("ROC", description="ROC: recall over false alarms; PR: precision over recall.")
    thresholds: int = Field(200, ge=2, le=10_000, description="Points of the curve.")


class PrecisionAtRecall(Parameters):
    """The best precision of any threshold at which so much is found."""

    recall: float = Field(0.9, gt=0, lt=1, description="The recall that is asked for.")


class RecallAtPrecision(Parameters):
    """The best recall of any threshold at which so much of what is found is right."""

    precision: float = Field(0.9, gt=0, lt=1, description="The precision that is asked for.")


def build_top_k(parameters: TopK, _: Decoding, classes: int) -> keras.metrics.Metric:
    """Keras's top-k accuracy.

    Raises:
        ValueError: there are no more than k classes, so that every image would be right.
    """
    import keras

    if parameters.k >= classes:
        raise ValueError(f"k is {parameters.k}, but there are only {classes} classes: every image would be right")
    return keras.metrics.TopKCategoricalAccuracy(k=parameters.k)


def build_precision(parameters: Precision, _: Decoding, __: int) -> keras.metrics.Metric:
    """Keras's precision."""
    import keras

    return keras.metrics.Precision(thresholds=parameters.threshold)


def build_recall(parameters: Recall, _: Decoding, __: int) -> keras.metrics.Metric:
    """Keras's recall."""
    import keras

    return keras.metrics.Recall(thresholds=parameters.threshold)


def build_f1(parameters: F1, decoding: Decoding, _: int) -> keras.metrics.Metric:
    """Keras's F1 score."""
    import keras

    # Without a threshold Keras takes the largest of a row as its yes.
    threshold = None if decoding == ONE else parameters.threshold
    return keras.metrics.F1Score(average=parameters.average, threshold=threshold)


def build_auc(parameters: Auc, decoding: Decoding, classes: int) -> keras.metrics.Metric:
    """Keras's area under the curve."""
    import keras

    many: dict[str, Any] = {} if decoding == TWO else {"multi_label": True, "num_labels": classes}
    return keras.metrics.AUC(num_thresholds=parameters.thresholds, curve=parameters.curve, **many)


def build_precision_at_recall(parameters: PrecisionAtRecall, _: Decoding, __: int) -> keras.metrics.Metric:
    """Keras's precision at a recall."""
    import keras

    return keras.metrics.PrecisionAtRecall(parameters.recall)


def build_recall_at_precision(parameters: RecallAtPrecision, _: Decoding, __: int) -> keras.metrics.Metric:
    """Keras's recall at a precision."""
    import keras

    return keras.metrics.RecallAtPrecision(parameters.precision)


def build_crossentropy(_: Parameters, decoding: Decoding, __: int) -> keras.metrics.Metric:
    """Keras's crossentropy."""
    import keras

    return keras.metrics.CategoricalCrossentropy() if decoding == ONE else keras.metrics.BinaryCrossentropy()


def build_mean_squared_error(_: Parameters, __: Decoding, ___: int) -> keras.metrics.Metric:
    """Keras's mean squared error."""
    import keras

    return keras.metrics.MeanSquaredError()


def build_mean_absolute_error(_: Parameters, __: Decoding, ___: int) -> keras.metrics.Metric:
    """Keras's mean absolute error."""
    import keras

    return keras.metrics.MeanAbsoluteError()


def build_hinge(_: Parameters, decoding: Decoding, __: int) -> keras.metrics.Metric:
    """Keras's hinge."""
    import keras

    return keras.metrics.CategoricalHinge() if decoding == ONE else keras.metrics.Hinge()


@hookimpl
def register_metrics() -> Iterator[MetricSpec]:
    """The metrics that come with FashionBatch."""
    yield from _of_labels()
    yield from _of_probabilities()


def _of_labels() -> Iterator[MetricSpec]:
    yield MetricSpec(
        name="top_k_accuracy",
        summary="Whether the class is among the k most likely ones.",
        parameters=TopK,
        decodings=(ONE,),
        build=build_top_k,
    )
    yield MetricSpec(
        name="precision",
        summary="Of the labels that were given, the share that is right.",
        parameters=Precision,
        decodings=BY_THRESHOLD,
        build=build_precision,
    )
    yield MetricSpec(
        name="recall",
        summary="Of the labels that are right, the share that was given.",
        parameters=Recall,
        decodings=BY_THRESHOLD,
        build=build_recall,
    )
    yield MetricSpec(
        name="f1",
        summary="The harmonic mean of precision and recall, class by class.",
        parameters=F1,
        decodings=EVERY,
        build=build_f1,
    )
    yield MetricSpec(
        name="precision_at_recall",
        summary="The best precision at which so much is found.",
        parameters=PrecisionAtRecall,
        decodings=BY_THRESHOLD,
        build=build_precision_at_recall,
    )
    yield MetricSpec(
        name="recall_at_precision",
        summary="The best recall at which so much of what is found is right.",
        parameters=RecallAtPrecision,
        decodings=BY_THRESHOLD,
        build=build_recall_at_precision,
    )


def _of_probabilities() -> Iterator[MetricSpec]:
    yield MetricSpec(
        name="auc",
        summary="The area under the curve of all thresholds.",
        parameters=Auc,
        decodings=EVERY,
        build=build_auc,
    )
    yield MetricSpec(
        name="crossentropy",
        summary="The crossentropy, whatever the loss is: comparable between losses.",
        decodings=EVERY,
        build=build_crossentropy,
        rising=False,
    )
    yield MetricSpec(
        name="mean_squared_error",
        summary="The mean squared distance of probabilities from 0 and 1 (Brier's score).",
        decodings=EVERY,
        build=build_mean_squared_error,
        rising=False,
    )
    yield MetricSpec(
        name="mean_absolute_error",
        summary="The mean distance of probabilities from 0 and 1.",
        decodings=EVERY,
        build=build_mean_absolute_error,
        rising=False,
    )
    yield MetricSpec(
        name="hinge",
        summary="How far the right class is from leading by a whole 1.",
        decodings=EVERY,
        build=build_hinge,
        rising=False,
    )
