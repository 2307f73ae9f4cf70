"""Figures of an epoch, for checks of what follows them."""

from __future__ import annotations

from collections.abc import Mapping

from fashionbatch.specs import EpochFigures


def epoch_figures(epoch: int, values: Mapping[str, float]) -> EpochFigures:
    """The figures of an epoch that took a second; accuracies rise."""
    rising = frozenset(name for name in values if name.endswith("accuracy"))
    return EpochFigures(epoch=epoch, phase="p", seconds=1.0, learning_rate=0.1, values=values, rising=rising)
