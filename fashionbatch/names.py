"""What names of labels may hold, and which name or path was meant by one that there is not."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, lone surrogates (bytes that are no text), line and paragraph ends."""

_ENTRIES: Final = 2000
"""As many names of a folder are looked at for one that is alike: a folder may hold a million photos."""

_WHOLE_NUMBER: Final = re.compile(r"([+-]?)0*([0-9]+)(?:\.0*)?")


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


def composed(name: str) -> str:
    """The name of a label as it is compared and kept: accents and Korean syllables as one character each (NFC).

    Archives from macOS store the names of folders in pieces. Paths are never changed so.
    """
    return unicodedata.normalize("NFC", name)


def loose_form(name: str) -> str:
    """What is left of a label's name without case, blanks, widths of characters and the writing of whole numbers.

    Two labels with the same one are most likely meant to be one.

    Example:
        >>> loose_form(" Red  Dress") == loose_form("red dress"), loose_form("1.0") == loose_form("001")
        (True, True)
    """
    text = unicodedata.normalize("NFKC", name)
    text = "".join(character for character in text if unicodedata.category(character) not in {"Cf", "Cs"})
    text = " ".join(text.split()).casefold()
    number = _WHOLE_NUMBER.fullmatch(text)
    return number[1].replace("+", "") + number[2] if number else text


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Labels that differ by case, blanks or the writing of a number alone; each group in the order of the names."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(loose_form(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


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


def path_alike(path: Path) -> Path | None:
    """What was most likely meant by a path that leads nowhere: the first name in it that is not there is mistyped.

    Args:
        path: leads to nothing.

    Returns:
        A path that is there, written as the given one is; None where nothing in its folder is called almost so, or
        where the rest of the path does not follow in it.
    """
    missing = path
    while missing != missing.parent and not os.path.lexists(missing.parent):
        missing = missing.parent
    try:
        with os.scandir(missing.parent) as entries:
            names = [entry.name for entry in islice(entries, _ENTRIES) if not entry.name.startswith(".")]
    except (OSError, ValueError):  # ValueError: a NUL byte in the path
        return None
    found = closest(missing.name, sorted(names))
    if found is None:
        return None
    meant = missing.parent / found / path.relative_to(missing)
    return meant if os.path.exists(meant) else None
