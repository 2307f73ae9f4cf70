"""Which images belong together: by a column of the source, or by a pattern on file names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import DataError
from fashionbatch.specs import Samples

_PLACE = ("data", "split", "group_by")
"""Where a recipe says what belongs together."""


def group_numbers(samples: Samples, names: Sequence[str], group_by: str) -> tuple[NDArray[np.int64], list[str]]:
    """Number the groups.

    Args:
        samples: the source's images.
        names: for each image its path within the source.
        group_by: a column of `samples.groups`, else a regular expression that is searched in each name; its first group
            is the key. An image with an empty key stands for itself.

    Returns:
        int64 `(images,)`, the number of each image's group, and each group's key; empty for an image by itself.

    Raises:
        DataError: there is no such column and it is no pattern for the names.
    """
    values = samples.groups[group_by] if group_by in samples.groups else _match(samples, names, group_by)
    numbers: dict[str, int] = {}
    keys: list[str] = []
    found = np.empty(len(values), np.int64)
    for index, value in enumerate(values):
        if value and value in numbers:
            found[index] = numbers[value]
            continue
        found[index] = len(keys)
        if value:
            numbers[value] = len(keys)
        keys.append(value)
    return found, keys


def _match(samples: Samples, names: Sequence[str], pattern: str) -> list[str]:
    columns = f"its columns are: {', '.join(samples.groups)}" if samples.groups else "it has no columns"
    if isinstance(samples.images, np.ndarray):
        raise DataError(f"the source has no column {pattern!r}; {columns}", place=_PLACE)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"{pattern!r} is neither a column of the source nor a regular expression: {error}",
            hint=columns,
            place=_PLACE,
        ) from error
    if compiled.groups == 0:
        raise DataError(
            f"{pattern!r} is no column of the source, and as a regular expression it has no group",
            hint=f"put the part of the name that is the key in parentheses; {columns}",
            place=_PLACE,
        )
    matches = [compiled.search(name) for name in names]
    missed = [name for name, match in zip(names, matches, strict=True) if match is None]
    if missed:
        raise DataError(
            f"{pattern!r} does not match {len(missed)} of {len(names)} file names, such as {missed[0]!r}",
            hint=f"a key that may be missing is written (...)? and leaves its image by itself; {columns}",
            place=_PLACE,
        )
    return [match[1] or "" for match in matches if match is not None]
