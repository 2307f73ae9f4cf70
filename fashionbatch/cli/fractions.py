"""Options that take a number from 0 to 1."""

from __future__ import annotations

import math
from typing import Any

import click


class Fraction(click.FloatRange):
    """A number from 0 to 1. click's own range lets `nan` through, which is below and above nothing."""

    def __init__(self, *, min_open: bool = False) -> None:
        super().__init__(0, 1, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; anything else is wrong usage."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number
