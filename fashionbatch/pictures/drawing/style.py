"""How pictures look: one palette, one way of drawing, small files.

matplotlib is used through its objects (Figure and Axes on Agg), never through pyplot: drawing changes nothing for a
program that uses pyplot itself, and needs no display.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.pictures.drawing.files import write_picture
from fashionbatch.pictures.drawing.fonts import Fonts, find_fonts, quiet_font_log
from fashionbatch.pictures.drawing.words import shortened, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

# Okabe and Ito's palette ("Color Universal Design", 2008): told apart with every common colour blindness.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""The colours of curves, in the order in which they are given away."""

RIGHT, WRONG = "#00805A", "#C62828"
"""Right and wrong predictions. Never told apart by colour alone: marks stand beside them, frames differ in width."""
INK, GREY, FAINT, PAPER = "#222222", "#6B6B6B", "#DDDDDD", "#FFFFFF"
RIGHT_MARK, WRONG_MARK = "✓", "✗"

DPI = 200
"""Dots an inch: what small text needs in print. The files say it, so that they are placed at their size in inches."""
MARGIN = 0.1
"""Inches around a figure."""
_TITLE_SIZE = 12  # points
_TITLE_WIDTH = 240  # cells: more than two lines of the widest figure
SIZE_LIMIT = 300_000
"""Bytes over which the colours of a drawing without photos are reduced to 256."""

# Nothing that is drawn is cut off at the figure's edge, and no more than a margin is left beside it.
_CROPPED: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": MARGIN}
# The same figure gives the same file on every day.
_UNDATED: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}

_SETTINGS: dict[str, Any] = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,  # 0.9999, not "+1" over the axis
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
    # Journals refuse the kind of font (Type 3) that matplotlib embeds by default; other files than TrueType need it.
    pdf_fonts = 42 if all(path.suffix.lower() == ".ttf" for path in fonts.paths) else 3
    own = {"font.family": list(fonts.families), "pdf.fonttype": pdf_fonts}
    with quiet_font_log(), matplotlib.rc_context({**_SETTINGS, **own}):
        yield fonts


def ink_on(colour: Sequence[float]) -> str:
    """What stands out better on a colour of red, green and blue in 0..1: dark or white text."""
    from matplotlib.colors import to_rgb

    light = _luminance(colour) + 0.05
    return INK if light / (_luminance(to_rgb(INK)) + 0.05) > 1.05 / light else PAPER


def _luminance(colour: Sequence[float]) -> float:
    """How light a colour of red, green and blue in 0..1 is: 0 for black, 1 for white (WCAG 2)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, which lays itself out so that no text is cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN))
    FigureCanvasAgg(figure)
    return figure


def add_title(figure: Figure, title: str) -> None:
    """Write a title over the whole figure, flush left; none where it is empty.

    It takes two lines where one is too short for it. The figure grows by the second, so that nothing else shrinks.
    """
    if not title:
        return
    style = {"fontsize": _TITLE_SIZE, "fontweight": "bold"}
    room = figure.get_figwidth() - 2 * MARGIN
    lines = wrapped(shortened(title, _TITLE_WIDTH), room, 2, lambda text: _inches(figure, text, style))
    figure.set_figheight(figure.get_figheight() + 1.2 * _TITLE_SIZE / 72 * (len(lines) - 1))
    figure.suptitle("\n".join(lines), x=MARGIN / figure.get_figwidth(), ha="left", **style)


def _inches(figure: Figure, text: str, style: Mapping[str, Any]) -> float:
    """How wide a text will be drawn."""
    drawn = figure.text(0, 0, text, **style)
    width = float(drawn.get_window_extent().width) / figure.dpi
    drawn.remove()
    return width


def save_figure(figure: Figure, path: Path, *, photos: bool = False) -> Path:
    """Write a figure as what its name ends in, one of PICTURE_ENDINGS, and return its path.

    Args:
        figure: what is written.
        path: the file.
        photos: whether there are photos in it, as in `save_image`.

    Raises:
        OutputError: it cannot be written.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind in _UNDATED:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=_UNDATED[kind], **_CROPPED)
        write_picture(path, buffer.getvalue())
        return path
    drawn = rendered(figure)
    if kind in {"jpg", "jpeg"}:
        buffer = io.BytesIO()
        drawn.save(buffer, format="JPEG", quality=92, subsampling=0, dpi=(DPI, DPI))
        write_picture(path, buffer.getvalue())
        return path
    return save_image(drawn, path, dpi=DPI, photos=photos)


def rendered(figure: Figure) -> Image.Image:
    """A figure as an RGB image of DPI pixels an inch."""
    from PIL import Image

    buffer = io.BytesIO()
    # Packed as little as may be: it is unpacked at once.
    figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 1}, **_CROPPED)
    buffer.seek(0)
    with Image.open(buffer) as image:
        return image.convert("RGB")


def save_image(image: Image.Image, path: Path, *, dpi: int | None = None, photos: bool = False) -> Path:
    """Write an RGB image as PNG and return its path.

    Args:
        image: what is written.
        path: the file.
        dpi: how many of its pixels make an inch; None says nothing of it.
        photos: whether there are photos in it. A drawing that would be larger than SIZE_LIMIT gets 256 colours, which
            it does not miss; photos keep theirs, however large the file becomes: 256 make steps of soft shades.

    Raises:
        OutputError: the file cannot be written.
    """
    data = _png(image, dpi)
    if not photos and len(data) > SIZE_LIMIT:
        data = min(data, _png(image.quantize(256), dpi), key=len)
    write_picture(path, data)
    return path


def _png(image: Image.Image, dpi: int | None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, **({} if dpi is None else {"dpi": (dpi, dpi)}))
    return buffer.getvalue()
