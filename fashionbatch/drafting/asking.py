"""What only the user can know, as questions with a safest answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Question:
    """A choice between several readings of the data.

    Attributes:
        text: the question, one line.
        answers: what there is to choose from, each as it stands after "I take them as".
        safest: the position of the answer that is taken where nobody can be asked.
    """

    text: str
    answers: tuple[str, ...]
    safest: int = 0


Ask: TypeAlias = Callable[[Question], int]
"""Takes a question; returns the position of the answer."""


def take_the_safest(question: Question) -> int:
    """The answer for somebody who is not asked."""
    return question.safest
