"""One photo with its most likely labels written on it, and their probabilities as bars beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import Reading
from fashionbatch.pictures.drawing.fonts import Fonts
from fashionbatch.pictures.drawing.style import BLUE, FAINT, INK, SKY, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.drawing.tiles import scaled
from fashionbatch.pictures.drawing.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ON_PHOTO = 3
"""Labels that are written on the photo, at most, where a photo has one label: it and its rivals."""
_RIVAL = 0.01
"""What a class that was not chosen must reach to be written there."""
_PIXELS = 480
_NARROWEST, _WIDEST = 0.85, 2.6
"""Width to height of the frame around the photo, at least and at most, so that the labels find room in it."""
_MAT = "#F4F4F4"
_NAME_WIDTH = 24
_INSET = 8  # points
_PERCENTAGE_WIDTH = 0.14  # of the bars' axis
_NOTHING = "no label"


def draw_annotated(image: NDArray[np.uint8], reading: Reading, path: Path, *, count: int = 10, title: str = "") -> Path:
    """Draw a photo, its labels with percentages on it, and a bar for each of the most likely classes.

    Args:
        image: uint8 `(height, width, 1 or 3)`, of any size.
        reading: what is said of it; the bars of chosen classes are darker, a line across a bar is its threshold.
        path: the picture; its ending says the kind, as `save_figure` takes them.
        count: how many bars at most.
        title: the file's name, say.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    order = reading.first(count)
    winners = [number for number in reading.groups.values() if number is not None]
    texts = [title, *reading.groups, *(reading.names[number] for number in (*order, *winners))]
    with picture_style(texts) as fonts:
        bars = [_bar(reading, number, fonts) for number in order]
        groups = [
            f"{fonts.readable(group)}: {_labeled(_bar(reading, winner, fonts)) if winner is not None else _NOTHING}"
            for group, winner in reading.groups.items()
        ]
        figure = new_figure(8.2, max(3.6, 0.3 * len(bars) + 1.1))
        add_title(figure, fonts.readable(title))
        photo, chart = figure.subplots(1, 2)
        _draw_photo(photo, image, [_labeled(bar) for bar in _on_photo(reading, bars)], groups)
        _draw_bars(chart, bars)
        return save_figure(figure, path, photos=True)


@dataclass(frozen=True)
class _Bar:
    name: str
    probability: float
    percentage: str
    chosen: bool
    threshold: float | None


def _bar(reading: Reading, number: int, fonts: Fonts) -> _Bar:
    return _Bar(
        shortened(fonts.readable(reading.names[number]), _NAME_WIDTH),
        float(reading.probabilities[number]),
        reading.percentage(number),
        number in reading.chosen,
        reading.thresholds[number] if reading.thresholds else None,
    )


def _labeled(bar: _Bar) -> str:
    return f"{bar.name}  {bar.percentage}"


def _on_photo(reading: Reading, bars: Sequence[_Bar]) -> list[_Bar]:
    chosen = [bar for bar in bars if bar.chosen]
    if reading.has_many or not chosen:
        return chosen
    # A threshold can make the less likely of two classes the label, which comes first all the same.
    return [*chosen, *(bar for bar in bars if not bar.chosen and bar.probability >= _RIVAL)][:ON_PHOTO]


def _draw_photo(axes: Axes, image: NDArray[np.uint8], labels: Sequence[str], groups: Sequence[str]) -> None:
    picture = scaled(image, _PIXELS)
    axes.imshow(np.asarray(picture), interpolation="none")
    aside = max(0.0, picture.height * _NARROWEST - picture.width) / 2
    above = max(0.0, picture.width / _WIDEST - picture.height) / 2
    axes.set_xlim(-0.5 - aside, picture.width - 0.5 + aside)
    axes.set_ylim(picture.height - 0.5 + above, -0.5 - above)
    axes.set(xticks=[], yticks=[], facecolor=_MAT)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    axes.set_xlabel("\n".join(groups), loc="left", fontsize=8.5, linespacing=1.35)
    axes.annotate(
        "\n".join(labels) or _NOTHING,
        (0, 0),
        xycoords="axes fraction",
        xytext=(_INSET, _INSET),
        textcoords="offset points",
        color="white",
        fontsize=9.5,
        va="bottom",
        linespacing=1.35,
        bbox={"boxstyle": "square,pad=0.45", "facecolor": "black", "alpha": 0.72, "edgecolor": "none"},
    )


def _draw_bars(axes: Axes, bars: Sequence[_Bar]) -> None:
    rows = range(len(bars))
    axes.barh(rows, [bar.probability for bar in bars], 0.66, color=[BLUE if bar.chosen else SKY for bar in bars])
    for row, bar in enumerate(bars):
        axes.text(_end(bar) + 0.015, row, bar.percentage, va="center", fontsize=8)
        if bar.threshold is not None:
            axes.plot([bar.threshold] * 2, [row - 0.42, row + 0.42], color=INK, linewidth=1.2)
    axes.set_yticks(rows, [bar.name for bar in bars])
    axes.set_ylim(max(len(bars), 4) - 0.4, -0.6)
    axes.set_xlim(0, 1.14)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_bounds(0, 1)
    lines = any(bar.threshold is not None for bar in bars)
    axes.set_xlabel("probability; black lines: thresholds" if lines else "probability")


def _end(bar: _Bar) -> float:
    """Where the bar's percentage may stand: after its threshold, where that would cross it."""
    crosses = bar.threshold is not None and 0 <= bar.threshold - bar.probability < _PERCENTAGE_WIDTH
    return bar.threshold if crosses and bar.threshold is not None else bar.probability
