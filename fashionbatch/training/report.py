"""What the user sees while a network trains: a bar within an epoch on a terminal, and a line after it anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fashionbatch.progress import Advance, Reporter, Show

if TYPE_CHECKING:
    import keras

__all__ = ["Advance", "Reporter", "Show", "epoch_callback"]


def epoch_callback(advance: Advance, steps: int, look_every: int = 20) -> keras.callbacks.Callback:
    """A Keras callback for one epoch: moves the bar, and ends the epoch once the loss is not a number.

    Args:
        advance: is told of every batch.
        steps: batches in the epoch.
        look_every: batches after which the figures are looked at: that waits for the batch to be computed.
    """
    import keras
    import numpy as np

    class OneEpoch(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__()
            self._looked = 0
            self._ema = False

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            figures: dict[str, float] = {}
            if batch - self._looked >= look_every:
                self._looked = batch
                figures = {name: float(value) for name, value in (logs or {}).items()}
                if not np.isfinite(figures.get("loss", 0.0)):
                    self.model.stop_training = True
            # Keras takes small batches several at once, and counts as many even where fewer were left.
            advance(min(batch + 1, steps), figures)

        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            # `fit` would put averaged weights in place at its end; training takes as many calls of it as epochs.
            self._ema, self.model.optimizer.use_ema = self.model.optimizer.use_ema, False

        def on_train_end(self, *_: Any, **__: Any) -> None:
            self.model.optimizer.use_ema = self._ema

    return OneEpoch()
