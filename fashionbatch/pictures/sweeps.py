"""Each setting that was tried against the figure that it gave: a panel a setting, a point a combination."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.pictures.drawing.style import (
    BLUE,
    GREY,
    VERMILION,
    add_title,
    new_figure,
    picture_style,
    save_figure,
)
from fashionbatch.pictures.drawing.words import told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 3
_FEW = 12
"""Up to so many different values of a setting stand side by side, each by its own name."""


@dataclass(frozen=True)
class Point:
    """One combination.

    Attributes:
        settings: what each setting is called -> its value, as it was written.
        figure: what it gave.
    """

    settings: Mapping[str, str]
    figure: float


def draw_sweep(
    points: Sequence[Point],
    path: Path,
    *,
    figure: str,
    title: str = "",
    by_magnitude: Collection[str] = (),
) -> Path:
    """Draw each setting against the figure; the best combination has another colour and shape in every panel.

    Few values of a setting stand side by side, joined by the means of each; many numbers stand on an axis.

    Args:
        points: at least one, all with the same settings; the best comes first.
        path: the PNG file.
        figure: what the figure is called.
        title: over the picture.
        by_magnitude: settings whose axis is logarithmic.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    names = [*points[0].settings]
    columns = min(_ACROSS, len(names))
    rows = -(-len(names) // columns)
    values = [value for point in points for value in point.settings.values()]
    with picture_style([title, figure, *names, *values]) as fonts:
        drawn = new_figure(max(4.4, 3.2 * columns), 0.4 + 2.9 * rows)
        add_title(drawn, fonts.readable(title))
        panels = drawn.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for number, name in enumerate(names):
            axes = panels[number]
            written = [fonts.readable(point.settings[name]) for point in points]
            figures = [point.figure for point in points]
            if len(set(written)) > _FEW and None not in map(_number, written):
                _draw_numbers(axes, [_number(text) or 0.0 for text in written], figures, log=name in by_magnitude)
            else:
                _draw_values(axes, written, figures)
            axes.set_xlabel(fonts.readable(name))
            if number % columns == 0:
                axes.set_ylabel(fonts.readable(figure))
        return save_figure(drawn, path)


def _draw_values(axes: Axes, written: Sequence[str], figures: Sequence[float]) -> None:
    """Values side by side, in the order of numbers where all of them are some."""
    values = list(dict.fromkeys(written))
    if None not in map(_number, values):
        values.sort(key=lambda text: _number(text) or 0.0)
    places = [values.index(text) for text in written]
    means = [
        statistics.fmean(figure for text, figure in zip(written, figures, strict=True) if text == value)
        for value in values
    ]
    if len(values) < len(written):
        axes.plot(range(len(values)), means, color=GREY, linewidth=1, marker="_", markersize=14, zorder=1)
    _draw_points(axes, places, figures)
    axes.set_xticks(range(len(values)), told_apart(values, 16), fontsize=8, rotation=30 if len(values) > 4 else 0)
    axes.set_xlim(-0.5, len(values) - 0.5)


def _draw_numbers(axes: Axes, numbers: Sequence[float], figures: Sequence[float], *, log: bool) -> None:
    if log and min(numbers) > 0:
        axes.set_xscale("log")
    _draw_points(axes, numbers, figures)


def _draw_points(axes: Axes, places: Sequence[float], figures: Sequence[float]) -> None:
    axes.scatter(places[1:], figures[1:], s=22, color=BLUE, alpha=0.7, linewidths=0, zorder=2)
    axes.scatter(places[:1], figures[:1], s=60, color=VERMILION, marker="D", linewidths=0, zorder=3)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
