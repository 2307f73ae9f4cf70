"""What is in a label table: a bar for each label, and a histogram of how sure the labels are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.display_width import counted
from fashionbatch.labels.summary.figures import ColumnSummary, Confidence, TableSummary
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
    from matplotlib.ticker import Locator

    from fashionbatch.pictures.drawing.fonts import Fonts

MOST_LABELS = 30
MOST_COLUMNS = 4
"""Columns of labels that are drawn at most, one below the other."""
_NAME_WIDTH = 24


def draw_summary(summary: TableSummary, path: Path) -> Path:
    """Draw each column of labels: bars of its labels, the most frequent first, and a histogram of its confidence.

    Args:
        summary: of a table.
        path: the picture's file.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    columns = summary.columns[:MOST_COLUMNS]
    names = [one.label for column in columns for one in column.labels[:MOST_LABELS]]
    title = f"{summary.table.name}: {counted(summary.rows, 'row')}"
    heights = [1.3 + 0.22 * max(6, min(len(column.labels), MOST_LABELS) + 1) for column in columns]
    with picture_style([title, *names, *(column.column for column in columns)]) as fonts:
        figure = new_figure(9.2, 0.4 + sum(heights))
        add_title(figure, fonts.readable(title))
        panels = figure.subplots(len(columns), 2, squeeze=False, height_ratios=heights, width_ratios=(1.15, 1))
        for (bars, histogram), column in zip(panels, columns, strict=True):
            _draw_labels(bars, column, fonts)
            _draw_confidence(histogram, column)
        return save_figure(figure, path)


def _draw_labels(axes: Axes, column: ColumnSummary, fonts: Fonts) -> None:
    axes.set_title(fonts.readable(column.column))
    if not (column.labels or column.unlabeled):
        _say(axes, "no row has a label")
        return
    shown = column.labels[:MOST_LABELS]
    names = told_apart([fonts.readable(one.label) for one in shown], _NAME_WIDTH)
    bars = [(name, one.rows, BLUE) for name, one in zip(names, shown, strict=True)]
    if column.unlabeled:
        bars.append(("no label", column.unlabeled, GREY))
    drawn, longest = len(bars), max(rows for _, rows, _ in bars)
    axes.barh(range(drawn), [rows for _, rows, _ in bars], 0.7, color=[colour for *_, colour in bars])
    further = len(column.labels) - len(shown)
    if further and not column.several:
        # Without a bar: one for hundreds of labels would leave no room to tell the others apart.
        bars.append((f"{further:,} further labels", sum(one.rows for one in column.labels[MOST_LABELS:]), GREY))
    places = range(len(bars))
    for place, (_, rows, colour) in zip(places, bars, strict=True):
        share = f" ({rows / column.labeled:.1%})" if colour == BLUE else ""
        start = 0 if place >= drawn else rows
        axes.text(start + 0.01 * longest, place, f"{rows:,}{share}", va="center", fontsize=7)
    axes.set_yticks(places, [name for name, *_ in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, 1.3 * longest)
    axes.set_xlabel("rows (share of those with a label)")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(_few_whole_numbers())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _say(axes: Axes, text: str) -> None:
    axes.set_axis_off()
    axes.text(0, 0.5, text, color=GREY, transform=axes.transAxes)


def _few_whole_numbers() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=True)


def _draw_confidence(axes: Axes, column: ColumnSummary) -> None:
    axes.set_title("confidence")
    if column.confidence is None:
        _say(axes, "the table gives no probabilities of it" if column.labeled else "no row has a label")
        return
    bars = len(column.histogram)
    axes.bar([(bar + 0.5) / bars for bar in range(bars)], column.histogram, 0.94 / bars, color=BLUE)
    _mark_median(axes, column.confidence)
    axes.set_xlim(0, 1)
    # The median is told above the bars.
    axes.set_ylim(0, 1.14 * max(column.histogram))
    axes.set_xlabel("probability of the label" if not column.several else "probability of the likeliest label")
    axes.set_ylabel("rows")
    axes.yaxis.set_major_locator(_few_whole_numbers())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(visible=False, axis="x")


def _mark_median(axes: Axes, confidence: Confidence) -> None:
    axes.axvline(confidence.p50, color=VERMILION, linewidth=1.2)
    # On the side where there is room for it.
    is_right = confidence.p50 > 0.5
    axes.annotate(
        f"median {confidence.p50:.3f}",
        (confidence.p50, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if is_right else 4, -8),
        textcoords="offset points",
        ha="right" if is_right else "left",
        fontsize=8,
        color=VERMILION,
    )
