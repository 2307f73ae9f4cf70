"""ROC and precision-recall curves: what each threshold would trade for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.pictures.style import FAINT, GREY, SERIES, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.words import told_apart

if TYPE_CHECKING:
    from fashionbatch.evaluation.figures import Curves


# Good curves lie on each other: the upper ones have gaps and are thinner, so that the lower ones are seen. The patterns
# tell curves apart without colours too.
_PATTERNS: tuple[Any, ...] = ((0, (1, 1)), (0, (3, 1)), (0, (6, 1, 1, 1)), (0, (6, 2)), (0, (10, 2)), "-")
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
        roc, trade = figure.subplots(1, 2)
        # Given to the legend one by one: from a curve's own label it would leave out names that begin with "_".
        legends: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        shown = told_apart([fonts.readable(name) for name in names], 26)
        for number in reversed(order):
            curve, name = curves[number], shown[number]
            style = _style(coloured.index(number), len(coloured)) if number in coloured else _OTHERS
            lines = (
                roc.plot(curve.false_positive_rate, curve.true_positive_rate, **style)[0],
                trade.step(curve.recall, curve.precision, where="post", **style)[0],
            )
            if number in coloured:
                areas = (f"area {curve.roc_auc:.4f}", f"average precision {curve.average_precision:.4f}")
                for entries, line, area in zip(legends, lines, areas, strict=True):
                    entries[f"{name}: {area}"] = line
        roc.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        if len(curves) == 1:
            trade.axhline(curves[0].positive_share, color=FAINT, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        roc.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
        trade.set(title="precision and recall", xlabel="recall", ylabel="precision")
        for axes, entries in zip((roc, trade), legends, strict=True):
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
            axes.legend([*entries.values()], [*entries], loc="upper left", bbox_to_anchor=(0.0, -0.14), fontsize=8)
        if len(curves) > len(coloured):
            trade.annotate(
                f"grey: {len(curves) - len(coloured)} labels that do better", (0.02, 0.03), fontsize=8, color=GREY
            )
        return save_figure(figure, path)


def _style(number: int, curves: int) -> dict[str, Any]:
    """How a curve looks, the uppermost first; the lowest is a solid line."""
    pattern = _PATTERNS[number + len(_PATTERNS) - curves]
    return {"color": SERIES[number], "linestyle": pattern, "linewidth": 1.6 + 0.35 * number, "dash_capstyle": "butt"}
