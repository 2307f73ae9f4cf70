"""Ways of training side by side: how right each is, how long a photo takes, how large the network is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.pictures.drawing.style import GREY, SERIES, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.drawing.words import told_apart

_AREA_A_MB, _SMALLEST_AREA = 8.0, 12.0
"""Square points of a marker for each megabyte."""
_MARKERS = ("o", "s", "D", "^", "v", "P")
_SPREAD = 0.012
"""How far apart ways with one network stand, as a share of the time: they take as long, and would hide each other."""


@dataclass(frozen=True)
class TryPicture:
    """What is drawn of one way of training.

    Attributes:
        name: in full, for the legend.
        group: ways of one group have one colour.
        accuracy: 0..1.
        low: where its 95% interval begins.
        high: where it ends.
        milliseconds: for a photo.
        megabytes: of the network.
    """

    name: str
    group: str
    accuracy: float
    low: float
    high: float
    milliseconds: float
    megabytes: float


def draw_tries(tries: Sequence[TryPicture], path: Path, *, title: str = "") -> Path:
    """Draw accuracy with its 95% interval over milliseconds a photo, the area of a mark by the network's size.

    Args:
        tries: at least one, the best first; the best of each group stands in the legend.
        path: the PNG file.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    groups: dict[str, list[TryPicture]] = {}
    for one in tries:
        groups.setdefault(one.group, []).append(one)
    with picture_style([title, *(one.name for one in tries)]) as fonts:
        figure = new_figure(8.6, 4.4 + 0.18 * len(groups))
        add_title(figure, fonts.readable(title))
        axes = figure.subplots()
        names = told_apart([fonts.readable(own[0].name) for own in groups.values()], 70)
        handles = []
        for number, own in enumerate(groups.values()):
            colour, marker = SERIES[number % len(SERIES)], _MARKERS[number % len(_MARKERS)]
            for place, one in enumerate(own):
                x = one.milliseconds * (1 + _SPREAD * (place - (len(own) - 1) / 2))
                axes.plot([x, x], [one.low, one.high], color=colour, linewidth=1.2, alpha=0.75)
                area = _SMALLEST_AREA + _AREA_A_MB * one.megabytes
                drawn = axes.scatter([x], [one.accuracy], s=area, color=colour, marker=marker, alpha=0.85, zorder=3)
                if place == 0:
                    handles.append(drawn)
        axes.set(xlabel="milliseconds a photo on this machine, float32", ylabel="accuracy")
        longest = max(one.milliseconds for one in tries)
        axes.set_xlim(0, 1.15 * longest)
        sizes = sorted({round(one.megabytes, 1) for one in tries})
        told = f"lines: 95% intervals; areas: {', '.join(f'{size:g}' for size in sizes[:4])} MB"
        axes.annotate(told, (0.01, 0.02), xycoords="axes fraction", fontsize=8, color=GREY)
        labels = [
            f"{name}: {own[0].accuracy:.3f}, {own[0].milliseconds:.1f} ms"
            for name, own in zip(names, groups.values(), strict=True)
        ]
        legend = axes.legend(handles, labels, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, -0.14))
        for handle in legend.legend_handles:
            if handle is not None and hasattr(handle, "set_sizes"):
                handle.set_sizes([40])
        return save_figure(figure, path)
