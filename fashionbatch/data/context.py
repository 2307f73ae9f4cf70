"""Where data lie: the folder of the recipe, FASHIONBATCH_DATA_DIR, and the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fashionbatch.data.addresses import fetch_files
from fashionbatch.data.archives import ARCHIVE_SUFFIXES, unpack_once
from fashionbatch.data.fetching import local_data
from fashionbatch.data.places import DATA_VARIABLE, cache_directory, data_directory
from fashionbatch.errors import DataError
from fashionbatch.names import path_alike
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import ImageFile
from fashionbatch.stores.address import Url, as_location

DATA_SCHEME: Final = "data:"
"""How a path in a recipe begins that is looked for in FASHIONBATCH_DATA_DIR."""


class LocalContext:
    """What a dataset may ask of this machine; the `DatasetContext` that FashionBatch hands to plugins.

    Args:
        base: the folder that relative paths are relative to: the recipe's.
        bar: shows how far unpacking an archive is.
    """

    def __init__(self, base: Path, *, bar: OpenBar = no_bar) -> None:
        self._base = base
        self._bar = bar

    @property
    def cache_directory(self) -> Path:
        """Where downloads and unpacked archives may be kept; it exists."""
        return cache_directory()

    def find_data_file(self, name: str) -> Path | None:
        """The file of that name in FASHIONBATCH_DATA_DIR, None where the variable is unset or the file absent."""
        directory = data_directory()
        if directory is None:
            return None
        path = directory / name
        return path if path.is_file() else None

    def fetch(self, images: Sequence[Path | str]) -> Sequence[ImageFile]:
        """Files of images; those that are named by addresses are fetched into the cache.

        Raises:
            DataError: a store gives nothing at all, or the cache cannot be written.
            FashionBatchError: a package is not installed.
        """
        return fetch_files(images, bar=self._bar)

    def locate(self, path: str) -> Path:
        """The file or folder behind a recipe's path.

        Args:
            path: absolute, relative to the recipe, beginning with `~`, `data:NAME[/INSIDE]`, or an address in a store,
                from where it is fetched into the cache.

        Raises:
            DataError: nothing is there; the message says where it was looked for.
        """
        if path.startswith(DATA_SCHEME):
            return _locate_data(path, self._bar)
        location = as_location(path)
        if isinstance(location, Url):
            return local_data(location, bar=self._bar)
        found = self._base / Path(path).expanduser()
        try:
            exists = found.exists()
        except (OSError, ValueError) as error:
            # Too long a name, a NUL byte: no path on any machine.
            raise DataError(f"{path!r} is no path: {error}") from error
        if not exists:
            raise DataError(f"{path!r} does not exist; looked for {found.absolute()}", hint=_hint_for(found))
        return found


def _locate_data(path: str, bar: OpenBar) -> Path:
    name, _, inside = path.removeprefix(DATA_SCHEME).partition("/")
    if not name or ".." in (name, *inside.split("/")):
        raise DataError(f"{path!r} must be data:NAME, a name in {DATA_VARIABLE}, or data:NAME/FOLDER")
    directory = data_directory()
    if directory is None:
        raise DataError(
            f"{path!r} is looked for in {DATA_VARIABLE}, which is not set",
            hint=f"set {DATA_VARIABLE} to the folder that holds {name}, or give the path with --data",
        )
    tried = [directory / name, *(directory / f"{name}{suffix}" for suffix in ARCHIVE_SUFFIXES)]
    found = next((candidate for candidate in tried if candidate.exists()), None)
    if found is None:
        raise DataError(
            f"{path!r} is not in {DATA_VARIABLE}: neither {' nor '.join(map(str, tried[:2]))} exists",
            hint=None if directory.is_dir() else f"{directory} itself does not exist; set {DATA_VARIABLE} right",
        )
    root = found if found == tried[0] else unpack_once(found, cache_directory() / "unpacked", bar=bar)
    if not (root / inside).exists():
        raise DataError(f"{path!r} does not exist: {found} holds no {inside!r}")
    return root / inside


def _hint_for(path: Path) -> str:
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    if (meant := path_alike(path)) is not None:
        return f"did you mean {meant.absolute()}? Paths are relative to the recipe"
    if parent == path.parent:
        return f"{parent.absolute()} exists, but holds no {path.name!r}; paths are relative to the recipe"
    return f"of that path only {parent.absolute()} exists; paths are relative to the recipe"
