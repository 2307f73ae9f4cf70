"""What is wrong with text that is no YAML, in the words of somebody who writes a recipe, and the line to look at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import yaml

_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\x00-\x1f\x7f\x85\xa0\u2028\u2029]")
_WIDE_COLON = "\uff1a"
BACKSLASHES = (
    "in double quotes a backslash begins an escape such as \\n; "
    "write a path in single quotes, or with '/' for each '\\'"
)


class Place(NamedTuple):
    """A line and a column, both from 0."""

    line: int
    column: int


class SyntaxMistake(NamedTuple):
    """What is wrong, and where; None where the parser does not say."""

    place: Place | None
    message: str


def explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> SyntaxMistake:  # noqa: PLR0911 - one a mistake
    """PyYAML's complaint about a text.

    Args:
        error: the complaint.
        lines: of the text.
    """
    problem, context = error.problem or "cannot be read", error.context or ""
    noticed = _place(error.problem_mark or error.context_mark)
    opened = _place(error.context_mark) if re.search("quoted|flow|simple key", context) else None
    place = opened or noticed
    if place is None:
        return SyntaxMistake(None, f"is not valid YAML: {problem} {context}".rstrip())
    line = _line(lines, place.line)
    if odd := _odd_indentation(lines[: place.line + 1]):
        return odd
    if "'\\t'" in problem or line[: place.column + 1].strip(" ").startswith("\t"):
        return SyntaxMistake(place, "a tab stands where YAML allows only spaces; indent with spaces")
    if "mapping values are not allowed" in problem:
        return _second_colon(place, lines)
    if "expected ':'" in problem:
        return SyntaxMistake(_first_word(lines, place.line), _lacks_colon(line))
    if "escape" in problem and "double-quoted" in context:
        return SyntaxMistake(place, BACKSLASHES)
    if "expected <block end>" in problem and (mistake := _lacking_above(place, lines, same_indent=True)):
        return mistake
    return SyntaxMistake(place, _in_words(error, problem, context))


def is_windows_path(text: str) -> bool:
    r"""Whether a text in double quotes was a path such as `"C:\new"` before its backslashes became line ends."""
    return bool(_WINDOWS_PATH.match(text))


def _in_words(error: yaml.MarkedYAMLError, problem: str, context: str) -> str:
    if "expected <block end>" in problem or "but found '<block mapping start>'" in problem:
        return "this line does not fit the indentation of the lines above"
    if character := re.search(r"found character '(.)' that cannot start", problem):
        return f"text that begins with {character[1]!r} needs quotes"
    if "quoted scalar" in context and "end of stream" in problem:
        return "this quote is never closed"
    if "flow" in context and error.context_mark:
        bracket = "[" if "sequence" in context else "{"
        noticed = error.problem_mark.line + 1 if error.problem_mark else 0
        return f"this {bracket!r} is not closed, or an entry lacks its comma (noticed in line {noticed})"
    return f"is not valid YAML: {problem} {context}".rstrip()


def _second_colon(place: Place, lines: Sequence[str]) -> SyntaxMistake:
    """A ': ' where the text before it is a value already: in this line, or in one above that lacks its own ':'."""
    if ": " in _line(lines, place.line)[: place.column]:
        return SyntaxMistake(
            place, "a second ': ' in one line; put the value in quotes, or the key on a line of its own"
        )
    return _lacking_above(place, lines) or SyntaxMistake(
        place, "this line is indented deeper than the one above allows"
    )


def _odd_indentation(lines: Sequence[str]) -> SyntaxMistake | None:
    """A line that begins with what looks like a space and is none, as copied from a page or a chat."""
    for number, line in enumerate(lines):
        start = line[: len(line) - len(line.lstrip())]
        odd = next((column for column, character in enumerate(start) if character not in " \t"), None)
        if odd is not None:
            name = f"U+{ord(start[odd]):04X}"
            return SyntaxMistake(Place(number, odd), f"the character {name} looks like a space and is none; retype it")
    return None


def _lacking_above(place: Place, lines: Sequence[str], *, same_indent: bool = False) -> SyntaxMistake | None:
    """The mistake of the line above, where that has no ':' and so is read as one text with what follows."""
    for number in range(place.line - 1, -1, -1):
        above = _line(lines, number).partition(" #")[0].strip()
        if not above or above.startswith("#"):
            continue
        start = _first_word(lines, number)
        if re.search(r":(\s|$)", above) or (same_indent and start.column != place.column):
            return None
        return SyntaxMistake(start, _lacks_colon(above))
    return None


def _lacks_colon(line: str) -> str:
    text = line.partition(" #")[0].strip().removeprefix("- ").strip()
    if _WIDE_COLON in text:
        return f"this line has the wide colon {_WIDE_COLON!r}; write ':' and a space"
    if found := re.fullmatch(r"([\w.-]+):(\S.*)", text):
        return f"a space is missing behind ':'; write '{found[1]}: {found[2]}'"
    if found := re.fullmatch(r"([\w.-]+)\s*=\s*(\S.*)", text):
        return f"a key and its value stand with ':' between them; write '{found[1]}: {found[2]}'"
    if found := re.fullmatch(r"(\w[\w.-]*)\s+(\S.*)", text):
        return f"this line lacks its ':'; write '{found[1]}: {found[2]}'"
    return f"this line lacks its ':'; write '{text}:'" if re.fullmatch(r"[\w.-]+", text) else "this line lacks its ':'"


def _first_word(lines: Sequence[str], number: int) -> Place:
    line = _line(lines, number)
    return Place(number, len(line) - len(line.lstrip()))


def _line(lines: Sequence[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""


def _place(mark: yaml.Mark | None) -> Place | None:
    return Place(mark.line, mark.column) if mark else None
