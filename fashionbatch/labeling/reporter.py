"""Where a run says what it does."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Where a run says what it does. Nothing that it raises may be lost rows, so it raises nothing."""

    def say(self, line: str) -> None:
        """A sentence for the user."""

    def scanning(self, files: int) -> None:
        """So many files were found so far; called about once a second."""

    def start(self, total: int, done: int) -> None:
        """Labeling begins: rows of the table, and how many of them an earlier run has done."""

    def advance(self, rows: int, failed: int) -> None:
        """So many more rows are done, and so many of those have no label."""

    def stop(self) -> None:
        """Labeling has ended, one way or another."""


class Silent:
    """A reporter for programs that want none."""

    def say(self, line: str) -> None:
        """Nothing."""

    def scanning(self, files: int) -> None:
        """Nothing."""

    def start(self, total: int, done: int) -> None:
        """Nothing."""

    def advance(self, rows: int, failed: int) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""
