"""What names of folders and files say of labels: several in one name, or one before a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fashionbatch.names import composed

_SEPARATORS: Final = ("_", "-", " ", ".", "+")
_FEWEST_NAMES: Final = 3
_FEWEST_IMAGES: Final = 3
_COLOURS: Final = frozenset(
    {"beige", "black", "blue", "brown", "burgundy", "cream", "cyan", "gold", "golden", "gray", "green", "grey", "ivory",
     "khaki", "magenta", "maroon", "multicolor", "multicolour", "navy", "olive", "orange", "pink", "purple", "red",
     "rose", "silver", "tan", "teal", "turquoise", "violet", "white", "yellow"}
)  # fmt: skip
_NUMBER_AT_THE_END: Final = re.compile(r"[\s._()#-]*\d[\d\s._()#-]*(?:copy)?$", re.IGNORECASE)
_CAMERA: Final = re.compile(
    r"(?:img|image|dsc[nf]?|pict?|photo|pxl|dji|gopr|mvimg|scan|screenshot|file|frame|picture|p|wa|whatsapp[ _]image)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Attributes:
    """Names that are made of one label of each of several attributes, such as `red_dress`.

    Attributes:
        separator: what stands between the labels.
        groups: attribute -> its labels, in the order of the names' parts.
    """

    separator: str
    groups: Mapping[str, tuple[str, ...]]


def attributes_of(names: Sequence[str]) -> Attributes | None:
    """What the names of class folders are made of; None where they are most likely one label each.

    Every name has to have the same number of parts. At each place some part stands in several names, and no part stands
    at two places: `summer_dress, evening_dress` are two kinds of dresses, not two attributes.
    """
    if len(names) < _FEWEST_NAMES:
        return None
    for separator in _SEPARATORS:
        parts = [name.split(separator) for name in names]
        if len({len(each) for each in parts}) != 1 or len(parts[0]) < 2 or not all(map(all, parts)):
            continue
        places = [Counter(place) for place in zip(*parts, strict=True)]
        labels = [label for place in places for label in place]
        if len(set(labels)) == len(labels) and all(len(place) > 1 and max(place.values()) > 1 for place in places):
            groups = {name: tuple(sorted(place)) for name, place in zip(_called([*places]), places, strict=True)}
            return Attributes(separator, groups)
    return None


def _called(places: Sequence[Counter[str]]) -> list[str]:
    """What each attribute is called: nothing says it, but colours are known by sight."""
    colours = [len(_COLOURS & {label.lower() for label in place}) * 2 >= len(place) for place in places]
    if len(places) == 2 and sum(colours) == 1:
        return ["colour" if is_colour else "type" for is_colour in colours]
    return [f"attribute{number}" for number in range(1, len(places) + 1)]


def label_in_file_name(stem: str) -> str:
    """What stands before the number at the end of a file's name, such as `red dress` in `red dress (12)`; or nothing.

    Example:
        >>> label_in_file_name("cat.12"), label_in_file_name("dress_0001"), label_in_file_name("IMG_2034")
        ('cat', 'dress', '')
    """
    label = composed(_NUMBER_AT_THE_END.sub("", stem)).strip(" ._-#()")
    return "" if label == stem or _CAMERA.fullmatch(label) else label


def labels_in_file_names(stems: Sequence[str]) -> list[str] | None:
    """A label for each file, where the names of all files have one; None where they have not.

    Two labels at least, and several files of each in the mean: otherwise the names are just names.
    """
    labels = [label_in_file_name(stem) for stem in stems]
    different = len(set(labels))
    if not all(labels) or different < 2 or len(labels) < _FEWEST_IMAGES * different:
        return None
    return labels
