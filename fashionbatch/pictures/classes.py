"""Precision and recall of each class, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.display_width import display_width
from fashionbatch.pictures.drawing.style import BLUE, GREY, ORANGE, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.drawing.words import told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fashionbatch.evaluation.measures.figures import ClassFigures
    from fashionbatch.pictures.drawing.fonts import Fonts

MOST = 200
"""Classes that are drawn at most."""
ROWS = 50
"""Classes in one column of the picture; more make further columns."""
_NUMBERS_UP_TO = 25
_NAME_WIDTH = 24


def draw_classes(
    classes: Sequence[ClassFigures], names: Sequence[str], path: Path, *, title: str = "precision and recall"
) -> Path:
    """Draw two bars for each class, the class with the lowest F1 first; those without images come last.

    Of more than MOST classes the first MOST are drawn: nobody looks at a thousand bars, and the report has them all.

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
    with picture_style([title, *names]) as fonts:
        return save_figure(classes_figure(classes, names, fonts, title), path)


def classes_figure(classes: Sequence[ClassFigures], names: Sequence[str], fonts: Fonts, title: str) -> Figure:
    """The same as a figure, to be made and drawn within `picture_style`.

    Args:
        classes: figures of each class.
        names: how they are shown, in the same order.
        fonts: of the style.
        title: over the picture.
    """
    shown = told_apart([fonts.readable(name) for name in names], _NAME_WIDTH)
    pairs = sorted(zip(classes, shown, strict=True), key=lambda pair: 2.0 if pair[0].f1 is None else pair[0].f1)[:MOST]
    rows = -(-len(pairs) // -(-len(pairs) // ROWS))  # columns of about the same length
    columns = [pairs[start : start + rows] for start in range(0, len(pairs), rows)]
    numbers = len(pairs) <= _NUMBERS_UP_TO
    height = max(2.4, 1.5 + (0.34 if numbers else 0.24) * rows)
    figure = new_figure((3.6 + 0.075 * max(display_width(name) for _, name in pairs)) * len(columns), height)
    add_title(figure, fonts.readable(title))
    for number, column in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), number + 1)
        _draw_column(axes, column, numbers=numbers)
        axes.set_ylim(rows - 0.4, -0.6)
    first = f"the {MOST} lowest F1 of {len(classes):,} classes" if len(classes) > MOST else "the lowest F1 first"
    about = {"title": f"label (images), {first}", "alignment": "left", "borderaxespad": 0.4, "borderpad": 0}
    # Over the bars that it explains, where it hides none of them.
    figure.axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, columnspacing=1.4, **about)
    return figure


def _draw_column(axes: Axes, pairs: Sequence[tuple[ClassFigures, str]], *, numbers: bool) -> None:
    rows = range(len(pairs))
    for offset, colour, label, values in (
        (-0.19, BLUE, "precision", [figures.precision for figures, _ in pairs]),
        (0.19, ORANGE, "recall", [figures.recall for figures, _ in pairs]),
    ):
        axes.barh([row + offset for row in rows], [value or 0.0 for value in values], 0.36, color=colour, label=label)
        for row, value in enumerate(values):
            # A bar of no length would look as if there were no figure.
            if value is not None and (numbers or value == 0):
                text, size = (f"{value:.2f}", 7) if numbers else ("0", 5.5)
                axes.text(value + 0.01, row + offset, text, va="center", fontsize=size)
    for row, (figures, _) in enumerate(pairs):
        if not figures.support:
            axes.text(0.01, row, "no images", va="center", fontsize=7.5, color=GREY, style="italic")
    axes.set_yticks(rows, [f"{name}  ({figures.support:,})" for figures, name in pairs], fontsize=8.5 if numbers else 7)
    axes.set_xlim(0, 1.1 if numbers else 1.0)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("precision and recall")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
