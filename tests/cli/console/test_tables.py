"""Tables line up, whatever the names in them are."""

from __future__ import annotations

import pytest

from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.display_width import display_width


def test_columns_line_up_under_their_titles() -> None:
    assert format_table(("name", "n"), [("a", "1"), ("longer name", "22")]) == [
        "name         n",
        "a            1",
        "longer name  22",
    ]


@pytest.mark.parametrize(("text", "columns"), [("coat", 4), ("코트", 4), ("コート", 6), ("e\u0301", 1)])
def test_wide_characters_take_two_columns(text: str, columns: int) -> None:
    assert display_width(text) == columns


def test_names_in_hangul_do_not_shift_the_next_column() -> None:
    head, hangul, latin = format_table(("name", "label"), [("코트", "x"), ("coat", "x")])
    assert head == "name  label"
    assert hangul == "코트  x"
    assert latin == "coat  x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", r"a\nb"), ("a\x1b[31mb", r"a\x1b[31mb"), ("caf\udce9", r"caf\udce9"), ("a b,c", "a b,c")],
)
def test_a_name_cannot_break_the_line_or_colour_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_table_without_rows_is_its_head() -> None:
    assert format_table(("name", "label"), []) == ["name  label"]
