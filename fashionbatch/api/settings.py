"""What programs give as mappings, lists or single values, as the rest of the package takes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.stores.address import Url, as_location, path_here

PathLike: TypeAlias = str | os.PathLike[str]
"""A path, as users give it; relative ones are relative to the working directory, in a notebook its folder."""

Settings: TypeAlias = Mapping[str, Any] | Sequence[str] | None
"""Values by dotted path, as `{"training.epochs": 5}` or as `["training.epochs=5"]`; None for none."""


def as_settings(given: Settings) -> tuple[str, ...]:
    """The settings as `PATH=VALUE` each, as the command line has them; values of a mapping become JSON, which is YAML.

    Raises:
        TypeError: a value is nothing that a recipe can hold, or one string stands where several are expected.
    """
    if given is None:
        return ()
    if isinstance(given, str):
        raise TypeError(f"expected a mapping or a list of PATH=VALUE, got the string {given!r}")
    if isinstance(given, Mapping):
        return tuple(f"{path}={as_json(value)}" for path, value in given.items())
    return tuple(given)


def as_json(value: Any) -> str:
    """A value of a recipe as JSON, which is YAML.

    Raises:
        TypeError: it is nothing that a recipe can hold.
    """
    return json.dumps(value, ensure_ascii=False, default=_plain)


def as_paths(given: PathLike | Iterable[PathLike]) -> list[Path]:
    """One path or several, as a list.

    Raises:
        DataError: one of them is an address, and a path of this machine is needed.
    """
    return [path_here(one) for one in ([given] if isinstance(given, str | os.PathLike) else given)]


def as_bundle(given: PathLike | Url) -> Path:
    """The directory of a bundle; one that lies in a store, or is packed into one file, comes into the cache.

    Raises:
        BundleError: it is in a store that does not give it, or is packed and damaged.
    """
    location = as_location(given)
    if isinstance(location, Path) and not location.is_file():
        return location
    from fashionbatch.data.fetching import local_bundle

    return local_bundle(location)


def as_bundles(given: PathLike | Url | Iterable[PathLike | Url]) -> list[Path]:
    """The directory of one bundle or of several.

    Raises:
        BundleError: as `as_bundle`.
    """
    return [as_bundle(one) for one in ([given] if isinstance(given, str | os.PathLike | Url) else given)]


def as_data(given: PathLike | None, *, bar: OpenBar = no_bar) -> Path | None:
    """The place of labeled photos, where one is given; what lies in a store is fetched into the cache.

    Raises:
        DataError: it is in a store that does not give it.
    """
    location = None if given is None else as_location(given)
    if not isinstance(location, Url):
        return location
    from fashionbatch.data.fetching import local_data

    return local_data(location, bar=bar)


def as_path(given: PathLike | None) -> Path | None:
    """The path, where there is one.

    Raises:
        DataError: it is an address, and a path of this machine is needed.
    """
    return None if given is None else path_here(given)


def as_texts(given: str | Iterable[str]) -> tuple[str, ...]:
    """One text or several, as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given)


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return value.tolist()
    raise TypeError(f"a value of the type {type(value).__name__} cannot be set in a recipe")
