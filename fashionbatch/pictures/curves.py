"""Loss, accuracy and the recipe's metrics of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.display_width import display_width
from fashionbatch.pictures.drawing.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    VERMILION,
    add_title,
    new_figure,
    picture_style,
    save_figure,
)
from fashionbatch.pictures.drawing.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fashionbatch.pictures.drawing.fonts import Fonts

LOG_FROM = 50.0
"""Losses whose largest is so many times the smallest are drawn on a logarithmic scale."""
_NUMBERED_UP_TO = 500.0
"""Up to which such range the numbers between powers of ten are written too."""
_MARKED = 40  # epochs up to which each one has a mark
# Told apart without colours too: on a printout in grey, or by a colour-blind reader.
_STYLES: dict[str, dict[str, Any]] = {
    "training": {"color": BLUE, "linestyle": (0, (4, 1.5)), "linewidth": 1.5, "marker": "o", "markersize": 3.5},
    "validation": {"color": VERMILION, "linestyle": "-", "marker": "s", "markersize": 3.5},
}
_RING: dict[str, Any] = {"markersize": 8, "markeredgecolor": INK, "markeredgewidth": 1.2, "markerfacecolor": "none"}
_NUMBER_WIDTH = 0.03  # of the axis, what a phase's number takes with a gap
_LEGEND_WIDTH = 130  # cells
_IN_A_ROW = 2  # panels
_LONGEST_NAME = 40  # cells, of a metric along its axis
_PANEL = (4.6, 3.2)  # inches, width and height
_BETWEEN = "     "


@dataclass(frozen=True)
class PhaseBand:
    """A phase of training: its name, and its first and last epoch, counted from 1 over the whole training."""

    name: str
    first: int
    last: int


def draw_curves(
    history: Mapping[str, Sequence[float]],
    path: Path,
    *,
    title: str = "",
    phases: Sequence[PhaseBand] = (),
    best_epoch: int | None = None,
    accuracy_name: str = "accuracy",
) -> Path:
    """Draw training and validation loss, accuracy beside it, and below them each metric.

    Args:
        history: `loss`, `accuracy` and metrics by their names, and each of them with `val_` before it for the
            validation split, with one value an epoch; those that are missing are not drawn, nor are values that are
            not finite.
        path: the PNG file.
        title: over the picture; a recipe's name, say.
        phases: drawn as bands behind the curves where there is more than one.
        best_epoch: the epoch whose weights were kept, counted from 1; marked.
        accuracy_name: what the accuracy is called.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    panels = _panels(history)
    bands = phases if len(phases) > 1 else ()
    with picture_style([title, accuracy_name, *panels, *(band.name for band in bands)]) as fonts:
        legend = _legend(bands, fonts)
        rows, columns = max(1, -(-len(panels) // _IN_A_ROW)), max(1, min(len(panels), _IN_A_ROW))
        width, height = _PANEL
        figure = new_figure(width * columns, height * rows + (0.16 * (legend.count("\n") + 2) if bands else 0))
        add_title(figure, fonts.readable(title))
        for number, name in enumerate(panels):
            axes = figure.add_subplot(rows, columns, number + 1)
            _draw_bands(axes, bands)
            shown = accuracy_name if name == "accuracy" else shortened(name, _LONGEST_NAME)
            axes.set_ylabel(fonts.readable(shown))
            _draw_panel(axes, history, name, best_epoch, legend_at=1.07 if bands else 1.01)
        if bands:
            figure.supxlabel(legend, x=0.01, ha="left", fontsize=8, color=GREY)
        return save_figure(figure, path)


def _panels(history: Mapping[str, Sequence[float]]) -> list[str]:
    """The figures that have a panel each: loss and accuracy first, then metrics in the order of the history."""
    names = dict.fromkeys(name.removeprefix("val_") for name in history)
    return sorted(names, key=lambda name: ("loss", "accuracy", name).index(name))


def _draw_panel(
    axes: Axes, history: Mapping[str, Sequence[float]], name: str, best_epoch: int | None, *, legend_at: float
) -> None:
    from matplotlib.ticker import MaxNLocator

    curves = {key: np.asarray(history.get(key, ()), float) for key in (name, f"val_{name}")}
    epochs = max(map(len, curves.values()))
    drawn: list[Any] = []
    for (label, style), values in zip(_STYLES.items(), curves.values(), strict=True):
        if len(values):
            marks = style | ({} if epochs <= _MARKED else {"marker": None})
            finite = np.isfinite(values).any()
            drawn += axes.plot(range(1, len(values) + 1), values, **marks)
            drawn[-1].set_label(label if finite else f"{label}: no number")
    if not any(np.isfinite(values).any() for values in curves.values()):
        axes.set_yticks([])
    elif name == "loss":
        scale_loss(axes, np.concatenate([*curves.values()]))
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    drawn += _mark_best(axes, history, name, best_epoch)
    if drawn:
        # Over the axes, where it hides no curve.
        where: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, legend_at), "borderaxespad": 0}
        axes.legend(handles=drawn, ncols=len(drawn), fontsize=8, handletextpad=0.5, columnspacing=1.4, **where)


def scale_loss(axes: Axes, values: NDArray[np.float64]) -> None:
    """Draw a loss that falls through magnitudes on a logarithmic scale, and say so; its axis has plain numbers.

    Args:
        axes: whose vertical axis is the loss.
        values: all that is drawn there; what is not finite, or not above zero, counts for nothing.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    finite = values[np.isfinite(values) & (values > 0)]
    if len(finite) and finite.max() > LOG_FROM * finite.min():
        axes.set_yscale("log")
        axes.set_ylabel(f"{axes.get_ylabel()} (logarithmic scale)")
        axes.yaxis.set_major_formatter("{x:g}")
        # Not matplotlib's own choice, which writes powers in a notation that our texts are not parsed for.
        few = finite.max() < _NUMBERED_UP_TO * finite.min()
        axes.yaxis.set_minor_formatter(FuncFormatter(_twos_and_fives) if few else NullFormatter())


def _twos_and_fives(value: float, _: float | None) -> str:
    return f"{value:g}" if f"{value:e}"[0] in "25" else ""


def _mark_best(axes: Axes, history: Mapping[str, Sequence[float]], name: str, best_epoch: int | None) -> list[Any]:
    """Mark the epoch; what stands for it, and its value, in the legend."""
    if best_epoch is None:
        return []
    values = history.get(f"val_{name}") or history.get(name) or ()
    axes.axvline(best_epoch, color=GREY, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    if not 1 <= best_epoch <= len(values) or not np.isfinite(values[best_epoch - 1]):
        return []
    value = float(values[best_epoch - 1])
    label = f"epoch {best_epoch}, kept: {value:.4f}"
    return axes.plot([best_epoch], [value], linestyle="none", marker="o", label=label, **_RING)


def _draw_bands(axes: Axes, bands: Sequence[PhaseBand]) -> None:
    for band in bands[1::2]:
        axes.axvspan(band.first - 0.5, band.last + 0.5, color=FAINT, alpha=0.45, linewidth=0, zorder=0)
    place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
    for numbers, centre in _numbers(bands):
        axes.text(centre, 1.01, numbers, fontsize=8, color=GREY, **place)


def _numbers(bands: Sequence[PhaseBand]) -> list[tuple[str, float]]:
    """What stands over the bands, and where; neighbours too narrow for a number each share a range of them."""
    room = _NUMBER_WIDTH * (bands[-1].last - bands[0].first + 1) if bands else 0.0
    groups: list[list[int]] = []
    for number in range(len(bands)):
        if groups and _centre(bands, [number]) - _centre(bands, groups[-1]) < room * (1 + (len(groups[-1]) > 1)):
            groups[-1].append(number)
        else:
            groups.append([number])
    texts = [f"{group[0] + 1}" if len(group) == 1 else f"{group[0] + 1}\N{EN DASH}{group[-1] + 1}" for group in groups]
    return [(text, _centre(bands, group)) for text, group in zip(texts, groups, strict=True)]


def _centre(bands: Sequence[PhaseBand], group: Sequence[int]) -> float:
    return (bands[group[0]].first + bands[group[-1]].last) / 2


def _legend(bands: Sequence[PhaseBand], fonts: Fonts) -> str:
    # Below the curves: a phase may be a few epochs wide and its name as long as a layer's.
    lines: list[str] = []
    for number, band in enumerate(bands, 1):
        epochs = f"epoch {band.first}" if band.first == band.last else f"epochs {band.first} to {band.last}"
        text = f"{number}: {shortened(fonts.readable(band.name), 40)} ({epochs})"
        if lines and display_width(lines[-1]) + len(_BETWEEN) + display_width(text) <= _LEGEND_WIDTH:
            lines[-1] += _BETWEEN + text
        else:
            lines.append(text)
    return "\n".join(lines)
