"""One photo with its most likely labels written on it, and their probabilities as bars beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.pictures.style import BLUE, FAINT, GREY, INK, SKY, add_title, new_figure, picture_style, save_figure
from fashionbatch.pictures.tiles import scaled
from fashionbatch.pictures.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ON_PHOTO = 3
"""Labels that are written on the photo, at most."""
_RIVAL = 0.01
"""What a class that was not chosen must reach to be written there."""
_PIXELS = 480
_NAME_WIDTH = 24


def draw_annotated(
    image: NDArray[np.uint8],
    names: Sequence[str],
    probabilities: NDArray[np.float32],
    chosen: Sequence[int],
    path: Path,
    *,
    thresholds: Sequence[float] = (),
    count: int = 10,
    title: str = "",
) -> Path:
    """Draw a photo, its labels with percentages on it, and a bar for each of the most likely classes.

    Args:
        image: uint8 `(height, width, 1 or 3)`, of any size.
        names: how classes are shown, in the bundle's order.
        probabilities: float32 `(classes,)`, one for each name.
        chosen: the classes that the image is labeled with; their bars are darker.
        path: the picture; its ending says the kind, as `save_figure` takes them.
        thresholds: for several labels, one for each; a line across its bar.
        count: how many bars at most.
        title: the file's name, say.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    order = [int(number) for number in np.argsort(-probabilities, kind="stable")[:count]]
    with picture_style([title, *(names[number] for number in order)]) as fonts:
        shown = [shortened(fonts.readable(names[number]), _NAME_WIDTH) for number in order]
        bars = [
            _Bar(name, float(probabilities[number]), number in chosen, thresholds[number] if thresholds else None)
            for name, number in zip(shown, order, strict=True)
        ]
        figure = new_figure(8.2, max(3.6, 0.3 * len(bars) + 1.1))
        add_title(figure, shortened(fonts.readable(title), 80))
        photo, chart = figure.subplots(1, 2)
        # With several labels, those that were given; with one, its rivals too.
        rivals = [bar for bar in bars[:ON_PHOTO] if bar.chosen or bar.probability >= _RIVAL]
        on_photo = [bar for bar in bars if bar.chosen] if thresholds else rivals
        _draw_photo(photo, image, on_photo)
        _draw_bars(chart, bars)
        return save_figure(figure, path)


@dataclass(frozen=True)
class _Bar:
    name: str
    probability: float
    chosen: bool
    threshold: float | None

    @property
    def percentage(self) -> str:
        """With one digit; what would be rounded to nothing is said to be less than the least."""
        return "<0.1%" if 0 < self.probability < 0.0005 else f"{self.probability:.1%}"


def _draw_photo(axes: Axes, image: NDArray[np.uint8], bars: Sequence[_Bar]) -> None:
    axes.imshow(np.asarray(scaled(image, _PIXELS)), interpolation="none")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    axes.text(
        0.025,
        0.025,
        "\n".join(f"{bar.name}  {bar.percentage}" for bar in bars) or "no label",
        transform=axes.transAxes,
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
        axes.text(bar.probability + 0.015, row, bar.percentage, va="center", fontsize=8)
        if bar.threshold is not None:
            axes.plot([bar.threshold] * 2, [row - 0.42, row + 0.42], color=INK, linewidth=1.2)
    axes.set_yticks(rows, [bar.name for bar in bars])
    axes.set_ylim(max(len(bars), 4) - 0.4, -0.6)
    axes.set_xlim(0, 1.14)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    if any(bar.threshold is not None for bar in bars):
        axes.set_xlabel("black lines: thresholds", color=GREY, fontsize=8)
