"""Precision and recall of each class, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.display_width import display_width
from fashionbatch.pictures.style import BLUE, GREY, ORANGE, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fashionbatch.evaluation.figures import ClassFigures
    from fashionbatch.pictures.fonts import Fonts

ROWS = 50
"""Classes in one column of the picture; more make further columns."""
_NUMBERS_UP_TO = 25
_NAME_WIDTH = 24


def draw_classes(
    classes: Sequence[ClassFigures], names: Sequence[str], path: Path, *, title: str = "precision and recall"
) -> Path:
    """Draw two bars for each class, the class with the lowest F1 first; those without images come last.

    Args:
        classes: figures of each class.
        names: how they are shown, in the same order.
        path: the PNG file.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    pairs = sorted(zip(classes, names, strict=True), key=lambda pair: 2.0 if pair[0].f1 is None else pair[0].f1)
    columns = [pairs[start : start + ROWS] for start in range(0, len(pairs), ROWS)]
    with picture_style([title, *names]) as fonts:
        longest = max(display_width(shortened(name, _NAME_WIDTH)) for name in names)
        row_height = 0.34 if len(pairs) <= _NUMBERS_UP_TO else 0.24
        height = max(2.2, 1.1 + row_height * len(columns[0]))
        figure = new_figure((3.6 + 0.075 * longest) * len(columns), height)
        add_title(figure, shortened(fonts.readable(title), 50))
        for number, column in enumerate(columns):
            axes = figure.add_subplot(1, len(columns), number + 1)
            _draw_column(axes, column, fonts, numbers=len(pairs) <= _NUMBERS_UP_TO)
            axes.set_ylim(len(columns[0]) - 0.4, -0.6)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        about = {"title": "(images), the lowest F1 first", "alignment": "left"}
        figure.legend(handles, labels, loc="outside lower left", ncols=2, **about)
        return save_figure(figure, path)


def _draw_column(axes: Axes, pairs: Sequence[tuple[ClassFigures, str]], fonts: Fonts, *, numbers: bool) -> None:
    rows = range(len(pairs))
    for offset, colour, label, values in (
        (-0.19, BLUE, "precision", [figures.precision for figures, _ in pairs]),
        (0.19, ORANGE, "recall", [figures.recall for figures, _ in pairs]),
    ):
        axes.barh([row + offset for row in rows], [value or 0.0 for value in values], 0.36, color=colour, label=label)
        for row, value in enumerate(values):
            if numbers and value is not None:
                axes.text(value + 0.01, row + offset, f"{value:.2f}", va="center", fontsize=7)
    for row, (figures, _) in enumerate(pairs):
        if not figures.support:
            axes.text(0.01, row, "no images", va="center", fontsize=7.5, color=GREY, style="italic")
    shown = [f"{shortened(fonts.readable(name), _NAME_WIDTH)}  ({figures.support:,})" for figures, name in pairs]
    axes.set_yticks(rows, shown, fontsize=8.5 if numbers else 7)
    axes.set_xlim(0, 1.1 if numbers else 1.0)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
