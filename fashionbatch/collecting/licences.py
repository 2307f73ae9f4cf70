"""Licences by one short name each, however a service writes them."""

from __future__ import annotations

import re
from typing import Final

REUSABLE: Final = ("cc0", "pdm", "by", "by-sa")
"""Licences that let anybody use and change a photo for any purpose; `by` and `by-sa` ask to name who made it."""

KNOWN: Final = (*REUSABLE, "by-nc", "by-nd", "by-nc-sa", "by-nc-nd", "sampling+", "nc-sampling+")
"""The short names that services use."""

_DEED = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses|licences|publicdomain)/"
    r"(?P<name>[a-z0-9+-]+)(?:/[0-9.]*(?:/[a-z_.-]*)*)?/?"
)
_CREATIVE_COMMONS = re.compile(r"(?:cc|creative commons)[ :_-]+(?P<name>[a-z0-9+_ -]+)")
_LAST_WORDS = re.compile(
    r"[ _-]+(?:[0-9]\.[0-9]|[0-9]|v[0-9]\.[0-9]|international|unported|generic|universal|licen[cs]e|deed|only)"
    r"(?:,? [0-9]\.[0-9])*(?:[ _-]+(?!nc|nd|sa)(?:[a-z]{2}|igo))?$"
)
"""A version, a jurisdiction and other words after the name of a licence that change nothing of what it allows."""
_LINK = re.compile(r" \(https?://[^ ()]*\)$")
_DEDICATION = " (cc0 1.0) public domain dedication"
_LONGEST = 200
"""Characters of a licence's name; what is longer is a text."""
_WORDS: Final = {
    "attribution": "by",
    "sharealike": "sa",
    "share-alike": "sa",
    "noncommercial": "nc",
    "non-commercial": "nc",
    "noderivs": "nd",
    "noderivatives": "nd",
    "no-derivatives": "nd",
}
_NAMES: Final = {
    "zero": "cc0",
    "0": "cc0",
    "cc-0": "cc0",
    "public-domain-dedication": "cc0",
    "mark": "pdm",
    "pd": "pdm",
    "public-domain": "pdm",
    "public-domain-mark": "pdm",
    "publicdomain": "pdm",
}


def short_name(licence: str) -> str:
    """A licence's short name in lower case; empty where nothing is said.

    What is no known way to write a licence stays as it is: words that are added to one, such as "not for shops", may
    take away what it allows.

    Example:
        >>> short_name("CC BY-SA 4.0"), short_name("https://creativecommons.org/publicdomain/zero/1.0/")
        ('by-sa', 'cc0')
        >>> short_name("Public domain"), short_name("CC-BY-NC-ND-2.0"), short_name(" All rights reserved ")
        ('pdm', 'by-nc-nd', 'all rights reserved')
    """
    text = " ".join(licence.split()).casefold()
    if len(text) > _LONGEST:
        return text
    if deed := _DEED.fullmatch(text):
        return _NAMES.get(deed["name"], deed["name"])
    told, text = text, _LINK.sub("", text).removesuffix(_DEDICATION)
    while (shorter := _LAST_WORDS.sub("", text)) != text:
        text = shorter
    found = _CREATIVE_COMMONS.fullmatch(text)
    name = re.sub("[ _-]+", "-", found["name"] if found else text)
    for word, short in _WORDS.items() if found else ():
        name = name.replace(word, short)
    name = _NAMES.get(name, name)
    return name if found or name in KNOWN else told


def refusal(licence: str, allowed: frozenset[str]) -> str | None:
    """Why a photo with this licence is not taken; None where it is.

    Args:
        licence: as the service writes it.
        allowed: short names.
    """
    name = short_name(licence)
    if not name:
        return "no licence is given"
    if name in allowed:
        return None
    return f"the licence {name!r} is none of those that are allowed: {', '.join(sorted(allowed))}"
