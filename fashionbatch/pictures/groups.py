"""Groups of labels of which one wins: a confusion matrix for each, and precision and recall beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.pictures.classes import classes_figure
from fashionbatch.pictures.confusion import confusion_figure
from fashionbatch.pictures.drawing.style import DPI, MARGIN, PAPER, picture_style, rendered, save_image

if TYPE_CHECKING:
    from PIL import Image

    from fashionbatch.evaluation.measures.figures import GroupFigures


def draw_groups(groups: Mapping[str, GroupFigures], names: Mapping[str, str], path: Path, *, title: str = "") -> Path:
    """Draw the groups below each other, each with its accuracy.

    Args:
        groups: by name; at least one.
        names: class name -> how it is shown.
        path: the PNG file.
        title: before each group's name: a recipe's name and a split, say.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [_drawn(group, figures, names, title) for group, figures in groups.items()]
    return save_image(_stacked(rows), path, dpi=DPI)


def _drawn(group: str, figures: GroupFigures, names: Mapping[str, str], title: str) -> list[Image.Image]:
    shown = [names[one.name] for one in figures.classes]
    heading = f"{title}, {group}: " if title else f"{group}: "
    heading += f"accuracy {figures.accuracy:.4f} of {figures.images:,} images"
    with picture_style([heading, *shown]) as fonts:
        matrix = confusion_figure(figures.confusion_array(), shown, fonts, heading)
        bars = classes_figure(figures.classes, shown, fonts, f"{group}: precision and recall")
        return [rendered(matrix), rendered(bars)]


def _stacked(rows: list[list[Image.Image]]) -> Image.Image:
    """Pictures in rows, with a gap between them."""
    from PIL import Image

    gap = round(2 * MARGIN * DPI)
    width = max(sum(one.width for one in row) + gap * (len(row) - 1) for row in rows)
    height = sum(max(one.height for one in row) for row in rows) + gap * (len(rows) - 1)
    canvas = Image.new("RGB", (width, height), PAPER)
    top = 0
    for row in rows:
        left = 0
        for one in row:
            canvas.paste(one, (left, top))
            left += one.width + gap
        top += max(one.height for one in row) + gap
    return canvas
