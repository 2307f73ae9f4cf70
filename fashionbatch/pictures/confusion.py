"""The confusion matrix: which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.display_width import display_width
from fashionbatch.pictures.drawing.style import (
    BLUE,
    FAINT,
    GREY,
    MARGIN,
    VERMILION,
    add_title,
    ink_on,
    new_figure,
    picture_style,
    save_figure,
)
from fashionbatch.pictures.drawing.words import told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fashionbatch.pictures.drawing.fonts import Fonts

Matrix: TypeAlias = Sequence[Sequence[int]] | NDArray[np.int64]
SHARES_UP_TO = 12
"""Classes up to which each cell shows its share of the row under its count."""
COUNTS_UP_TO = 30
"""Classes up to which each cell shows its count."""
NAMES_UP_TO = 110
"""Classes up to which each row and column has its name; beyond, some of them have."""
_NAME_WIDTH = 22
_WORST = 6
_DIGIT = 0.64  # width of a digit in its size
_RULED = 10  # classes between lines where every class has none
_MOST_LINES = 26  # more would be all that is seen
_DOT = 2.0  # points across, of a mistake whose cell is too small to be seen


def draw_confusion(matrix: Matrix, names: Sequence[str], path: Path, *, title: str = "confusion matrix") -> Path:
    """Draw counts by right class (rows) and given class (columns), shaded by their share of the row.

    Right ones are blue, mistakes orange; mistakes are shaded more strongly, so that rare ones are seen as well. The
    commonest mistakes stand below in words, which is how a matrix of a hundred classes is read.

    Args:
        matrix: counts `(classes, classes)`.
        names: how classes are shown.
        path: the PNG file.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    with picture_style([title, *names]) as fonts:
        return save_figure(confusion_figure(matrix, names, fonts, title), path)


def confusion_figure(matrix: Matrix, names: Sequence[str], fonts: Fonts, title: str) -> Figure:
    """The same as a figure, to be made and drawn within `picture_style`.

    Args:
        matrix: counts `(classes, classes)`.
        names: how classes are shown.
        fonts: of the style.
        title: over the picture.
    """
    counts = np.asarray(matrix, np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell, size = _cell_size(len(names))
    side = cell * len(names)
    shown = told_apart([fonts.readable(name) for name in names], _NAME_WIDTH)
    longest = max(map(display_width, shown)) * size * 0.6 / 72
    flat = longest < cell
    caption = _caption(counts, shares, _worst(counts), shown)
    height = side + (0.2 if flat else longest) + 0.16 * (caption.count("\n") + 1)
    figure = new_figure(max(3.6, side + longest + 0.8), height + 1.0)
    add_title(figure, fonts.readable(title))
    axes = figure.add_subplot()
    colours = _shaded(shares)
    axes.imshow(colours, aspect="equal")
    _label_axes(axes, shown, size, rotation=0 if flat else 90)
    if len(names) > NAMES_UP_TO:
        _dot_mistakes(axes, shares)
    _write_cells(axes, counts, shares, colours, min(size, _fitting(counts, cell)))
    figure.supxlabel(caption, fontsize=8, color=GREY, x=MARGIN / figure.get_figwidth(), ha="left")
    return figure


def _cell_size(classes: int) -> tuple[float, float]:
    """Inches of a cell and points of its text."""
    if classes <= SHARES_UP_TO:
        return (1.1 if classes <= 3 else 0.56), 8.5
    if classes <= COUNTS_UP_TO:
        return 0.36, 7
    return (0.2, 6.5) if classes <= 60 else (0.135, 5.5) if classes <= NAMES_UP_TO else (14.0 / classes, 5.5)


def _fitting(counts: NDArray[np.int64], cell: float) -> float:
    """Points at which the largest count stays within its cell."""
    return 72 * 0.9 * cell / (_DIGIT * len(str(counts.max(initial=0))))


def _shaded(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB `(classes, classes, 3)` in 0..1."""
    from matplotlib.colors import to_rgb

    diagonal = np.eye(len(shares), dtype=bool)
    strength = np.where(diagonal, shares, np.sqrt(shares))[..., np.newaxis]
    full = np.where(diagonal[..., np.newaxis], to_rgb(BLUE), to_rgb(VERMILION))
    return np.asarray(1 - strength * (1 - full) * 0.92)


def _label_axes(axes: Axes, shown: Sequence[str], size: float, *, rotation: int) -> None:
    step = 1 if len(shown) <= NAMES_UP_TO else -(-len(shown) // NAMES_UP_TO)
    ticks = range(0, len(shown), step)
    axes.set_xticks(ticks, [shown[tick] for tick in ticks], fontsize=size, rotation=rotation)
    axes.set_yticks(ticks, [shown[tick] for tick in ticks], fontsize=size)
    axes.set_xlabel("predicted label")
    axes.set_ylabel("right label")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT, linewidth=0.8)
    # They lead the eye from a cell to its names.
    ruled = 1 if len(shown) <= 60 else max(_RULED, -(-len(shown) // _MOST_LINES))
    for edge in range(1, len(shown), ruled):
        axes.axhline(edge - 0.5, color=FAINT, linewidth=0.6)
        axes.axvline(edge - 0.5, color=FAINT, linewidth=0.6)


def _dot_mistakes(axes: Axes, shares: NDArray[np.float64]) -> None:
    """Mark mistakes in cells of a pixel or two, a larger share of the row by a larger dot."""
    rows, columns = np.nonzero(shares * (1 - np.eye(len(shares))))
    areas = (_DOT * (1 + shares[rows, columns])) ** 2
    axes.scatter(columns, rows, s=areas, color=VERMILION, alpha=0.6, linewidths=0)


def _write_cells(
    axes: Axes,
    counts: NDArray[np.int64],
    shares: NDArray[np.float64],
    colours: NDArray[np.float64],
    size: float,
) -> None:
    if len(counts) > COUNTS_UP_TO:
        return
    for row, column in zip(*np.nonzero(counts), strict=True):
        text = f"{counts[row, column]}"
        if len(counts) <= SHARES_UP_TO:
            text += f"\n{_percentage(shares[row, column])}"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=size,
            linespacing=1.1,
            color=ink_on(colours[row, column]),
        )


def _percentage(share: float) -> str:
    """Whole percents; a few mistakes among many images are neither none of them nor all."""
    if share < 0.01:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _worst(counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:_WORST]
    cells = [divmod(int(cell), len(counts)) for cell in order]
    return [(row, column) for row, column in cells if mistakes[row, column]]


def _caption(
    counts: NDArray[np.int64],
    shares: NDArray[np.float64],
    worst: Sequence[tuple[int, int]],
    shown: Sequence[str],
) -> str:
    right, total = int(np.trace(counts)), int(counts.sum())
    lines = [f"{right:,} of {total:,} right; shade: share of the row"]
    if worst and len(counts) > 2:
        lines.append("commonest mistakes, right → predicted:")
    for row, column in worst if len(counts) > 2 else ():
        share = _percentage(shares[row, column])
        lines.append(f"{counts[row, column]:,} × {shown[row]} → {shown[column]} ({share})")
    return "\n".join(lines)
