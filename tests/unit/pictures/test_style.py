"""Figures as files."""

from __future__ import annotations

import pytest

from fashionbatch.pictures.style import new_figure, picture_style, save_figure


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
    with picture_style(["가죽"]) as fonts:
        if fonts.missing:
            pytest.skip("no font on this machine has Korean letters")
        figure = new_figure(2, 1)
        figure.subplots().set_xlabel("가죽")
        save_figure(figure, tmp_path / "one.pdf")
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]
