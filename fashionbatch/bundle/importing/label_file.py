"""Reads the class names of a foreign model from a text or JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.bundle.manifest import LABEL_LIMIT
from fashionbatch.errors import BundleError
from fashionbatch.names import label_problem

_LIMIT = 16 * 2**20


def read_label_file(file: Path) -> tuple[str, ...]:
    """The class names of a file, in the order of the network's outputs.

    Three forms are understood: one name a line; a JSON list of names; a JSON object from output number to name, or to a
    list whose last entry is the name, as Keras's `imagenet_class_index.json` has them.

    Args:
        file: UTF-8, with or without a byte order mark.

    Raises:
        BundleError: the file cannot be read, or a name is missing, double, or has characters that labels may not have.
    """
    try:
        text = disk.read_regular(file, _LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{file}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise BundleError(f"{file}: {disk.why_unreadable(error)}", hint="--labels names a list of labels") from None
    if text.lstrip()[:1] in {"[", "{"}:
        names = _from_json(file, text)
    else:
        names = [line.strip() for line in text.removesuffix("\n").split("\n")]
    _check(file, names)
    return tuple(names)


def _from_json(file: Path, text: str) -> list[str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file}: not JSON: {error}") from None
    entries = _by_number(file, document) if isinstance(document, dict) else document
    names = [entry[-1] if isinstance(entry, list) and entry else entry for entry in entries]
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise BundleError(f"{file}: label {number} is {name!r}, not text")
    return names


def _by_number(file: Path, document: dict[str, Any]) -> list[Any]:
    try:
        entries = {int(key): entry for key, entry in document.items()}
    except ValueError as error:
        raise BundleError(
            f"{file}: an object's keys must be output numbers: {error}", hint='write {"0": "first", "1": "second"}'
        ) from None
    if sorted(entries) != list(range(len(document))):
        raise BundleError(f"{file}: the {len(document)} output numbers are not 0 to {len(document) - 1}")
    return [entries[number] for number in range(len(entries))]


def _check(file: Path, names: Sequence[str]) -> None:
    if len(names) > LABEL_LIMIT:
        raise BundleError(f"{file}: has {len(names):,} labels; a bundle has {LABEL_LIMIT:,} at most")
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if problem := label_problem(name):
            which = f"is {name!r}, which " if name else ""
            raise BundleError(f"{file}: label {number} {which}{problem}")
        if name in first:
            raise BundleError(
                f"{file}: labels {first[name]} and {number} are both {name!r}",
                hint="make them distinct: a table has one column for each",
            )
        first[name] = number
