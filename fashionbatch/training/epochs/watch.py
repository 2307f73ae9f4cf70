"""What is decided between two epochs: is this the best one, and has training stood still."""

from __future__ import annotations

from dataclasses import dataclass

from fashionbatch.plan import PlannedPhase
from fashionbatch.specs import is_better


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
