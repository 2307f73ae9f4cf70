"""What a site wishes in the headers of a file: that it is kept from collections, or from training."""

from __future__ import annotations

import re
from collections.abc import Mapping

PRODUCT = "fashionbatch"
"""The name that a robots.txt, or a header for one robot, knows this program by."""

# What img2dataset (2.x) heeds, too: the first two are about training, the others about any collection of pages.
_UNWANTED = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
_ROBOT = re.compile(r"\s*([^\s:,/]+)[^:,]*:(.*)", re.DOTALL)
_WITH_VALUES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_NO_TRAINING = {
    "content-signal": re.compile(r"\bai-train\s*=\s*no\b"),
    "content-usage": re.compile(r"\btrain-ai\s*=\s*n\b"),
}
_NAMES = {"content-signal": "Content-Signal", "content-usage": "Content-Usage"}


def unwanted_by(headers: Mapping[str, str]) -> str | None:
    """The header by which a site keeps a file from being collected; None where none does.

    Args:
        headers: by names in lower case; the values of one that came more than once, each on a line.

    Example:
        >>> unwanted_by({"x-robots-tag": "otherbot: noindex"}), unwanted_by({"x-robots-tag": "nofollow, noai"})
        (None, 'X-Robots-Tag: noai')
    """
    for value in headers.get("x-robots-tag", "").split("\n"):
        if word := _unwanted_word(value):
            return f"X-Robots-Tag: {word}"
    if "1" in headers.get("tdm-reservation", "").split():
        return "TDM-Reservation: 1"
    return next((wish for name in _NAMES if (wish := wish_against_training(name, headers.get(name, "")))), None)


def wish_against_training(name: str, value: str) -> str:
    """The wish in a line `Content-Signal` (Cloudflare's) or `Content-Usage` (IETF's draft) that keeps from training.

    Both may name a path that they are about. That is not heeded: in doubt nothing is taken.

    Args:
        name: in lower case.
        value: what is said.

    Returns:
        The wish for a message; empty where there is none.

    Example:
        >>> wish_against_training("content-signal", "search=yes, ai-train=no")
        'Content-Signal: ai-train=no'
    """
    found = _NO_TRAINING[name].search(value.lower())
    return f"{_NAMES[name]}: {found[0]}" if found else ""


def _unwanted_word(value: str) -> str:
    """The word of one header `X-Robots-Tag` that is meant for this program; a robot's name counts until the next."""
    robot = ""
    for part in value.split(","):
        named = _ROBOT.match(part)
        told = part
        if named and named[1].lower() not in _WITH_VALUES:
            robot, told = named[1].lower(), named[2]
        word = told.strip().lower()
        if word in _UNWANTED and robot in {"", "*", PRODUCT}:
            return word
    return ""
