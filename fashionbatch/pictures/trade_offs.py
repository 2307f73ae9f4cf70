"""ROC and precision-recall curves: what each threshold would trade for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.pictures.drawing.style import GREY, SERIES, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.drawing.words import told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from fashionbatch.evaluation.measures.figures import Curves


# Good curves lie on each other: the upper ones have gaps and are thinner, so that the lower ones are seen. The patterns
# tell curves apart without colours too.
_PATTERNS: tuple[Any, ...] = ((0, (1, 1)), (0, (3, 1)), (0, (6, 1, 1, 1)), (0, (6, 2)), (0, (10, 2)), "-")
_WINDOWS = (0.02, 0.05, 0.1, 0.2)
"""Sides of the corner that is drawn larger, where all named curves turn within it."""
_ROOM = 2.5  # times as far from the corner as the curve that turns farthest from it
_OTHERS = {"color": GREY, "linewidth": 0.5}
_TITLES = ("ROC", "precision and recall")
_CLOSER = ("ROC, the framed corner", "precision and recall, the framed corner")


def draw_trade_offs(curves: Sequence[Curves], names: Sequence[str], path: Path, *, title: str = "") -> Path:
    """Draw the ROC curve and the precision-recall curve of each label, with their areas.

    Good curves turn in a corner too small to see: then that corner stands below, as large as the whole.

    With more labels than styles the ones with the smallest average precision have colours and names; the others are
    grey.

    Args:
        curves: one for each label; at least one.
        names: how the labels are shown, in the same order.
        path: the PNG file.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    order = sorted(range(len(curves)), key=lambda number: curves[number].average_precision)
    coloured = order[: len(SERIES)]
    window = _window([curves[number] for number in coloured])
    rows = 1 if window is None else 2
    with picture_style([title, *names]) as fonts:
        figure = new_figure(8.6, 0.3 + 3.8 * rows + 0.18 * max(0, len(coloured) - 1))
        add_title(figure, fonts.readable(title))
        drawn = figure.subplots(rows, 2, squeeze=False)
        panels = drawn[0]
        # Given to the legend one by one: from a curve's own label it would leave out names that begin with "_".
        legends: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        shown = told_apart([fonts.readable(name) for name in names], 26)
        for number in reversed(order):
            curve = curves[number]
            style = _style(coloured.index(number), len(coloured)) if number in coloured else _OTHERS
            for row in drawn:
                lines = _draw_lines(row, curve, style)
            if number in coloured:
                areas = (f"area {curve.roc_auc:.4f}", f"average precision {curve.average_precision:.4f}")
                for entries, line, area in zip(legends, lines, areas, strict=True):
                    entries[f"{shown[number]}: {area}"] = line
        _draw_chance(panels, curves, legends)
        for titles, row in zip((_TITLES, _CLOSER), drawn, strict=False):
            row[0].set(title=titles[0], xlabel="false positive rate", ylabel="true positive rate")
            row[1].set(title=titles[1], xlabel="recall", ylabel="precision")
        for axes in panels:
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        if window is not None:
            _close_in(panels, drawn[1], window)
        for axes, entries in zip(drawn[-1], legends, strict=True):
            where = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.14), "handlelength": 3.5}
            axes.legend([*entries.values()], [*entries], fontsize=8, **where)
        if others := len(curves) - len(coloured):
            text = f"grey: {others:,} labels that do better" if others > 1 else "grey: one label that does better"
            panels[1].annotate(text, (0.02, 0.03), fontsize=8, color=GREY)
        return save_figure(figure, path)


def _window(curves: Sequence[Curves]) -> float | None:
    """The side of the corner in which all curves turn; None where it is no small part of the whole."""
    farthest = max(max(_turn(curve.false_positive_rate, curve.true_positive_rate), _bend(curve)) for curve in curves)
    return next((side for side in _WINDOWS if side >= _ROOM * farthest), None)


def _turn(across: Sequence[float], up: Sequence[float]) -> float:
    """How near the curve comes to the upper left corner, by the larger of the two distances."""
    return min(max(x, 1 - y) for x, y in zip(across, up, strict=True))


def _bend(curve: Curves) -> float:
    """How near the precision-recall curve comes to the upper right corner."""
    return _turn([1 - recall for recall in curve.recall], curve.precision)


def _close_in(panels: Sequence[Axes], closer: Sequence[Axes], side: float) -> None:
    """Limit the lower panels to their corner, and frame it in the upper ones."""
    edge = side / 50
    for axes, below, left in zip(panels, closer, (0.0, 1 - side), strict=True):
        corner = (left - edge, left + side + edge), (1 - side - edge, 1 + edge)
        below.set(xlim=corner[0], ylim=corner[1])
        (x, right), (y, top) = corner
        axes.plot([x, right, right, x, x], [y, y, top, top, y], color=GREY, linewidth=0.8, zorder=9)


def _draw_lines(panels: Sequence[Axes], curve: Curves, style: Mapping[str, Any]) -> tuple[Line2D, Line2D]:
    roc, trade = panels
    return (
        roc.plot(curve.false_positive_rate, curve.true_positive_rate, **style)[0],
        trade.step(curve.recall, curve.precision, where="post", **style)[0],
    )


def _draw_chance(panels: Sequence[Axes], curves: Sequence[Curves], legends: Sequence[dict[str, Any]]) -> None:
    """What guessing at random would reach; of precision, it differs from label to label."""
    style: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (3, 3)), "zorder": 0}
    [legends[0]["guessing: area 0.5000"]] = panels[0].plot([0, 1], [0, 1], **style)
    if len(curves) == 1:
        share = curves[0].positive_share
        [legends[1][f"guessing: precision {share:.4f}"]] = panels[1].plot([0, 1], [share, share], **style)


def _style(number: int, curves: int) -> dict[str, Any]:
    """How a curve looks, the uppermost first; the lowest is a solid line."""
    pattern = _PATTERNS[number + len(_PATTERNS) - curves]
    return {"color": SERIES[number], "linestyle": pattern, "linewidth": 1.5 + 0.3 * number, "dash_capstyle": "butt"}
