"""What the user sees while a network trains: a bar within an epoch on a terminal, and a line after it anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import keras

Show: TypeAlias = Callable[[str], None]
"""Prints one line."""
Advance: TypeAlias = Callable[[int, dict[str, float]], None]
"""Takes the number of batches that are done and the figures so far."""


class Reporter:
    """Shows progress.

    Args:
        show: prints a line.
        bars: whether to draw progress bars on standard error.
    """

    def __init__(self, show: Show, *, bars: bool) -> None:
        self.show = show
        self._bars = bars

    @contextmanager
    def bar(self, title: str, total: int, unit: str) -> Iterator[Advance]:
        """A bar for the time of the block; it leaves nothing behind."""
        if not self._bars:
            yield _nowhere
            return
        from tqdm import tqdm

        with tqdm(total=total, desc=title, unit=unit, leave=False, dynamic_ncols=True) as bar:

            def advance(done: int, figures: dict[str, float]) -> None:
                if figures:
                    bar.set_postfix({name: f"{value:.4f}" for name, value in figures.items()}, refresh=False)
                bar.update(done - bar.n)

            yield advance


def _nowhere(_: int, __: dict[str, float]) -> None:
    pass


def epoch_callback(advance: Advance, look_every: int = 20) -> keras.callbacks.Callback:
    """A Keras callback for one epoch: moves the bar, and ends the epoch once the loss is not a number.

    Args:
        advance: is told of every batch.
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
            advance(batch + 1, figures)

        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            # `fit` would put averaged weights in place at its end; training takes as many calls of it as epochs.
            self._ema, self.model.optimizer.use_ema = self.model.optimizer.use_ema, False

        def on_train_end(self, *_: Any, **__: Any) -> None:
            self.model.optimizer.use_ema = self._ema

    return OneEpoch()
