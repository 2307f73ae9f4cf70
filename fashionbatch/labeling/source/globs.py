"""Patterns for paths below a folder, on bytes, since names need not be UTF-8."""

from __future__ import annotations

import os
import re


class PathPatterns:
    """Whether a path matches one of several glob patterns.

    A pattern without a slash is compared with the last part of the path, one with a slash with all of it. `*` and `?`
    stay within one part, `**` crosses slashes, `[...]` is one of some characters.

    Args:
        patterns: glob patterns, as a user types them.

    Example:
        >>> PathPatterns(["*.jpg", "2024/**"]).match(b"2024/may/a.png")
        True
    """

    def __init__(self, patterns: list[str]) -> None:
        self._names = _compile([pattern for pattern in patterns if "/" not in pattern])
        self._paths = _compile([pattern for pattern in patterns if "/" in pattern])

    def match(self, path: bytes) -> bool:
        """Whether the path, relative to the folder, matches."""
        if self._paths is not None and self._paths.fullmatch(path):
            return True
        return self._names is not None and self._names.fullmatch(path.rpartition(b"/")[2]) is not None


def _compile(patterns: list[str]) -> re.Pattern[bytes] | None:
    if not patterns:
        return None
    return re.compile(b"|".join(_translate(os.fsencode(pattern.removeprefix("/"))) for pattern in patterns), re.DOTALL)


_PARTS = re.compile(rb"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _translate(pattern: bytes) -> bytes:
    return b"".join(_translate_part(match[0]) for match in _PARTS.finditer(pattern))


def _translate_part(part: bytes) -> bytes:
    wildcards = {b"**/": rb"(?:.*/)?", b"**": rb".*", b"*": rb"[^/]*", b"?": rb"[^/]"}
    if part in wildcards:
        return wildcards[part]
    if len(part) > 2 and part.startswith(b"["):
        negated = part[1:2] == b"!"
        inside = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", part[2:-1] if negated else part[1:-1])
        return b"(?!/)[" + (b"^" if negated else b"") + inside + b"]"
    return re.escape(part)
