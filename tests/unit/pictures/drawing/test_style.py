"""Figures as files."""

from __future__ import annotations

import pytest

from fashionbatch.pictures.drawing.style import BLUE, VERMILION, ink_on, new_figure, picture_style, save_figure


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("jpg", b"\xff\xd8"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_a_figure_is_written_as_its_name_ends_and_the_same_each_time(tmp_path, ending, start):
    written = []
    for name in ("one", "two"):
        with picture_style():
            figure = new_figure(2, 1)
            figure.subplots().plot([1, 2])
            written.append(save_figure(figure, tmp_path / f"{name}.{ending}").read_bytes())
    assert written[0].startswith(start)
    assert written[0] == written[1]


def test_fonts_in_a_pdf_are_of_the_kind_that_journals_take(tmp_path):
    with picture_style(["accuracy"]):
        figure = new_figure(2, 1)
        figure.subplots().set_xlabel("accuracy")
        written = save_figure(figure, tmp_path / "one.pdf").read_bytes()
    assert b"/CIDFontType2" in written
    assert b"/Type3" not in written


def test_nothing_is_logged_about_a_font_that_goes_into_a_pdf(tmp_path, caplog):
    with picture_style(["가죽"]):
        figure = new_figure(2, 1)
        figure.subplots().set_xlabel("가죽")
        save_figure(figure, tmp_path / "one.pdf")
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


@pytest.mark.parametrize("full", [BLUE, VERMILION])
def test_text_stands_out_on_every_shade_of_a_confusion_matrix(full):
    from matplotlib.colors import to_rgb

    def contrast(one, other):
        lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)

    def luminance(colour):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    shades = [tuple(1 - share / 50 * (1 - part) for part in to_rgb(full)) for share in range(51)]
    assert all(contrast(to_rgb(ink_on(shade)), shade) > 3.9 for shade in shades)
