"""What commands have in common that tell how far they are."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import click

from fashionbatch.cli.console.tables import printable
from fashionbatch.progress import Advance, Reporter, bars_are_seen, rate_text, reporter_of

_RATED_ROWS = 20
_RATED_S = 0.5
_Command = TypeVar("_Command", bound=Callable[..., Any])


def quiet_option(result: str) -> Callable[[_Command], _Command]:
    """The option `--quiet`, which every command has that tells how far it is.

    Args:
        result: what is printed all the same, as the help says it.
    """
    return click.option("-q", "--quiet", is_flag=True, help=f"Print {result} only.")


FILES_ARE_THE_RESULT = "errors and warnings"
TEXT_IS_THE_RESULT = "the result, errors and warnings"


def reporter_on_standard_output(*, quiet: bool) -> Reporter:
    """For commands that make files, and say on standard output what they do.

    Args:
        quiet: show warnings alone.
    """
    return reporter_of(_show, quiet=quiet)


def _show(line: str) -> None:
    # Work goes on when whoever read its messages has left.
    with suppress(OSError):
        click.echo(line)
        sys.stdout.flush()


class LabelingReporter(Reporter):
    """Shows what a labeling run does, on standard error, and keeps how fast it was.

    Args:
        quiet: show nothing but warnings.

    Attributes:
        quiet: as given.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        def show(line: str) -> None:
            if quiet and not line.startswith("warning"):
                return
            # A run of hours goes on when whoever read its messages has left.
            with suppress(OSError):
                click.echo(printable(line), err=True)

        super().__init__(show, bars=not quiet and bars_are_seen())
        self.quiet = quiet
        self._rows, self._took_s = 0, 0.0

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        """As every reporter's; of labeling it is noted how long it took."""
        from fashionbatch.labeling.run import LABELING

        began, rows = time.monotonic(), before
        with super().bar(title, total, unit, before=before) as told:

            def advance(done: int, figures: Any = None) -> None:
                nonlocal rows
                rows = done
                told(done, figures)

            try:
                yield advance
            finally:
                if title == LABELING:
                    self._rows, self._took_s = rows - before, time.monotonic() - began

    def summary(self) -> str:
        """How fast this run labeled, as part of a sentence."""
        # What is over at once says nothing about how fast a folder is labeled.
        is_long = self._rows >= _RATED_ROWS and self._took_s >= _RATED_S
        return f" ({rate_text(self._rows / self._took_s)})" if is_long else ""
