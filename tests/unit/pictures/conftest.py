from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fashionbatch.decisions import rule_for
from fashionbatch.evaluation.predictions import predict_labels
from fashionbatch.pictures import annotated, classes, confusion, curves, runs, trade_offs
from fashionbatch.pictures.drawing import fonts

NAMES = ("T-shirt/top", "드레스", "a class with quite a long name that is cut somewhere")


@pytest.fixture(autouse=True, scope="module")
def only_fonts_that_come_with_the_extras():
    """Hide the machine's fonts, so that these tests see the same on every machine: Latin, Arabic and Korean letters."""
    from matplotlib import font_manager  # before its search is replaced, which its own list of fonts is made by

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(font_manager, "findSystemFonts", lambda: [])
        fonts._installed.cache_clear()
        yield
    fonts._installed.cache_clear()


@pytest.fixture
def pixels():
    """Reads a PNG file as uint8 `(height, width, 3)`."""

    def read(path):
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    return read


@pytest.fixture
def photos():
    return np.random.default_rng(1).integers(0, 200, (30, 28, 28, 1), np.uint8)


@pytest.fixture
def predictions():
    """Of 30 photos, 21 right and 9 wrong."""
    numbers = np.arange(30) % 3
    targets = np.eye(3, dtype=np.float32)[numbers]
    probabilities = targets * 0.8 + 0.1
    probabilities[:9] = np.roll(probabilities[:9], 1, axis=1)
    return predict_labels(targets, probabilities, NAMES, rule_for("one_of_many", NAMES))


@pytest.fixture
def figure(monkeypatch):
    """The last figure that was to be saved, as a function without arguments."""
    saved = []

    def save(drawn, path, *, photos=False):
        drawn.canvas.draw()  # lays it out; a file would take two drawings more
        saved.append(drawn)
        return path

    for module in (annotated, classes, confusion, curves, runs, trade_offs):
        monkeypatch.setattr(module, "save_figure", save)
    return lambda: saved[-1]


@pytest.fixture
def texts(figure):
    """What is written on the last figure: a function that gives texts with their boxes in pixels."""
    from matplotlib.text import Text

    def unseen(axis):
        lowest, highest = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        return {tick.label1 for tick in ticks if not lowest <= tick.get_loc() <= highest}

    def read():
        left_out = set().union(*(unseen(axis) for axes in figure().axes for axis in (axes.xaxis, axes.yaxis)))
        every = [one for one in figure().findobj(Text) if one.get_text().strip() and one.get_visible()]
        return [(one.get_text(), one.get_window_extent()) for one in every if one not in left_out]

    return read
