"""Which archives a source names: one file, or several by a range in braces, such as `shard-{000000..000146}.tar`."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fashionbatch.errors import DataError
from fashionbatch.masking import mask_addresses

ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
"""Of files that are taken for archives."""

MOST_ARCHIVES: Final = 100_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(-?[0-9]+)\.\.(-?[0-9]+)(?:\.\.(-?[0-9]+))?")


def archives_of(source: Path) -> tuple[Path, ...]:
    """The archives that a source stands for, in its order; none where it is no archive.

    Braces mean what they mean to bash: `{000..146}` is a range, in as many digits as its ends have, `{0..9..3}` one in
    steps, and `{a,b}` is one of several. A file or folder whose name has braces is what it is.

    Raises:
        DataError: there are more than `MOST_ARCHIVES`.

    Example:
        >>> [path.name for path in archives_of(Path("shard-{08..10}.tar"))]
        ['shard-08.tar', 'shard-09.tar', 'shard-10.tar']
    """
    if not is_archive_name(source.name) or source.is_dir():
        return ()
    return (source,) if os.path.lexists(source) else tuple(map(Path, names_of(str(source))))


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is taken for an archive."""
    return name.lower().endswith(ENDINGS)


def names_of(pattern: str) -> tuple[str, ...]:
    """The names that a pattern with braces stands for, in its order; itself where it has none.

    Raises:
        DataError: there are more than `MOST_ARCHIVES`.
    """
    found = tuple(dict.fromkeys(itertools.islice(_expanded(pattern), MOST_ARCHIVES + 1)))
    if len(found) > MOST_ARCHIVES:
        raise DataError(f"{mask_addresses(pattern)}: names more than {MOST_ARCHIVES:,} archives")
    return found


def folder_of_names(pattern: str) -> str:
    """What stands before the last slash that no brace comes before; it is empty where there is none."""
    brace = next((match.start() for match in _BRACES.finditer(pattern) if _choices(match[1]) is not None), None)
    return pattern[:brace].rpartition("/")[0]


def root_of(source: Path) -> Path:
    """The folder that the rows' paths are relative to: the one of the archive, or what is before the first brace.

    Example:
        >>> root_of(Path("photos/2024/{a,b}/all.tar"))
        PosixPath('photos/2024')
    """
    if os.path.lexists(source):
        return source.parent
    literal = itertools.takewhile(lambda part: not _BRACES.search(part), source.parent.parts)
    return Path(*literal)


def _expanded(pattern: str) -> Iterator[str]:
    """Every name, as bash orders them: the last brace changes first."""
    for match in _BRACES.finditer(pattern):
        choices = _choices(match[1])
        if choices is not None:
            for choice in choices:
                yield from (pattern[: match.start()] + choice + rest for rest in _expanded(pattern[match.end() :]))
            return
    yield pattern


def _choices(inside: str) -> Iterator[str] | None:
    """What may stand in the place of braces; None where they are no more than braces."""
    if match := _RANGE.fullmatch(inside):
        return _numbers(match[1], match[2], match[3])
    parts = inside.split(",")
    return iter(parts) if len(parts) > 1 else None


def _numbers(first: str, last: str, step: str | None) -> Iterator[str]:
    padded = any(len(end.lstrip("-")) > 1 and end.lstrip("-").startswith("0") for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    start, stop = int(first), int(last)
    stride = abs(int(step or 1)) or 1
    numbers = range(start, stop + 1, stride) if start <= stop else range(start, stop - 1, -stride)
    return (f"{number:0{width}}" for number in numbers)
