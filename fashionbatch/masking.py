"""Takes credentials out of text that people will read: of addresses, and whatever else is known to be one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

MASK = "***"

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_USER = re.compile(r"(?<=://)[^/?#@]*@")
_VALUE = re.compile(r"([?&;])([^=&;#?]+)=([^&;#]*)")
_SECRET_NAME = re.compile(
    r"sig$|signature|credential|token|secret|password|passwd|pwd|auth|key|policy|session|expires|^se$|^sp$|^sr$|^sv$|^st$"
    r"|^x-(amz|goog)-date$",
    re.IGNORECASE,
)
# Of Azure's connection strings, and of the headers that S3 and others are sent.
_SETTING = re.compile(
    r"\b(AccountKey|SharedAccessSignature|SharedAccessKey|Signature|Credential)=[^;,\s\"'&]+", re.IGNORECASE
)
_BEARER = re.compile(r"\b(Bearer|Basic) +[A-Za-z0-9+/=._~-]{8,}")
_SECRET_VARIABLE = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|ACCESS_KEY|ACCOUNT_KEY|API_KEY|CONNECTION_STRING")
_SHORTEST_SECRET = 8


def mask_secrets(text: str, *, environment: Mapping[str, str] = os.environ) -> str:
    """The text as `mask_addresses` gives it, without keys of connection strings and without secrets of the environment.

    For what libraries say, which may repeat what they were given.

    Args:
        text: any.
        environment: variables; the values of those whose names are those of secrets are replaced.

    Example:
        >>> mask_secrets("AccountName=me;AccountKey=9f0b==", environment={})
        'AccountName=me;AccountKey=***'
        >>> mask_secrets("refused: 9f0b9f0b9f", environment={"AWS_SECRET_ACCESS_KEY": "9f0b9f0b9f"})
        'refused: ***'
    """
    for secret in sorted(_secrets(environment), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _SETTING.sub(lambda found: f"{found[1]}={MASK}", mask_addresses(text))
    return _BEARER.sub(lambda found: f"{found[1]} {MASK}", text)


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        is_secret = _SECRET_VARIABLE.search(name) and not name.endswith(("_FILE", "_PATH"))
        if is_secret and len(value) >= _SHORTEST_SECRET:
            yield value


def mask_addresses(text: str) -> str:
    """The text with what could be a credential in its addresses replaced by `***`.

    That is a user's name and password before the host, and the values in the query whose names are those of signatures,
    tokens and keys, and of their times: an address that is signed anew gives the same text. Other values stay, since
    they may be all that tells two files apart.

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
