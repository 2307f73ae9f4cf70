"""Files that say which version of their format they are in: a later one is refused by name, not as damaged."""

from __future__ import annotations

UPDATE = "update FashionBatch"
"""What helps where a file is of a later version."""


def refusal(found: object, readable: int) -> str:
    """Why a file cannot be read by the version that it says it is in; empty where it can.

    Args:
        found: what the file says, None where it says nothing.
        readable: the one version that is read.
    """
    if is_later(found, readable):
        return f"a later FashionBatch wrote it, in version {found} of its format; this one reads {readable}"
    # True equals 1, and so does 1.0.
    if type(found) is not int or found != readable:
        return f"it is of another version of its format; this FashionBatch reads {readable}"
    return ""


def is_later(found: object, readable: int) -> bool:
    """Whether a version is one that comes after the one that is read."""
    return type(found) is int and found > readable
