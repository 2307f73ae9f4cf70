"""Every picture of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.pictures.classes import draw_classes
from fashionbatch.pictures.confusion import draw_confusion
from fashionbatch.pictures.grids import draw_mistakes, draw_montage
from fashionbatch.pictures.groups import draw_groups
from fashionbatch.pictures.trade_offs import draw_trade_offs

if TYPE_CHECKING:
    from fashionbatch.evaluation.measures.figures import Metrics
    from fashionbatch.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Montage:
    """How the montage of predictions is chosen and drawn.

    Attributes:
        count: images at most.
        seed: of the choice.
        tile: the side of a tile in pixels.
    """

    count: int = 36
    seed: int = 42
    tile: int = 96


def draw_evaluation(
    metrics: Metrics,
    predictions: Predictions,
    images: NDArray[np.uint8] | None,
    names: Sequence[str],
    folder: Path,
    *,
    title: str,
    files: Sequence[str] = (),
    montage: Montage | None = None,
) -> list[Path]:
    """Draw what there is to draw: classes, confusion matrix, groups, trade-offs, mistakes, a montage.

    Args:
        metrics: the figures.
        predictions: of the same images.
        images: uint8 `(n, height, width, channels)`; None draws no images.
        names: how classes are shown.
        folder: where the files go; `classes.png`, `confusion_matrix.png`, `groups.png`, `trade_offs.png`,
            `misclassified.png`, `montage.png`.
        title: of every picture: a recipe's name and a split, say.
        files: the images' names, which stand under mistakes; empty writes none.
        montage: None takes the defaults.

    Returns:
        The files.

    Raises:
        OutputError: one cannot be written.
    """
    drawn = [draw_classes(metrics.classes, names, folder / "classes.png", title=title)]
    shown = dict(zip((figures.name for figures in metrics.classes), names, strict=True))
    if metrics.has_matrix:
        matrix = metrics.confusion_array()
        drawn.append(draw_confusion(matrix, names, folder / "confusion_matrix.png", title=title))
    if metrics.groups:
        drawn.append(draw_groups(metrics.groups, shown, folder / "groups.png", title=title))
    if metrics.curves:
        labels = [shown[curve.name] for curve in metrics.curves]
        drawn.append(draw_trade_offs(metrics.curves, labels, folder / "trade_offs.png", title=title))
    if images is not None:
        mistakes = folder / "misclassified.png"
        drawn.append(draw_mistakes(images, predictions, mistakes, files=files, title=f"{title}, misclassified"))
        wish = montage or Montage()
        drawn.append(
            draw_montage(
                images,
                predictions,
                folder / "montage.png",
                count=wish.count,
                seed=wish.seed,
                tile=wish.tile,
                title=f"{title}, predictions",
            )
        )
    return drawn
