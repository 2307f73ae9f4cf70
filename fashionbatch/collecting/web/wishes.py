"""What a site wishes: its robots.txt, and headers that keep a file from collections and from training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.robotparser import RobotFileParser

PRODUCT = "fashionbatch"
"""The name that a robots.txt, or a header for one robot, knows this program by."""

# What img2dataset (2.x) heeds, too: the first two are about training, the others about any collection of pages.
_UNWANTED = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
_ROBOT = re.compile(r"^\s*([A-Za-z][\w-]*)\s*:\s*(.*)$")
_WITH_VALUES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


class Robots:
    """A host's robots.txt.

    Args:
        text: the file; empty where there is none.
    """

    def __init__(self, text: str) -> None:
        self._parser = RobotFileParser()
        # An empty file, too: a parser that has parsed nothing forbids everything.
        self._parser.parse(text.splitlines())

    def allows(self, url: str) -> bool:
        """Whether this program may ask for an address of the host."""
        return self._parser.can_fetch(PRODUCT, url)

    @property
    def pace(self) -> float:
        """The seconds that it wishes between two requests, 0 where it says nothing."""
        return float(self._parser.crawl_delay(PRODUCT) or 0)


def unwanted_by(headers: Mapping[str, str]) -> str | None:
    """The header by which a site keeps a file from being collected; None where none does.

    Args:
        headers: by names in lower case.

    Example:
        >>> unwanted_by({"x-robots-tag": "otherbot: noindex"}), unwanted_by({"x-robots-tag": "nofollow, noai"})
        (None, 'X-Robots-Tag: noai')
    """
    robot = ""
    for part in headers.get("x-robots-tag", "").split(","):
        named = _ROBOT.match(part)
        if named and named[1].lower() not in _WITH_VALUES:
            robot, part = named[1].lower(), named[2]  # noqa: PLW2901 - the rest of the part is the directive
        word = part.strip().lower()
        if word in _UNWANTED and robot in {"", PRODUCT}:
            return f"X-Robots-Tag: {word}"
    if headers.get("tdm-reservation", "").strip() == "1":
        return "TDM-Reservation: 1"
    return None
