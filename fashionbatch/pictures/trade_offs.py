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
_GOOD = 0.98
"""Area under the ROC curve from which on all curves turn in a corner too small to see."""
_OTHERS = {"color": GREY, "linewidth": 0.5}


def draw_trade_offs(curves: Sequence[Curves], names: Sequence[str], path: Path, *, title: str = "") -> Path:
    """Draw the ROC curve and the precision-recall curve of each label, with their areas.

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
    with picture_style([title, *names]) as fonts:
        figure = new_figure(8.6, 4.1 + 0.18 * max(0, len(coloured) - 1))
        add_title(figure, fonts.readable(title))
        panels = figure.subplots(1, 2)
        closeups = _closeups(panels) if min(curve.roc_auc for curve in curves) >= _GOOD else ()
        # Given to the legend one by one: from a curve's own label it would leave out names that begin with "_".
        legends: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        shown = told_apart([fonts.readable(name) for name in names], 26)
        for number in reversed(order):
            curve = curves[number]
            style = _style(coloured.index(number), len(coloured)) if number in coloured else _OTHERS
            lines = _draw_lines(panels, curve, style)
            if closeups:
                _draw_lines(closeups, curve, style)
            if number in coloured:
                areas = (f"area {curve.roc_auc:.4f}", f"average precision {curve.average_precision:.4f}")
                for entries, line, area in zip(legends, lines, areas, strict=True):
                    entries[f"{shown[number]}: {area}"] = line
        _draw_chance(panels, curves, legends)
        panels[0].set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
        panels[1].set(title="precision and recall", xlabel="recall", ylabel="precision")
        for axes, entries in zip(panels, legends, strict=True):
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
            where = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.14), "handlelength": 3.5}
            axes.legend([*entries.values()], [*entries], fontsize=8, **where)
        if others := len(curves) - len(coloured):
            text = f"grey: {others} labels that do better" if others > 1 else "grey: one label that does better"
            panels[1].annotate(text, (0.02, 0.03), fontsize=8, color=GREY)
        return save_figure(figure, path)


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


def _closeups(panels: Sequence[Axes]) -> list[Axes]:
    """A larger view of the corner in which good curves turn, in the free middle of each panel."""
    places = (((-0.002, 0.1), [0, 0.05, 0.1]), ((0.9, 1.002), [0.9, 0.95, 1.0]))
    drawn = []
    for axes, (columns, ticks) in zip(panels, places, strict=True):
        closeup = axes.inset_axes((0.28, 0.16, 0.5, 0.55))
        closeup.set(xlim=columns, ylim=(0.9, 1.002), xticks=ticks, yticks=[0.9, 0.95, 1.0])
        closeup.tick_params(labelsize=7)
        axes.indicate_inset_zoom(closeup, edgecolor=GREY, alpha=1, linewidth=0.8)
        drawn.append(closeup)
    return drawn


def _style(number: int, curves: int) -> dict[str, Any]:
    """How a curve looks, the uppermost first; the lowest is a solid line."""
    pattern = _PATTERNS[number + len(_PATTERNS) - curves]
    return {"color": SERIES[number], "linestyle": pattern, "linewidth": 1.5 + 0.3 * number, "dash_capstyle": "butt"}
