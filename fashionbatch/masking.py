"""Takes credentials out of text that people will read: of addresses, whether they stand alone or within a sentence."""

from __future__ import annotations

import re

MASK = "***"

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_USER = re.compile(r"(?<=://)[^/?#@]*@")
_VALUE = re.compile(r"([?&;])([^=&;#?]+)=([^&;#]*)")
_SECRET_NAME = re.compile(
    r"sig$|signature|credential|token|secret|password|passwd|pwd|auth|key|policy|session|expires|^se$|^sp$|^sr$|^sv$|^st$",
    re.IGNORECASE,
)


def mask_addresses(text: str) -> str:
    """The text with what could be a credential in its addresses replaced by `***`.

    That is a user's name and password before the host, and the values in the query whose names are those of signatures,
    tokens and keys. Other values stay, since they may be all that tells two files apart.

    Example:
        >>> mask_addresses("cannot read https://me:secret@example.org/a.jpg?size=2&X-Amz-Signature=9f0b")
        'cannot read https://***@example.org/a.jpg?size=2&X-Amz-Signature=***'
    """
    return _ADDRESS.sub(lambda found: _masked(found[0]), text)


def _masked(address: str) -> str:
    address = _USER.sub(f"{MASK}@", address, count=1)
    return _VALUE.sub(_masked_value, address)


def _masked_value(found: re.Match[str]) -> str:
    mark, name, value = found.groups()
    return f"{mark}{name}={MASK if value and _SECRET_NAME.search(name) else value}"
