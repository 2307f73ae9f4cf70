"""Settings against figures, whatever the settings are."""

from __future__ import annotations

import pytest
from PIL import Image

from fashionbatch.pictures.sweeps import Point, draw_sweep


def points(count):
    return [
        Point({"rate": f"{10 ** -(number % 5 + number / 100):.4g}", "kind": f"종류 {number % 3}"}, 0.9 - number / 100)
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [1, 4, 30])
def test_a_panel_a_setting(tmp_path, count):
    path = draw_sweep(points(count), tmp_path / "sweep.png", figure="validation accuracy", by_magnitude={"rate"})
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height


def test_many_settings_take_more_rows(tmp_path):
    one = [Point(dict.fromkeys("abcd", "1"), 0.5), Point(dict.fromkeys("abcd", "2"), 0.6)]
    few = [Point(dict.fromkeys("ab", "1"), 0.5), Point(dict.fromkeys("ab", "2"), 0.6)]
    with (
        Image.open(draw_sweep(one, tmp_path / "four.png", figure="accuracy")) as four,
        Image.open(draw_sweep(few, tmp_path / "two.png", figure="accuracy")) as two,
    ):
        assert four.height > 1.5 * two.height
