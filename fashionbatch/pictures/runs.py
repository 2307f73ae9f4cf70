"""Several runs side by side: their validation curves, and their figures as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fashionbatch.pictures.curves import scale_loss
from fashionbatch.pictures.drawing.style import SERIES, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.drawing.words import told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVES = 3.5  # inches
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class RunPicture:
    """What is drawn of one run.

    Attributes:
        name: how the run is called.
        history: `val_loss`, `val_accuracy`, ..., each with one value an epoch.
        figures: what it is called -> value; every run may have its own.
    """

    name: str
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


def draw_runs(runs: Sequence[RunPicture], path: Path, *, title: str = "runs") -> Path:
    """Draw validation loss and accuracy of every run, and a bar for each of their figures.

    Args:
        runs: at least one; neighbours differ by colour and line, the seventh has the first one's colour.
        path: the PNG file.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    figures = list(dict.fromkeys(name for run in runs for name in run.figures))
    bar_rows = -(-len(figures) // 2)
    with picture_style([title, *(run.name for run in runs), *figures]) as fonts:
        names = told_apart([fonts.readable(run.name) for run in runs], 30)
        bar_height = 0.75 + 0.24 * len(runs)
        figure = new_figure(9.4, _CURVES + 0.16 * len(runs) + bar_rows * bar_height)
        add_title(figure, fonts.readable(title))
        heights = [_CURVES, max(bar_rows * bar_height, 0.01)]
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        loss, accuracy = upper.subplots(1, 2)
        _draw_curves(loss, runs, "val_loss", "validation loss")
        scale_loss(loss, np.concatenate([np.asarray(run.history.get("val_loss", ()), float) for run in runs]))
        _draw_curves(accuracy, runs, "val_accuracy", "validation accuracy")
        upper.legend(loss.get_lines(), names, loc="outside lower left", ncols=min(3, len(runs)), handlelength=3.5)
        grid = lower.subplots(bar_rows, 2, squeeze=False).ravel() if figures else []
        for axes, name in zip_longest(grid, figures):
            if name is None:
                axes.set_visible(False)
            else:
                _draw_bars(axes, [run.figures.get(name) for run in runs], names)
                axes.set_title(fonts.readable(name), fontsize=9.5)
        return save_figure(figure, path)


def _draw_curves(axes: Axes, runs: Sequence[RunPicture], key: str, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, run in enumerate(runs):
        values = np.asarray(run.history.get(key, ()), float)
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=SERIES[number % len(SERIES)],
            # One more from the second round of colours on, so that no pair of colour and line comes back soon.
            linestyle=_STYLES[(number + number // len(SERIES)) % len(_STYLES)],
            marker="o" if len(values) == 1 else None,
        )
    axes.set_ylabel(title)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, max([1, *(len(run.history.get(key, ())) for run in runs)]) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _draw_bars(axes: Axes, values: Sequence[float | None], names: Sequence[str]) -> None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    rows = range(len(values))
    lengths = [value if value is not None and math.isfinite(value) else 0.0 for value in values]
    axes.barh(rows, lengths, 0.7, color=[SERIES[number % len(SERIES)] for number in rows])
    for row, (value, length) in enumerate(zip(values, lengths, strict=True)):
        axes.text(max(length, 0.0), row, f"  {_number(value)}", va="center", fontsize=8)
    axes.set_yticks(rows, names, fontsize=8)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlim(min(0.0, *known, 0.0), 1.3 * max(0.0, *known, 0.0) or 1.0)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "no number"
    if abs(value) <= 1 and value:
        return f"{value:.4f}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.1f}"
