"""A site's robots.txt, read as RFC 9309 says: rules by robot, the longest one that matches, `*` and `$` in paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from fashionbatch.collecting.web.wishes import PRODUCT, wish_against_training

_ROBOT = re.compile(r"[a-z_-]+|\*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEPT = "%/:?#[]@!$&'()*+,;=~"
_WISHES = frozenset({"content-signal", "content-usage"})
_LONGEST_DELAY = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True)
class _Rule:
    """One line `Allow` or `Disallow`.

    Attributes:
        allows: whether it allows.
        size: of the path, characters: of several rules that match, the longest counts.
        pieces: of the path, between its asterisks.
        is_whole: whether an address must end where the path does.
    """

    allows: bool
    size: int
    pieces: Sequence[str]
    is_whole: bool

    def matches(self, path: str) -> bool:
        """Whether it is about a path. In steps forward alone, so that no rule can take long."""
        first, *others = self.pieces
        if not path.startswith(first):
            return False
        at = before = len(first)
        for piece in others:
            before = path.find(piece, at)
            if before < 0:
                return False
            at = before + len(piece)
        if not self.is_whole:
            return True
        # The last piece may stand once more further on, at the very end.
        return at == len(path) or (bool(others) and path.endswith(others[-1]))


@dataclass
class _Group:
    """What a site wishes of some robots."""

    robots: set[str] = field(default_factory=set)
    rules: list[_Rule] = field(default_factory=list)
    delay: float = 0.0
    wish: str = ""


class Robots:
    """A site's robots.txt.

    Args:
        text: the file; empty where there is none.

    Attributes:
        pace: the seconds that it wishes between two requests, 0 where it says nothing.
        wish: the line by which it keeps its files from training; empty where it does not.
    """

    def __init__(self, text: str) -> None:
        groups = list(_groups(text))
        own = [group for group in groups if PRODUCT in group.robots]
        heeded = own or [group for group in groups if "*" in group.robots]
        self._rules = [rule for group in heeded for rule in group.rules]
        self.pace = max((group.delay for group in heeded), default=0.0)
        # A wish may stand above all groups, and then it is for everybody.
        everybody = [group for group in groups if not group.robots]
        self.wish = next((group.wish for group in [*heeded, *everybody] if group.wish), "")

    def allows(self, url: str) -> bool:
        """Whether this program may ask for an address of the site."""
        parts = urlsplit(url)
        path = _comparable(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        matching = [(rule.size, rule.allows) for rule in self._rules if rule.matches(path)]
        return max(matching)[1] if matching else True


def _groups(text: str) -> Iterator[_Group]:
    group, is_naming = _Group(), True
    for key, value in _lines(text):
        if key == "user-agent":
            if not is_naming or not group.robots:
                yield group
                group, is_naming = _Group(), True
            if name := _ROBOT.match(value.lower()):
                group.robots.add(name[0])
            else:
                group.robots.add(value)  # nobody's name: its rules are for nobody
        elif key in {"allow", "disallow"}:
            is_naming = False
            if value:
                group.rules.append(_rule(value, allows=key == "allow"))
        elif key == "crawl-delay":
            is_naming = False
            if told := _LONGEST_DELAY.fullmatch(value):
                group.delay = max(group.delay, float(told[0]))
        elif key in _WISHES:
            is_naming = is_naming and not group.robots
            group.wish = group.wish or wish_against_training(key, value)
    yield group


def _lines(text: str) -> Iterable[tuple[str, str]]:
    for line in text.removeprefix("\ufeff").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _rule(path: str, *, allows: bool) -> _Rule:
    is_whole = path.endswith("$")
    told = path.removesuffix("$")
    if not told.startswith(("/", "*")):
        told = f"/{told}"
    return _Rule(allows, len(told), tuple(map(_comparable, told.split("*"))), is_whole)


def _comparable(path: str) -> str:
    """A path in one of the ways in which it may be quoted."""

    def plain(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if character in _UNRESERVED else escape[0].upper()

    return _ESCAPE.sub(plain, quote(path, safe=_KEPT, errors="replace"))
