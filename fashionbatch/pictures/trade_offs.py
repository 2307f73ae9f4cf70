"""ROC and precision-recall curves: what each threshold would trade for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.pictures.style import FAINT, GREY, SERIES, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.words import shortened

if TYPE_CHECKING:
    from fashionbatch.evaluation.figures import Curves


def draw_trade_offs(curves: Sequence[Curves], names: Sequence[str], path: Path, *, title: str = "") -> Path:
    """Draw the ROC curve and the precision-recall curve of each label, with their areas.

    With more labels than colours the ones with the smallest average precision have colours and names; the others are
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
    coloured = dict(zip(order, SERIES, strict=False))
    with picture_style([title, *names]) as fonts:
        figure = new_figure(8.6, 4.1 + 0.18 * max(0, len(coloured) - 1))
        add_title(figure, shortened(fonts.readable(title), 90))
        roc, trade = figure.subplots(1, 2)
        # Given to the legend one by one: from a curve's own label it would leave out names that begin with "_".
        legends: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for number in reversed(order):
            curve = curves[number]
            name = shortened(fonts.readable(names[number]), 26)
            style = {"color": coloured.get(number, GREY), "linewidth": 1.8 if number in coloured else 0.5}
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
