"""The columns of a label table: their names, their order, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fashionbatch.csvtext import PATH_COLUMNS

if TYPE_CHECKING:
    # Reading a table need not wait for pydantic.
    from fashionbatch.specs import ColumnType

PATH = "filepath"
PATH_BYTES = "filepath_b64"
"""The path's bytes in base64, which JSON Lines and Parquet have beside a path that is not UTF-8."""

STATUS, ERROR = "status", "error"
LABEL, LABELS, PROBABILITY = "label", "labels", "prob"

FIRST_COLUMNS = (PATH, STATUS, ERROR)
"""What every row has, whatever became of its file."""

SEPARATOR = "|"
"""Between the labels of one image, where a head gives several."""

PATHS = (PATH, *(name for name in PATH_COLUMNS if name != PATH))
"""What the column of paths is called, in tables of other programs too."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes text for a formula by; `--spreadsheet-safe` puts an apostrophe before it."""

_OF_PROBABILITIES = re.compile(r"(?:.+_)?prob(?:_.+)?", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: in the header.
        type: what stands in it.
    """

    name: str
    type: ColumnType


def first_columns(kept: Sequence[str] = ()) -> tuple[Column, ...]:
    """The columns before the labels.

    Args:
        kept: columns that come from the user's own list of files.
    """
    return tuple(Column(name, "path" if name == PATH else "text") for name in (*FIRST_COLUMNS, *kept))


def label_columns(
    class_names: Sequence[str],
    *,
    several: bool,
    groups: Iterable[str] = (),
    topk: int = 1,
    probabilities: bool = False,
    prefix: str = "",
) -> tuple[Column, ...]:
    """The columns that one bundle fills, in their order.

    Args:
        class_names: of the bundle.
        several: whether an image has several labels; the probabilities of all classes are always there then.
        groups: groups of labels, of each of which one wins.
        topk: how many of the most likely classes are named.
        probabilities: whether there is a column for each class.
        prefix: before each name, where a table holds the labels of several bundles.

    Example:
        >>> [column.name for column in label_columns(["boot", "dress"], several=False, topk=2)]
        ['label', 'prob', 'top2_label', 'top2_prob']
    """
    columns = _label_columns(groups, several=several, topk=topk)
    classes = class_names if probabilities or several else ()
    every = (*columns, *(Column(name, "probability") for name in probability_columns(classes)))
    return tuple(Column(prefix + column.name, column.type) for column in every)


def probability_columns(class_names: Iterable[str]) -> list[str]:
    """The names of the columns that hold the probability of each class."""
    return [f"{PROBABILITY}_{name}" for name in class_names]


def type_of(name: str) -> ColumnType:
    """What stands in a column of a table of which no more is known than the name.

    A column that a user's own list brought along may be called like one of ours.

    Example:
        >>> type_of("prob_dress"), type_of("label"), type_of("sku")
        ('probability', 'text', 'text')
    """
    if name == PATH:
        return "path"
    return "probability" if _OF_PROBABILITIES.fullmatch(name) else "text"


def without_apostrophe(text: str) -> str:
    """The text without what `--spreadsheet-safe` put before it."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


def _label_columns(groups: Iterable[str], *, several: bool, topk: int) -> Iterator[Column]:
    if several:
        yield Column(LABELS, "text")
    else:
        yield from _label_and_probability("")
    for group in groups:
        yield Column(group, "text")
        yield Column(f"{group}_{PROBABILITY}", "probability")
    for place in range(2, topk + 1):
        yield from _label_and_probability(f"top{place}_")


def _label_and_probability(prefix: str) -> Iterator[Column]:
    yield Column(prefix + LABEL, "text")
    yield Column(prefix + PROBABILITY, "probability")
