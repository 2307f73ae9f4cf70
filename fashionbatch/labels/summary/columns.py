"""Which columns of a table are labels, and which columns say how sure they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from fashionbatch.labels.columns import LABEL, LABELS, PROBABILITY, type_of

_NEXT_LABEL = re.compile(r"(?:.+_)?top\d+_", re.DOTALL)


@dataclass(frozen=True)
class LabelColumn:
    """A column of labels.

    Attributes:
        name: of it.
        at: where it stands.
        several: whether a cell may hold several labels.
        probability_at: where the probability of its label stands; None where the table has none.
        classes_at: label -> where its probability stands, where a cell may hold several.
    """

    name: str
    at: int
    several: bool
    probability_at: int | None = None
    classes_at: dict[str, int] = field(default_factory=dict)

    @property
    def places(self) -> list[int]:
        """Where it and its probabilities stand."""
        return [self.at, *self.classes_at.values(), *([] if self.probability_at is None else [self.probability_at])]


def label_columns_of(columns: Sequence[str], kept: Collection[str] = ()) -> list[LabelColumn]:
    """The columns of labels that `classify` wrote: of each bundle and of each group, without the next likely labels.

    Args:
        columns: of the table.
        kept: those that came from the user's own list, whatever they are called.

    Example:
        >>> [one.name for one in label_columns_of(["filepath", "label", "prob", "colour", "colour_prob"])]
        ['label', 'colour']
    """
    place = {name: at for at, name in enumerate(columns) if name not in kept}
    found = []
    for name, at in place.items():
        prefix = _prefix_of(name, LABEL)
        if prefix is not None:
            if not _NEXT_LABEL.fullmatch(prefix):
                found.append(LabelColumn(name, at, several=False, probability_at=place.get(prefix + PROBABILITY)))
            continue
        prefix = _prefix_of(name, LABELS)
        if prefix is not None:
            start = f"{prefix}{PROBABILITY}_"
            classes = {class_.removeprefix(start): at for class_, at in place.items() if class_.startswith(start)}
            found.append(LabelColumn(name, at, several=True, classes_at=classes))
        elif type_of(name) == "text" and f"{name}_{PROBABILITY}" in place:
            # With two bundles there is `shoes_prob`, too, but no column `shoes`.
            found.append(LabelColumn(name, at, several=False, probability_at=place[f"{name}_{PROBABILITY}"]))
    return found


def _prefix_of(column: str, name: str) -> str | None:
    """What stands before the name, empty for nothing; None where the column is called otherwise."""
    if column == name:
        return ""
    return column.removesuffix(name) if column.endswith(f"_{name}") else None
