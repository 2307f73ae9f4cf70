"""Options that take seconds."""

from __future__ import annotations

from typing import Any

import click


class Duration(click.ParamType[float]):
    """Seconds, more than 0 and less than 1,000,000: the operating system cannot wait for much longer.

    click's own range lets `nan` and `inf` through.
    """

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; anything else is wrong usage."""
        try:
            seconds = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        if not 0 < seconds < 1e6:
            self.fail(f"{value} is not between 0 and 1,000,000 seconds", param, ctx)
        return seconds
