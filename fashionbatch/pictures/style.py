"""How pictures look: one palette, one way of drawing, small files.

matplotlib is used through its objects (Figure and Axes on Agg), never through pyplot: drawing changes nothing for a
program that uses pyplot itself, and needs no display.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.pictures.files import write_atomically
from fashionbatch.pictures.fonts import Fonts, find_fonts, quiet_font_log

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

# Okabe and Ito's palette ("Color Universal Design", 2008): told apart with every common colour blindness.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""The colours of curves, in the order in which they are given away."""

RIGHT, WRONG = "#00805A", "#C62828"
"""Right and wrong predictions. They differ in lightness too, and marks stand beside them."""
INK, GREY, FAINT, PAPER = "#222222", "#6B6B6B", "#DDDDDD", "#FFFFFF"
RIGHT_MARK, WRONG_MARK = "✓", "✗"

DPI = 120
_MARGIN = 0.1  # inches
SIZE_LIMIT = 300_000
"""Bytes over which a picture's colours are reduced to 256."""

# The same figure gives the same file on every day.
_UNDATED: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}

_SETTINGS: dict[str, Any] = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 8,
    "axes.unicode_minus": True,
    "figure.dpi": DPI,
    "figure.facecolor": PAPER,
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "fashionbatch",
    "text.color": INK,
    "text.parse_math": False,  # "$" in a label name is a dollar
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}


@contextmanager
def picture_style(texts: Iterable[str] = ()) -> Iterator[Fonts]:
    """Within it, figures are made in the house style, with fonts for the texts; settings are as before after it.

    Args:
        texts: everything that will be drawn and comes from the user: label names, file names, titles.

    Yields:
        The fonts; pass each such text through `Fonts.readable` before it is drawn.
    """
    import matplotlib

    fonts = find_fonts(texts)
    with quiet_font_log(), matplotlib.rc_context({**_SETTINGS, "font.family": list(fonts.families)}):
        yield fonts


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, which lays itself out so that no text is cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=_MARGIN, h_pad=_MARGIN))
    FigureCanvasAgg(figure)
    return figure


def add_title(figure: Figure, title: str) -> None:
    """Write a title over the whole figure, flush left; none where it is empty."""
    if title:
        figure.suptitle(title, x=_MARGIN / figure.get_figwidth(), ha="left", fontsize=12, fontweight="bold")


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as what its name ends in, one of PICTURE_ENDINGS, and return its path.

    Raises:
        OutputError: it cannot be written.
    """
    from PIL import Image

    kind = path.suffix.lower().lstrip(".")
    buffer = io.BytesIO()
    if kind in _UNDATED:
        figure.savefig(buffer, format=kind, metadata=_UNDATED[kind])
        write_atomically(path, buffer.getvalue())
        return path
    figure.savefig(buffer, format="png", metadata={"Software": None})
    buffer.seek(0)
    with Image.open(buffer) as image:
        drawn = image.convert("RGB")
    if kind in {"jpg", "jpeg"}:
        buffer = io.BytesIO()
        drawn.save(buffer, format="JPEG", quality=92, subsampling=0)
        write_atomically(path, buffer.getvalue())
        return path
    return save_image(drawn, path)


def save_image(image: Image.Image, path: Path) -> Path:
    """Write an RGB image as PNG, with 256 colours where it would be larger than SIZE_LIMIT, and return its path.

    Raises:
        OutputError: it cannot be written.
    """
    data = _png(image)
    if len(data) > SIZE_LIMIT:
        data = min(data, _png(image.quantize(256)), key=len)
    write_atomically(path, data)
    return path


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
