"""What is decided between two epochs: is this the best one, and has training stood still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fashionbatch.plan import PlannedPhase
from fashionbatch.specs import is_better
from fashionbatch.training.epochs.history import Epoch

_GAIN = 0.01
"""The share by which a figure must have got better of late, so that it is more than noise."""


@dataclass
class Watch:
    """The figure that chooses the best epoch, and how long it has not got better. Its fields are in checkpoints.

    Attributes:
        monitor: the figure's name.
        rising: whether more of it is better: a loss falls, an accuracy rises.
        best: the best value so far.
        best_epoch: the epoch of it, counted over all phases.
        waited: epochs since.
    """

    monitor: str
    rising: bool = False
    min_delta: float = 0.0
    patience: int | None = None
    best: float | None = None
    best_epoch: int | None = None
    waited: int = 0

    @classmethod
    def of_phase(cls, phase: PlannedPhase, rising: frozenset[str], *, has_validation: bool) -> Watch:
        """What a phase watches: early stopping's figure, else the loss, of the validation split if there is one.

        Args:
            phase: names the figure.
            rising: the figures of which more is better.
            has_validation: whether there is a validation split.
        """
        stopping = phase.early_stopping
        if stopping is None:
            return cls(monitor="val_loss" if has_validation else "loss")
        return cls(
            monitor=stopping.monitor,
            rising=stopping.monitor in rising,
            min_delta=stopping.min_delta,
            patience=stopping.patience,
        )

    def see(self, epoch: int, value: float) -> bool:
        """Take note of an epoch's figure; True where it is the best so far."""
        if is_better(value, self.best, rising=self.rising, min_delta=self.min_delta):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def stands_still(self) -> bool:
        """Whether early stopping has waited for as long as it was told."""
        # As Keras: a patience of 0 stops at the first epoch without improvement.
        return self.patience is not None and self.waited >= max(1, self.patience)


def still_improving(phase: PlannedPhase, epochs: Sequence[Epoch], rising: frozenset[str]) -> str | None:
    """Whether a phase ended by its number of epochs alone, while what it watches was still getting better.

    The best epoch must be the last one, or one of the last tenth, and at least 1% better than the best of those before
    the last quarter. A rate that a schedule takes down to the planned end makes the last epochs the best ones by
    itself, which says nothing.

    Args:
        phase: as it was planned.
        epochs: those that it had.
        rising: the figures of which more is better.

    Returns:
        The figure's name; None where more epochs promise nothing.
    """
    is_planned_to_the_end = phase.schedule is not None and phase.schedule.spec.after_epoch is None
    count = len(epochs)
    if count != phase.epochs or count < 2 or is_planned_to_the_end:
        return None
    best = max((number for number, epoch in enumerate(epochs) if epoch.best), default=0)
    has_validation = epochs[best].val_loss is not None
    watch = Watch.of_phase(phase, rising, has_validation=has_validation)
    seen = [
        value for epoch in epochs[: -max(1, count // 4)] if (value := epoch.values().get(watch.monitor)) is not None
    ]
    reached = epochs[best].values().get(watch.monitor)
    if best < count - max(1, count // 10) or reached is None or not seen:
        return None
    before = max(seen) if watch.rising else min(seen)
    is_gain = is_better(reached, before, rising=watch.rising, min_delta=_GAIN * abs(before))
    return watch.monitor if is_gain else None
