"""How a text stands in a terminal: how wide, and on one line whatever is in it."""

from __future__ import annotations

from unicodedata import category, east_asian_width


def display_width(text: str) -> int:
    """How many terminal cells a text takes: wide characters, such as Korean ones, take two; combining ones none."""
    # ASCII is most of what is shown, and needs no look at each character.
    return len(text) if text.isascii() else sum(map(_cells, text))


def printable(text: str) -> str:
    """The text on one line: control characters, and bytes that are no UTF-8, as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def _cells(character: str) -> int:
    if category(character) in {"Mn", "Me", "Cf"} or "\u1160" <= character <= "\u11ff":
        return 0  # accents, invisible marks, and the vowels and finals of decomposed Hangul
    return 2 if east_asian_width(character) in "WF" else 1


def counted(number: int, thing: str, plural: str | None = None) -> str:
    """How many there are of something, such as `1 row` or `2,000 rows`."""
    return f"{number:,} {thing if number == 1 else plural or f'{thing}s'}"


def counted_of(part: int, number: int, thing: str) -> str:
    """How many of how many, with the verb, such as `0 of 1 row is` or `3 of 2,000 rows are`."""
    return f"{part:,} of {counted(number, thing)} {'is' if number == 1 else 'are'}"


def human_size(size: int) -> str:
    """Bytes, in the unit that a person would use."""
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), 0
    while value >= 999.5:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {' kMGTPE'[unit]}B"
