"""The figures of every epoch, and the table that they become."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from fashionbatch.specs import EpochFigures


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
        metrics: the recipe's metrics by name, those of the validation split with `val_` before it; None for one that
            was no finite number.
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
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def values(self) -> dict[str, float]:
        """Every figure that there is, by the name that recipes monitor it by."""
        named = {
            "loss": self.loss,
            "accuracy": self.accuracy,
            "val_loss": self.val_loss,
            "val_accuracy": self.val_accuracy,
            **self.metrics,
        }
        return {name: value for name, value in named.items() if value is not None}

    def as_figures(self, rising: frozenset[str]) -> EpochFigures:
        """The epoch as plugins see it.

        Args:
            rising: the figures of which more is better.
        """
        values = self.values()
        return EpochFigures(
            epoch=self.epoch,
            phase=self.phase,
            seconds=self.seconds,
            learning_rate=self.learning_rate,
            values=values,
            rising=rising & values.keys(),
            best=self.best,
        )

    def line(self, epochs: int) -> str:
        """The epoch in one line for the terminal, of so many altogether."""
        width = len(str(epochs))
        parts = [f"epoch {self.epoch:>{width}}/{epochs}", f"{self.seconds:6.1f} s"]
        parts += [f"{name} {value:.4f}" for name, value in self.values().items()]
        return "  ".join(parts) + ("  *" if self.best else "")


COLUMNS = tuple(column.name for column in fields(Epoch) if column.name != "metrics")


def to_csv(history: Sequence[Epoch]) -> str:
    """The table `history.csv`: a header, and a line for each epoch, with numbers that read back exactly.

    The recipe's metrics stand after the columns that every history has, in the recipe's order.
    """
    text = io.StringIO()
    metrics = dict.fromkeys(name for epoch in history for name in epoch.metrics)
    writer = csv.DictWriter(text, [*COLUMNS, *metrics], lineterminator="\n")
    writer.writeheader()
    for epoch in history:
        row = asdict(epoch) | dict(epoch.metrics)
        del row["metrics"]
        row |= {"seconds": round(epoch.seconds, 3), "best": int(epoch.best)}
        writer.writerow({name: "" if value is None else value for name, value in row.items()})
    return text.getvalue()


def from_plain(rows: Iterable[Mapping[str, Any]]) -> list[Epoch]:
    """Epochs from what `asdict` made of them."""
    return [Epoch(**row) for row in rows]


def of_phase(history: Sequence[Epoch], phase: str) -> list[Epoch]:
    """The epochs of one phase."""
    return [epoch for epoch in history if epoch.phase == phase]
