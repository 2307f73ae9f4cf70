"""Finds out what labels of one table mean in another: whether it has them, or has them written otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fashionbatch.errors import DataError
from fashionbatch.names import alike, composed, loose_form
from fashionbatch.stores.address import Location

_SHOWN = 5
_BETWEEN = re.compile("[,;/]")


@dataclass(frozen=True)
class Place:
    """Where a label of the truth stands.

    Attributes:
        first: the first row that has it, from 1.
        count: how many rows do.
    """

    first: int
    count: int


@dataclass(frozen=True)
class Matched:
    """What the labels of a truth are.

    Attributes:
        meant: label of the truth -> label of the table, for those that are written otherwise.
        notes: what the user should know, each a sentence.
    """

    meant: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def match_labels(
    truth: Location,
    found: Mapping[str, Place],
    known: Collection[str],
    *,
    says: str,
    is_complete: bool,
    as_text: bool,
) -> Matched:
    """Hold the labels of a truth against those that a table can give.

    A truth of which no label can be given would count every row as wrong: labels that are written otherwise, such as
    `1.0` for `1` or `Dress` for `dress`, are therefore an error, unless they are to be taken for the table's.

    Args:
        truth: the table of right labels, for messages.
        found: its labels, composed, and where they stand.
        known: the labels of the table, composed.
        says: for messages, who lacks them, such as `neither table gives`.
        is_complete: whether `known` are all labels that there can be, and not only those that some row has.
        as_text: take labels for those of the table that differ by case, blanks or the writing of a number alone.

    Raises:
        DataError: there are labels that the table can never give.
    """
    known = set(map(composed, known))
    unknown = [label for label in found if label not in known]
    otherwise = written_otherwise(unknown, known)
    lost = [label for label in unknown if label not in otherwise]
    if otherwise and not as_text:
        pairs = ", ".join(f"{label!r} for {meant!r}" for label, meant in list(otherwise.items())[:_SHOWN])
        raise DataError(
            f"{truth}: {says} {_listed(otherwise, found)}",
            hint=f"--truth-as-text takes {pairs}; or write the labels as the table has them",
        )
    if lost and (is_complete or len(lost) == len(found) or any(_is_several(label, known) for label in lost)):
        several = any(_is_several(label, known) for label in lost)
        shown = f"the labels are {', '.join(map(repr, sorted(known)[:10]))}{' ...' if len(known) > 10 else ''}"
        raise DataError(
            f"{truth}: {says} {_listed(lost, found)}",
            hint="several labels of a file are joined by `|`" if several else shown,
        )
    notes = [f"{truth}: {says} {_listed(lost, found)}; where it is right, every table is wrong"] if lost else []
    if otherwise:
        pairs = ", ".join(f"{label!r} for {meant!r}" for label, meant in list(otherwise.items())[:_SHOWN])
        notes.append(f"{truth}: labels are taken for those of the table: {pairs}")
    return Matched(otherwise, tuple(notes))


def bases_of(table: Location) -> tuple[str, ...]:
    """The folders on this machine that relative paths in a table may be relative to."""
    here = os.getcwd()
    return (here, os.path.abspath(table.parent)) if isinstance(table, Path) else (here,)


def _is_several(label: str, known: Collection[str]) -> bool:
    """Whether a label is a list of known ones, as other programs write it: `a, b` or `['a', 'b']`."""
    parts = [part.strip(" '\"") for part in _BETWEEN.split(label.strip("[](){} "))]
    return (len(parts) > 1 or label.startswith(("[", "{", "("))) and all(part in known for part in parts)


def written_otherwise(labels: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Those labels that differ from one known label by case, blanks or the writing of a number alone -> that one."""
    loose = {loose_form(label): label for label in known}
    for group in alike(known):
        loose.pop(loose_form(group[0]), None)
    return {label: loose[loose_form(label)] for label in labels if loose_form(label) in loose}


def _listed(labels: Iterable[str], found: Mapping[str, Place]) -> str:
    labels = list(labels)
    shown = ", ".join(
        f"{label!r} ({found[label].count:,} {'row' if found[label].count == 1 else 'rows'}, "
        f"first row {found[label].first})"
        for label in labels[:_SHOWN]
    )
    more = f" and {len(labels) - _SHOWN:,} more" if len(labels) > _SHOWN else ""
    return f"{'the label' if len(labels) == 1 else 'the labels'} {shown}{more}"
