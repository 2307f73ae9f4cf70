"""Finds the files of a shard that end whatever process labels them, by halves."""

from __future__ import annotations

from collections import Counter

from fashionbatch.errors import FashionBatchError

_MOST_CRASHED = 10
"""Files of one shard: if there are more, something else is wrong."""
_DEATHS_OF_A_FILE = 2
"""A file is condemned when it was alone as often as this: one death may have come from elsewhere."""


class Search:
    """Says which rows of a shard to try next, and learns from what became of it.

    Args:
        shard: its number.
        rows: how many it has.

    Attributes:
        crashed: the rows that were found.
    """

    def __init__(self, shard: int, rows: int) -> None:
        self._shard = shard
        self._left = [range(rows)] if rows == 1 else _halves(range(rows))
        self._deaths: Counter[int] = Counter()
        self.crashed: set[int] = set()

    @property
    def next(self) -> range | None:
        """The rows to try; None where all is known."""
        return self._left[-1] if self._left else None

    def survived(self) -> None:
        """Nobody died of the rows that were tried."""
        self._left.pop()

    def died(self) -> None:
        """Somebody died of the rows that were tried.

        Raises:
            FashionBatchError: too many files do that.
        """
        part = self._left.pop()
        if len(part) > 1:
            self._left += _halves(part)
            return
        self._deaths[part.start] += 1
        if self._deaths[part.start] < _DEATHS_OF_A_FILE:
            self._left.append(part)
            return
        self.crashed.add(part.start)
        if len(self.crashed) > _MOST_CRASHED:
            raise FashionBatchError(
                f"more than {_MOST_CRASHED} files of shard {self._shard} have each ended the process that labeled them",
                hint="it is more likely the network, or too little memory for an actor; try the command with "
                "`--engine local`, which goes on from here",
            )


def _halves(part: range) -> list[range]:
    middle = part.start + len(part) // 2
    # The last one is tried first.
    return [range(middle, part.stop), range(part.start, middle)]
