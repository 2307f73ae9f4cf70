"""Label tables as DataFrames with types: categories in the bundle's order, and numbers that may be missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from fashionbatch.errors import DataError
from fashionbatch.labeling.workers.tasks import RowStatus
from fashionbatch.labels.columns import LABEL, LABELS, PATH, PATH_BYTES, PATHS, PROBABILITY, STATUS, type_of
from fashionbatch.stores.address import Location

if TYPE_CHECKING:
    import pandas as pd

    from fashionbatch.bundle.manifest import BundleManifest

_LABEL_COLUMN = re.compile(rf"(?:.+_)?{LABEL}", re.DOTALL)
_OF_A_CLASS = f"{PROBABILITY}_"


def require_labels(path: Location, columns: Collection[str]) -> None:
    """See that a table is one of labels.

    Raises:
        DataError: it has no column of paths, or none of labels or probabilities.
    """
    says = [name for name in columns if _LABEL_COLUMN.fullmatch(name) or type_of(name) == "probability"]
    if not says and LABELS not in columns and not any(name.endswith(f"_{LABELS}") for name in columns):
        missing = f"{LABEL!r}, {LABELS!r} or {PROBABILITY!r}"
    elif not {PATH_BYTES, *PATHS} & {name.lower() for name in columns}:
        missing = repr(PATH)
    else:
        return
    raise DataError(
        f"{path}: is no table of labels: there is no column {missing}; there are {', '.join(columns) or 'none'}",
        hint="`pandas.read_csv` reads any table",
    )


def categories_of(manifest: BundleManifest, columns: Iterable[str], prefix: str = "") -> dict[str, tuple[str, ...]]:
    """What may stand in the label columns of a bundle: column -> labels as they are shown, in the bundle's order.

    Args:
        manifest: of the bundle.
        columns: of the table.
        prefix: before the names of the bundle's columns, where the table holds the labels of several bundles.
    """
    shown = dict(zip(manifest.labels.class_names, manifest.labels.display_names, strict=True))
    groups = {f"{prefix}{group}": tuple(map(shown.__getitem__, of)) for group, of in manifest.head.groups.items()}
    named = [name for name in columns if re.fullmatch(rf"{re.escape(prefix)}(?:top\d+_)?{LABEL}", name)]
    return {**dict.fromkeys(named, tuple(shown.values())), **{name: groups[name] for name in columns if name in groups}}


def found_categories(table: pd.DataFrame, kept: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The same for a table whose bundle is not at hand: in the order of its columns of probabilities, else by name."""
    classes = [name.removeprefix(_OF_A_CLASS) for name in table.columns if name.startswith(_OF_A_CLASS)]
    found = {}
    for name in (name for name in table.columns if _LABEL_COLUMN.fullmatch(name) and name not in kept):
        labels = sorted({label for label in table[name] if label})
        found[name] = tuple(classes if set(labels) <= set(classes) else labels)
    return found


def with_types(table: pd.DataFrame, categories: Mapping[str, Sequence[str]], numbers: Iterable[str]) -> pd.DataFrame:
    """The table with its types: a copy.

    Args:
        table: text is empty and numbers are NaN where there is none.
        categories: column -> what may stand in it.
        numbers: the columns of probabilities.

    Returns:
        `status` and the columns of `categories` are categorical, NaN where a row has no label; the columns of `numbers`
        are `Float64`, `<NA>` where a row has none. All else is as it was.
    """
    import pandas as pd

    typed: dict[str, Any] = {}
    for name in table.columns:
        if name in categories or name == STATUS:
            known = list(categories.get(name, get_args(RowStatus)))
            # A table may have been edited by hand since.
            known += sorted({label for label in table[name] if label} - set(known))
            typed[name] = pd.Categorical(table[name].where(table[name] != "", None), categories=known)
    typed |= {name: table[name].astype("Float64") for name in numbers}
    return table.assign(**typed)
