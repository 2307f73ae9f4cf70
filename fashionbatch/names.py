"""What names of labels may hold, and which name was meant by one that there is not."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Final

_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, lone surrogates (bytes that are no text), line and paragraph ends."""


def label_problem(name: str) -> str | None:
    """What is wrong with the name of a class, a label or a group, to stand after it; None where nothing is.

    Any character will do, spaces of every width and marks that join letters included, but `|`, which joins labels in
    tables, and what ends a line or is no text.

    Example:
        >>> label_problem("드레스"), label_problem("T-shirt/top"), label_problem("a|b")
        (None, None, "holds '|', a control character, or bytes that are no text")
    """
    if not name.strip():
        return "is empty"
    if any(character == "|" or unicodedata.category(character) in _UNFIT for character in name):
        return "holds '|', a control character, or bytes that are no text"
    return None


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like the word, whatever the case of either; None where none is like it."""
    by_lower_case: dict[str, str] = {}
    for choice in choices:
        by_lower_case.setdefault(choice.lower(), choice)
    found = difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[found[0]] if found else None


def suggestion(word: str, choices: Iterable[str], *, otherwise: str | None = None) -> str:
    """What to say after a word that is none of the choices, from "; " on.

    Args:
        word: as the user wrote it.
        choices: what there is.
        otherwise: what to say where no choice is like it, without "; "; None lists the choices, an empty text says
            nothing.

    Example:
        >>> suggestion("adm", ["adam", "sgd"]), suggestion("x", ["adam", "sgd"])
        ("; did you mean 'adam'?", '; there are: adam, sgd')
    """
    known = list(choices)
    close = closest(word, known)
    if close is not None:
        return f"; did you mean {close!r}?"
    if otherwise is None:
        otherwise = f"there are: {', '.join(known) or 'none'}"
    return f"; {otherwise}" if otherwise else ""
