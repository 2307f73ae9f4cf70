"""Judges a bundle's network by labeled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch.evaluation.measures.figures import Metrics
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.evaluation.predictions import Predictions, predict_labels
from fashionbatch.evaluation.truth import Truth, decode_truth
from fashionbatch.inference.session import Session
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import Split


@dataclass(frozen=True)
class Evaluation:
    """What came of judging a bundle.

    Attributes:
        subject: what it was judged by, in words.
        split: the recipe's split that this is; None where it is none.
        metrics: the figures.
        predictions: what each image was given, and what is right.
        names: of the images, in the same order.
        images: uint8 `(n, height, width, channels)`; None where only a table was read.
        left_out: why images do not count -> how many of them.
        notes: sentences that the user should read.
    """

    subject: str
    split: Split | None
    metrics: Metrics
    predictions: Predictions
    names: Sequence[str]
    images: NDArray[np.uint8] | None
    left_out: Mapping[str, int]
    notes: Sequence[str] = ()


def evaluate_bundle(session: Session, truth: Truth, *, root: Path | None = None, bar: OpenBar = no_bar) -> Evaluation:
    """Run a bundle's network over labeled images and count.

    Images are decoded and labels decided as `classify` does it, so the figures are those of its table.

    Args:
        session: the bundle's network.
        truth: the images.
        root: the images' names are relative to it; see `decode_truth`.
        bar: shows how far reading and labeling are.

    Raises:
        DataError: no image can be read, or the network gives no numbers.
    """
    rule = session.rule
    decoded = decode_truth(truth, session.manifest, root=root, bar=bar)
    with bar("labeling images", len(decoded.images), "image") as advance:
        probabilities = session.predict(decoded.images, progress=advance)
    return Evaluation(
        subject=truth.name,
        split=truth.split,
        metrics=evaluate_split(decoded.targets, probabilities, rule),
        predictions=predict_labels(decoded.targets, probabilities, session.manifest.labels.display_names, rule),
        names=decoded.names,
        images=decoded.images,
        left_out={"cannot be read": len(decoded.skipped)} if decoded.skipped else {},
        notes=truth.notes,
    )
