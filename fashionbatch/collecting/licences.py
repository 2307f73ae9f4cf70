"""Licences by one short name each, however a service writes them."""

from __future__ import annotations

import re
from typing import Final

REUSABLE: Final = ("cc0", "pdm", "by", "by-sa")
"""Licences that let anybody use and change a photo for any purpose; `by` and `by-sa` ask to name who made it."""

_DEED = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z0-9-]+)")
_CREATIVE_COMMONS = re.compile(r"(?:cc|creative commons)\b[ :-]*(by[a-z -]*|zero|0)")
_VERSION = re.compile(r"[ -]+[0-9](?:\.[0-9])?(?:[ -].*)?$")
_NAMES: Final = {
    "zero": "cc0",
    "0": "cc0",
    "cc-0": "cc0",
    "mark": "pdm",
    "pd": "pdm",
    "public domain": "pdm",
    "public domain mark": "pdm",
    "publicdomain": "pdm",
}


def short_name(licence: str) -> str:
    """A licence's short name in lower case; empty where nothing is said.

    Example:
        >>> short_name("CC BY-SA 4.0"), short_name("https://creativecommons.org/publicdomain/zero/1.0/")
        ('by-sa', 'cc0')
        >>> short_name("Public domain"), short_name("CC-BY-NC-ND-2.0"), short_name(" All rights reserved ")
        ('pdm', 'by-nc-nd', 'all rights reserved')
    """
    text = " ".join(licence.split()).casefold()
    if deed := _DEED.search(text):
        name = deed[1]
    else:
        text = _VERSION.sub("", text)
        found = _CREATIVE_COMMONS.match(text)
        name = re.sub(r"[ -]+", "-", found[1].strip()) if found else text
    return _NAMES.get(name, name)


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
