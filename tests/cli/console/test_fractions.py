"""Options that take a number from 0 to 1."""

from __future__ import annotations

import click
import pytest

from fashionbatch.cli.console.fractions import Fraction


@pytest.mark.parametrize(
    ("text", "part"), [("50%", "0.5"), ("50", "0.5"), ("87.5 %", "0.875"), ("2", "0.02"), ("1%", "0.01")]
)
def test_percent_are_told_as_the_part_that_they_are(text: str, part: str) -> None:
    with pytest.raises(click.BadParameter, match="is no part from 0 to 1; write") as caught:
        Fraction().convert(text, None, None)
    assert f"write {part} for" in caught.value.message


@pytest.mark.parametrize("text", ["1.5", "-1", "nan", "much", "150%"])
def test_what_is_no_part_of_a_whole_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Fraction().convert(text, None, None)


@pytest.mark.parametrize("text", ["0", "1", "0.5", ".25"])
def test_parts_are_taken(text: str) -> None:
    assert Fraction().convert(text, None, None) == float(text)
