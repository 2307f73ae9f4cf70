"""Options that take a number from 0 to 1."""

from __future__ import annotations

import math
import re
from typing import Any

import click


class Fraction(click.FloatRange):
    """A number from 0 to 1. click's own range lets `nan` through, which is below and above nothing."""

    def __init__(self, *, min_open: bool = False) -> None:
        super().__init__(0, 1, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; anything else is wrong usage."""
        percent = _percentage(value)
        if percent is not None:
            self.fail(f"{value} is no part from 0 to 1; write {percent / 100:g} for {percent:g} percent", param, ctx)
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


def _percentage(value: object) -> float | None:
    """How many percent somebody meant who wrote `50%`, or a number from 2 to 100."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*(%?)", str(value).strip())
    percent = float(found[1]) if found else 0.0
    return percent if found and (found[2] or percent >= 2) and percent <= 100 else None
