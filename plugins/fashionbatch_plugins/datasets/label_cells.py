"""The cells of a CSV file that hold labels: one, several joined in one cell, or one a column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fashionbatch.errors import DataError
from fashionbatch.specs import alike, composed

_YES: Final = frozenset({"1", "1.0", "true", "yes"})
_NO: Final = frozenset({"0", "0.0", "false", "no", ""})
_NO_VALUE: Final = frozenset({"nan", "none", "null", "n/a", "#n/a", "na", "nil", "undefined", "?"})
_LIST: Final = re.compile(r"\[.*\]|\(.*\)|\{.*\}", re.DOTALL)
_SHOWN: Final = 12
_NOTES: Final = 20
"""More of one kind are counted and not listed."""


@dataclass(frozen=True)
class OneColumn:
    """One column, whose cells hold a label, or several that a separator parts.

    Attributes:
        columns: where labels stand.
        separator: between the labels of a cell; None where a cell holds one.
        classes: that there may be; None for any.
    """

    columns: tuple[int, ...]
    separator: str | None
    classes: tuple[str, ...] | None

    def of(self, cells: Sequence[str], where: str) -> tuple[str, ...]:
        """The labels of a line.

        Raises:
            DataError: it has none where one is needed, or one that is not among the classes.
        """
        cell = composed(cells[self.columns[0]].strip())
        parts = [cell] if self.separator is None else cell.split(composed(self.separator))
        labels = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if not labels and self.separator is None:
            raise DataError(f"{where}: there is no label")
        _check_known(labels, self.classes, where)
        return labels

    def class_names(self, used: Iterable[str]) -> tuple[str, ...]:
        """The classes, where the recipe does not say them: all labels, sorted."""
        return tuple(sorted(used))

    def groups(self) -> dict[str, tuple[str, ...]]:
        """None, since nothing says what attribute a label is of."""
        return {}


class ManyColumns:
    """A column for each label, with 0 and 1; or a column for each attribute, with a label of it in every cell.

    Which of the two it is, the first cell says that is filled and neither 0 nor 1, in any line.
    """

    def __init__(self, columns: Mapping[str, int], classes: tuple[str, ...] | None) -> None:
        self.columns: tuple[int, ...] = tuple(columns.values())
        self.separator: str | None = None
        self._names = dict(columns)
        self._classes = classes
        self._attribute_line = ""
        self._marked_line = ""
        self._of_attribute: dict[str, dict[str, str]] = {name: {} for name in columns}

    def of(self, cells: Sequence[str], where: str) -> tuple[str, ...]:
        """The labels of a line.

        Raises:
            DataError: it has what the lines before have not, or a label that is not among the classes.
        """
        values = {name: composed(cells[index].strip()) for name, index in self._names.items()}
        filled = {name: value for name, value in values.items() if value}
        marks = [value.lower() in _YES | _NO for value in filled.values()]
        if filled and all(marks) and not self._attribute_line:
            self._marked_line = self._marked_line or where
            labels = tuple(name for name, value in values.items() if value.lower() in _YES)
        elif not filled:
            labels = ()
        elif self._marked_line:
            odd = next(name for name, value in filled.items() if value.lower() not in _YES | _NO)
            raise DataError(
                f"{where}: column {odd!r} holds {filled[odd]!r}, where the lines before have 0 and 1",
                hint="`label_columns` are all of one kind: 0 and 1 for labels, or the labels of attributes",
            )
        else:
            self._attribute_line = self._attribute_line or where
            for name, value in filled.items():
                self._of_attribute[name].setdefault(value, where)
            labels = tuple(dict.fromkeys(filled.values()))
        _check_known(labels, self._classes, where)
        return labels

    def class_names(self, used: Iterable[str]) -> tuple[str, ...]:  # noqa: ARG002 - columns without an image are classes
        """The columns in their order; or the labels of each attribute, sorted."""
        if not self._attribute_line:
            return tuple(self._names)
        return tuple(label for group in self._of_attribute.values() for label in sorted(group))

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The labels of each attribute.

        Raises:
            DataError: two attributes have a label in common.
        """
        owners: dict[str, str] = {}
        for name, found in self._of_attribute.items():
            for label, where in found.items():
                other = owners.setdefault(label, name)
                if other != name:
                    raise DataError(
                        f"{where}: label {label!r} stands in the columns {other!r} and {name!r}",
                        hint="a label belongs to one attribute: rename it in one of the columns",
                    )
        return {name: tuple(sorted(found)) for name, found in self._of_attribute.items() if found}


LabelCells: TypeAlias = OneColumn | ManyColumns
"""Where the labels of a line stand, and how they are written."""


def label_notes(path: str, line_of_label: Mapping[str, int], cells: LabelCells) -> list[str]:
    """What is odd about labels, each with the line that it first stands on."""
    notes = [*_alike_notes(path, line_of_label), *_odd_notes(path, line_of_label, cells.separator)]
    return [*notes[:_NOTES], *([f"{path}: {len(notes) - _NOTES:,} more labels are odd"] if len(notes) > _NOTES else [])]


def _alike_notes(path: str, line_of_label: Mapping[str, int]) -> Iterator[str]:
    for group in alike(line_of_label):
        first, *others = sorted(group, key=line_of_label.__getitem__)
        for label in others:
            yield (
                f"{path}:{line_of_label[label]}: label {label!r} differs from {first!r} (line {line_of_label[first]}) "
                f"by case, blanks or the writing of a number alone; they are two classes"
            )


def _odd_notes(path: str, line_of_label: Mapping[str, int], separator: str | None) -> Iterator[str]:
    for label, line in line_of_label.items():
        where = f"{path}:{line}"
        if label.lower() in _NO_VALUE:
            yield f"{where}: label {label!r} looks like a missing value; it is a class of that name"
        elif _LIST.fullmatch(label):
            yield f"{where}: label {label!r} looks like a list; {_how_several(separator)}"
        elif other := _other_separator(label, line_of_label, separator):
            yield f"{where}: label {label!r} looks like several, parted by {other!r}; {_how_several(separator)}"


def _other_separator(label: str, known: Mapping[str, int], separator: str | None) -> str | None:
    """What seems to part the labels in what was taken for one; None where it seems to be one."""
    for other in ",;|/":
        parts = [part.strip() for part in label.split(other)]
        if other == separator or len(parts) < 2 or not all(parts):
            continue
        # One label may well hold a comma; where cells may hold several, or its parts are labels, it is hardly one.
        if (separator is not None and other in ",;") or all(part in known for part in parts):
            return other
    return None


def _how_several(separator: str | None) -> str:
    if separator is None:
        return "several labels of an image stand in a column `labels`, joined by `|`"
    return f"the labels of a cell are joined by {separator!r}, or by what `separator` says"


def _check_known(labels: Sequence[str], classes: tuple[str, ...] | None, where: str) -> None:
    for label in labels:
        if classes is not None and label not in classes:
            raise DataError(f"{where}: label {label!r} is not among `classes`: {', '.join(classes[:_SHOWN])}")
