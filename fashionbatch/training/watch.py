"""What is decided between two epochs: is this the best one, has training stood still, must the rate fall."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fashionbatch.plan import PlannedPhase
from fashionbatch.recipe.schedules import ReduceOnPlateau
from fashionbatch.recipe.schema import Monitor


def is_better(monitor: Monitor, value: float, than: float | None, min_delta: float = 0.0) -> bool:
    """Whether a figure has got better by more than `min_delta`: a loss falls, an accuracy rises."""
    if than is None:
        return math.isfinite(value)
    return value < than - min_delta if monitor.endswith("loss") else value > than + min_delta


@dataclass
class Watch:
    """The figure that chooses the best epoch, and how long it has not got better. Its fields are in checkpoints.

    Attributes:
        best: the best value so far.
        best_epoch: the epoch of it, counted over all phases.
        waited: epochs since.
    """

    monitor: Monitor
    min_delta: float = 0.0
    patience: int | None = None
    best: float | None = None
    best_epoch: int | None = None
    waited: int = 0

    @classmethod
    def of_phase(cls, phase: PlannedPhase, *, has_validation: bool) -> Watch:
        """What a phase watches: early stopping's figure, else the loss, of the validation split if there is one."""
        stopping = phase.early_stopping
        if stopping is None:
            return cls(monitor="val_loss" if has_validation else "loss")
        return cls(monitor=stopping.monitor, min_delta=stopping.min_delta, patience=stopping.patience)

    def see(self, epoch: int, value: float) -> bool:
        """Take note of an epoch's figure; True where it is the best so far."""
        if is_better(self.monitor, value, self.best, self.min_delta):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def stands_still(self) -> bool:
        """Whether early stopping has waited for as long as it was told."""
        # As Keras: a patience of 0 stops at the first epoch without improvement.
        return self.patience is not None and self.waited >= max(1, self.patience)


@dataclass
class Plateau:
    """The state of a `reduce_on_plateau` schedule. Its fields are in checkpoints."""

    best: float | None = None
    waited: int = 0
    cooling: int = 0

    def rate_after(self, schedule: ReduceOnPlateau, value: float, rate: float) -> float:
        """The learning rate after an epoch with that figure."""
        self.cooling = max(0, self.cooling - 1)
        if is_better(schedule.monitor, value, self.best, schedule.min_delta):
            self.best, self.waited = value, 0
            return rate
        if self.cooling:
            self.waited = 0
            return rate
        self.waited += 1
        if self.waited < max(1, schedule.patience):
            return rate
        self.waited, self.cooling = 0, schedule.cooldown
        # A rate that began below the least one stays where it is.
        return min(rate, max(rate * schedule.factor, schedule.min_learning_rate))
