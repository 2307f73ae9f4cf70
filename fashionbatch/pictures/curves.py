"""Loss and accuracy of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fashionbatch.pictures.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    VERMILION,
    add_title,
    new_figure,
    picture_style,
    save_figure,
)
from fashionbatch.pictures.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fashionbatch.pictures.fonts import Fonts

LOG_FROM = 50.0
"""Losses whose largest is so many times the smallest are drawn on a logarithmic scale."""
_MARKED = 40  # epochs up to which each one has a dot


@dataclass(frozen=True)
class PhaseBand:
    """A phase of training: its name, and its first and last epoch, counted from 1 over the whole training."""

    name: str
    first: int
    last: int


def draw_curves(
    history: Mapping[str, Sequence[float]],
    path: Path,
    *,
    title: str = "",
    phases: Sequence[PhaseBand] = (),
    best_epoch: int | None = None,
    accuracy_name: str = "accuracy",
) -> Path:
    """Draw training and validation loss, and accuracy beside it.

    Args:
        history: `loss`, `val_loss`, `accuracy`, `val_accuracy`, each with one value an epoch; those that are missing
            are not drawn, nor are values that are not finite.
        path: the PNG file.
        title: over the picture; a recipe's name, say.
        phases: drawn as bands behind the curves where there is more than one.
        best_epoch: the epoch whose weights were kept, counted from 1; marked.
        accuracy_name: what the accuracy is called.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    panels = [name for name in ("loss", "accuracy") if name in history or f"val_{name}" in history]
    bands = phases if len(phases) > 1 else ()
    with picture_style([title, accuracy_name, *(band.name for band in bands)]) as fonts:
        figure = new_figure(4.6 * max(1, len(panels)), 3.5)
        add_title(figure, shortened(fonts.readable(title), 90))
        for number, name in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), number + 1)
            _draw_bands(axes, bands)
            _draw_panel(axes, history, name, best_epoch)
            axes.set_title(fonts.readable(accuracy_name) if name == "accuracy" else "loss", pad=16 if bands else 8)
        if bands:
            figure.supxlabel(_legend(bands, fonts), x=0.01, ha="left", fontsize=8, color=GREY)
        return save_figure(figure, path)


def _draw_panel(axes: Axes, history: Mapping[str, Sequence[float]], name: str, best_epoch: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    lines = [("training", name, BLUE), ("validation", f"val_{name}", VERMILION)]
    drawn: list[Any] = []
    for label, key, colour in lines:
        values = np.asarray(history.get(key, ()), float)
        if len(values):
            epochs = np.arange(1, len(values) + 1)
            marker = "o" if len(values) <= _MARKED else None
            drawn += axes.plot(epochs, values, color=colour, label=label, marker=marker, markersize=3.5)
    every = np.concatenate([np.asarray(history.get(key, ()), float) for _, key, _ in lines])
    finite = every[np.isfinite(every) & (every > 0)]
    if name == "loss" and len(finite) and finite.max() > LOG_FROM * finite.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _mark_best(axes, history, name, best_epoch)
    if drawn:
        axes.legend(loc="best")


def _mark_best(axes: Axes, history: Mapping[str, Sequence[float]], name: str, best_epoch: int | None) -> None:
    if best_epoch is None:
        return
    values = history.get(f"val_{name}") or history.get(name) or ()
    axes.axvline(best_epoch, color=GREY, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    if not 1 <= best_epoch <= len(values) or not np.isfinite(values[best_epoch - 1]):
        return
    value = float(values[best_epoch - 1])
    axes.plot([best_epoch], [value], marker="o", markersize=8, color="none", markeredgecolor=INK, markeredgewidth=1.2)
    late = len(values) > 1 and best_epoch > 0.6 * len(values)
    axes.annotate(
        f"epoch {best_epoch}: {value:.4f}",
        (best_epoch, value),
        xytext=(-8 if late else 8, 14 if name == "loss" else -16),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )


def _draw_bands(axes: Axes, bands: Sequence[PhaseBand]) -> None:
    for number, band in enumerate(bands):
        if number % 2:
            axes.axvspan(band.first - 0.5, band.last + 0.5, color=FAINT, alpha=0.45, linewidth=0, zorder=0)
        place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
        axes.text((band.first + band.last) / 2, 1.01, str(number + 1), fontsize=8, color=GREY, **place)
    if bands:
        axes.set_xlim(bands[0].first - 0.5, bands[-1].last + 0.5)


def _legend(bands: Sequence[PhaseBand], fonts: Fonts) -> str:
    # Below the curves: a phase may be a few epochs wide and its name as long as a layer's.
    texts = [
        f"{number}: {shortened(fonts.readable(band.name), 40)} (epochs {band.first} to {band.last})"
        for number, band in enumerate(bands, 1)
    ]
    return "\n".join("     ".join(texts[start : start + 3]) for start in range(0, len(texts), 3))
