"""Which photos show one product, where their names say so for certain: `A17_1.jpg, A17_2.jpg, A18_1.jpg`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_PATTERNS: Final = (r"([^/]+)_[0-9]{1,3}\.[^./]+$", r"([^/]+)-[0-9]{1,3}\.[^./]+$", r"([^/]+) \([0-9]{1,3}\)\.[^./]+$")
"""Regular expressions as `group_by` takes them: what stands before the number of the photo."""
_NUMBER: Final = re.compile(r"([0-9]{1,3})\)?\.[^./]+$")
_FEWEST: Final = 10
"""Products; fewer may be anything."""
_PER_CLASS: Final = 3
"""Products for each class in the mean: prefixes that are the classes themselves, or kinds of them, are fewer."""
_MOST_PHOTOS: Final = 30
"""Of one product: what has more is a series."""
_CERTAIN: Final = 0.95
"""The share of products whose photos are numbered from 0 or 1 on without a gap."""


@dataclass(frozen=True)
class Products:
    """Photos that belong together by their names.

    Attributes:
        pattern: as `group_by` takes it.
        count: how many products there are.
        example: names of photos of one of them, at least two.
    """

    pattern: str
    count: int
    example: tuple[str, ...]


def products_of(names: Sequence[str], labels: Sequence[tuple[str, ...]]) -> Products | None:
    """The products that the names of photos tell of; None where it is not certain that they do.

    Args:
        names: of the photos within the source, with `/` between folders.
        labels: of each photo.
    """
    for pattern in _PATTERNS:
        compiled = re.compile(pattern)
        found = [compiled.search(name) for name in names]
        groups: dict[str, list[int]] = defaultdict(list)
        for position, match in enumerate(found):
            if match is not None:
                groups[match[1]].append(position)
        if all(found) and _are_products(list(groups.values()), names, labels):
            example = next(group for group in groups.values() if len(group) > 1)
            return Products(pattern, len(groups), tuple(names[position] for position in example))
    return None


def _are_products(groups: Sequence[Sequence[int]], names: Sequence[str], labels: Sequence[tuple[str, ...]]) -> bool:
    classes = {label for own in labels for label in own}
    if len(groups) < max(_FEWEST, _PER_CLASS * len(classes)) or max(map(len, groups)) > _MOST_PHOTOS:
        return False
    if 2 * sum(len(group) > 1 for group in groups) < len(groups):
        return False
    numbered = sum(_is_numbered([names[position] for position in group]) for group in groups)
    return numbered >= _CERTAIN * len(groups)


def _is_numbered(names: Sequence[str]) -> bool:
    """Whether photos are numbered from 0 or 1 on, each number once, also where they lie in several folders."""
    numbers = sorted(int(match[1]) for match in map(_NUMBER.search, names) if match is not None)
    return numbers in (list(range(len(names))), list(range(1, len(names) + 1)))
