"""A file that a later version wrote is refused by name."""

from __future__ import annotations

import pytest

from fashionbatch.versions import is_later, refusal


def test_the_version_that_is_read_is_not_refused() -> None:
    assert refusal(2, 2) == ""


@pytest.mark.parametrize("found", [3, 10**9])
def test_a_later_version_is_told_from_others(found: object) -> None:
    assert is_later(found, 2)
    assert refusal(found, 2).startswith(f"a later FashionBatch wrote it, in version {found} ")


@pytest.mark.parametrize("found", [1, None, "3", 2.0, 3.5, [3]])
def test_an_earlier_version_and_none_are_not_later(found: object) -> None:
    assert not is_later(found, 2)
    assert refusal(found, 2) == "it is of another version of its format; this FashionBatch reads 2"


def test_true_is_not_version_1() -> None:
    assert refusal(True, 1) != ""
