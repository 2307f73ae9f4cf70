"""How a problem looks on a terminal."""

from __future__ import annotations

import pytest

from fashionbatch.errors import Problem


def shown(source: str, column: int) -> tuple[str, str]:
    text = str(Problem("r.yaml", 3, column, "a.b", "is wrong", source))
    head, line, caret = text.splitlines()
    assert head == f"r.yaml:3:{column}: a.b: is wrong"
    assert caret.strip() == "^"
    return line, caret


def test_the_caret_stands_under_the_column():
    assert shown("  a: 1", 3) == ("      a: 1", "      ^")


def test_wide_and_combining_characters_do_not_move_the_caret():
    assert shown("{드레스: 1, b: 2}", 9)[1] == " " * (4 + 1 + 6 + 4) + "^"
    assert shown("e\u0301: 1", 5)[1] == " " * (4 + 1 + 2) + "^"


def test_tabs_and_escapes_are_shown_as_spaces():
    assert shown("\ta:\x1b[31m 1", 2)[0] == "     a: [31m 1"


@pytest.mark.parametrize("column", [1, 60, 500, 999])
def test_a_long_line_is_quoted_around_the_column(column):
    source = "".join(chr(ord("a") + n % 26) for n in range(1000))
    line, caret = shown(source, column)
    assert len(line) < 125
    assert line[len(caret) - 1] == source[column - 1]


def test_what_has_no_position_is_told_by_its_name():
    assert str(Problem("--set a=1", 0, 0, "a", "is wrong")) == "--set a=1: a: is wrong"
    assert str(Problem("r.yaml", 0, 0, "", "is empty")) == "r.yaml: is empty"
