from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fashionbatch.pictures.drawing import fonts
from fashionbatch.pictures.drawing.fonts import FontWarning, base_font, find_fonts
from fashionbatch.pictures.drawing.lettering import Lettering

KOREAN = "드레스"


@pytest.fixture
def no_installed_fonts(monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    monkeypatch.setattr(fonts, "_warned", set())


def drawn(text):
    image = Image.new("L", (120, 40), 0)
    Lettering([text]).write(ImageDraw.Draw(image), (4, 30), text, 24, "#FFFFFF")
    return np.asarray(image)


def test_latin_needs_the_one_font_that_is_always_there():
    found = find_fonts(["T-shirt/top", "naïve Größe"])
    assert found.paths == (base_font(),)
    assert found.families == ("DejaVu Sans",)
    assert found.readable("naïve Größe") == "naïve Größe"


def test_korean_is_drawn_by_a_font_that_has_it_and_latin_by_the_first():
    found = find_fonts([KOREAN])
    pieces = list(found.runs(f"red {KOREAN}"))
    assert [text for _, text in pieces] == ["red ", KOREAN]
    assert pieces[0][0] == base_font()
    assert pieces[1][0] != base_font()


def test_korean_letters_are_not_the_box_of_a_missing_glyph():
    first, second = drawn("드"), drawn("레")
    assert first.max() == 255
    assert (first != second).any()


def test_decomposed_letters_are_composed_before_a_font_is_looked_for():
    assert find_fonts(["\u1100\u1161"]).readable("\u1100\u1161") == "가"


def test_without_a_font_one_warning_names_what_to_install(no_installed_fonts):
    with pytest.warns(FontWarning, match=r"Hangul.*pip install 'fashionbatch\[fonts\]'"):
        found = find_fonts([KOREAN, "바지"])
    assert find_fonts([KOREAN]).missing  # silently: a second warning would be an error here
    assert found.readable(f"a {KOREAN}!") == "a <B4DC B808 C2A4>!"


def test_scripts_and_emoji_name_their_own_packages(no_installed_fonts):
    with pytest.warns(FontWarning) as caught:
        find_fonts(["हिन्दी 👗 中"])
    message = str(caught[0].message)
    assert "fonts-noto-cjk fonts-noto-core fonts-symbola" in message
    assert "Devanagari" in message


def test_control_characters_and_direction_marks_are_shown_not_obeyed():
    found = find_fonts(["a\nb\u202ec"])
    assert found.readable("a\nb\u202ec") == "a<A>b<202E>c"


def test_a_file_that_is_no_font_is_passed_over(tmp_path, monkeypatch):
    broken = tmp_path / "Broken.ttf"
    broken.write_bytes(b"not a font")
    monkeypatch.setattr(fonts, "_installed", lambda: (broken,))
    monkeypatch.setattr(fonts, "_warned", set())
    with pytest.warns(FontWarning):
        assert find_fonts([KOREAN]).paths == (base_font(),)


def test_the_font_of_the_extra_is_found_without_importing_its_package(tmp_path, monkeypatch):
    package = tmp_path / "koreanize_matplotlib"
    (package / "fonts").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('it was imported')")
    font = package / "fonts" / "Korean.ttf"
    font.write_bytes(fonts.base_font().read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    fonts._installed.cache_clear()
    try:
        assert fonts._installed() == (font,)
    finally:
        fonts._installed.cache_clear()
