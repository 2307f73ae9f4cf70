"""The figures of every epoch, and the table that they become."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from fashionbatch.recipe.schema import Monitor


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One round over the training images.

    Attributes:
        epoch: counted over all phases, from 1.
        phase: the phase's name.
        seconds: wall-clock time, validation included.
        learning_rate: at the end of the epoch.
        loss: mean over the batches, while weights were changing, with augmentation and dropout.
        accuracy: of the same; for `several_of_many` the share of right decisions, label by label.
        val_loss: on the validation split, after the epoch; None without one.
        val_accuracy: of the same.
        best: whether the figure that is watched was better than ever before in its phase.
    """

    epoch: int
    phase: str
    seconds: float
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    best: bool

    def figure(self, monitor: Monitor) -> float:
        """The figure of that name.

        Raises:
            ValueError: there is no validation split.
        """
        value = getattr(self, monitor)
        if value is None:
            raise ValueError(f"epoch {self.epoch} has no {monitor}")
        return float(value)

    def line(self, epochs: int) -> str:
        """The epoch in one line for the terminal, of so many altogether."""
        width = len(str(epochs))
        parts = [f"epoch {self.epoch:>{width}}/{epochs}", f"{self.seconds:6.1f} s"]
        parts += [f"{name} {value:.4f}" for name, value in self._shown() if value is not None]
        return "  ".join(parts) + ("  *" if self.best else "")

    def _shown(self) -> Sequence[tuple[str, float | None]]:
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        return [(name, getattr(self, name)) for name in names]


COLUMNS = tuple(field.name for field in fields(Epoch))


def to_csv(history: Iterable[Epoch]) -> str:
    """The table `history.csv`: a header, and a line for each epoch, with numbers that read back exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for epoch in history:
        row = {name: "" if value is None else value for name, value in asdict(epoch).items()}
        writer.writerow({**row, "seconds": round(epoch.seconds, 3), "best": int(epoch.best)})
    return text.getvalue()


def from_plain(rows: Iterable[Mapping[str, Any]]) -> list[Epoch]:
    """Epochs from what `asdict` made of them."""
    return [Epoch(**row) for row in rows]


def of_phase(history: Sequence[Epoch], phase: str) -> list[Epoch]:
    """The epochs of one phase."""
    return [epoch for epoch in history if epoch.phase == phase]
