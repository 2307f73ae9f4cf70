"""Where files lie: a path of this machine, or an address in a store such as `s3://bucket/photos`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from fashionbatch.errors import DataError
from fashionbatch.masking import mask_addresses
from fashionbatch.stores.archives.naming import archives_of, folder_of_names, is_archive_name, names_of, root_of

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_WEB: Final = frozenset({"http", "https"})
_FILE: Final = frozenset({"file", "local"})
_BUCKETS: Final = frozenset({"s3", "s3a", "gs", "gcs"})


@dataclass(frozen=True, repr=False)
class Url:
    """An address in a store. As text it shows no credentials, so that messages and records cannot hold any.

    Attributes:
        text: the whole address as the user gave it, with what credentials are in it; of an archive of the web without
            what stands behind `?`.
        query: that, such as a signature. It goes with every request, is no part of what tells addresses apart, and is
            never shown.

    Example:
        >>> photos = Url("s3://bucket/photos")
        >>> str(photos / "a.jpg"), photos.name, photos.is_web
        ('s3://bucket/photos/a.jpg', 'photos', False)
        >>> str(Url("https://example.org/a.jpg?X-Amz-Signature=9f0b"))
        'https://example.org/a.jpg?X-Amz-Signature=***'
    """

    text: str
    query: str = field(default="", compare=False)

    @classmethod
    def of(cls, text: str) -> Url:
        """The address that somebody has written."""
        url = cls(text)
        path, mark, query = text.partition("?")
        return cls(path, query) if mark and url.is_web and is_archive_name(url.name) else url

    @property
    def whole(self) -> str:
        """The address with its query, for another process and never for a record."""
        return f"{self.text}?{self.query}" if self.query else self.text

    @property
    def scheme(self) -> str:
        """What stands before `://`, in lower case."""
        return self.text.partition("://")[0].lower()

    @property
    def is_web(self) -> bool:
        """Whether it is one file of the web: that cannot be listed."""
        return self.scheme in _WEB

    @property
    def rest(self) -> str:
        """What stands after `://`: bucket and key."""
        return self.text.partition("://")[2]

    @property
    def bucket(self) -> str:
        """What stands before the first slash: the bucket, the container, the host."""
        return self.rest.partition("/")[0]

    @property
    def key(self) -> str:
        """What stands after the bucket, without a slash at its beginning."""
        return self.rest.partition("/")[2]

    @property
    def name(self) -> str:
        """The last part of the path; the bucket where there is no path."""
        path = self.rest.partition("?")[0] if self.is_web else self.rest
        return PurePosixPath(path).name

    @property
    def suffix(self) -> str:
        """The ending of the name, such as `.jpg`."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Url:
        """What the last part of the path lies in."""
        return Url(f"{self.text.partition('://')[0]}://{self.rest.rstrip('/').rpartition('/')[0]}")

    @property
    def has_credentials(self) -> bool:
        """Whether a user or a password stands before the name of a bucket, where none belongs."""
        return "@" in self.bucket and self.scheme in _BUCKETS

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return mask_addresses(self.text)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"


Location: TypeAlias = Path | Url
"""Where files lie: on this machine or in a store."""


def as_location(given: str | os.PathLike[str] | Url) -> Location:
    """What a user has given as a folder, a bundle or a file: a path, unless it is written as an address.

    What is there on the disk under this very name is meant before any address: a folder called `s3:` stays a folder.
    `file://` is a path of this machine.
    """
    if isinstance(given, Url):
        return given
    text = os.fspath(given)
    found = _URL.fullmatch(text)
    if found is None or os.path.lexists(text):
        return Path(text)
    if found[1].lower() in _FILE:
        return Path(found[2])
    return Url.of(text)


def path_here(given: str | os.PathLike[str]) -> Path:
    """What a user has given where only a path of this machine will do.

    Raises:
        DataError: it is written as an address in a store.
    """
    location = as_location(given)
    if isinstance(location, Url):
        raise DataError(
            f"{location}: a file or folder of this machine is needed here, not an address",
            hint="copy what is there to this machine, or what is written here to the store",
        )
    return location


def resolved(location: Location) -> Location:
    """A path as the file system really calls it; an address as it is.

    An archive keeps its own name where it is a link: it says what it is.
    """
    if isinstance(location, Url):
        return location
    if archives_of(location):
        return Path(os.path.realpath(location.parent), location.name)
    return Path(os.path.realpath(location))


def archives_in(location: Location) -> tuple[Location, ...]:
    """The archives that a location stands for, in its order; none where it is no archive.

    Braces name several, as `archives_of` says. In an address they always do, since nobody has looked at the store.

    Raises:
        DataError: there are too many of them.

    Example:
        >>> [url.name for url in archives_in(Url("s3://bucket/shard-{8..10}.tar"))]
        ['shard-8.tar', 'shard-9.tar', 'shard-10.tar']
    """
    if isinstance(location, Path):
        return archives_of(location)
    if location.text.endswith("/") or not is_archive_name(location.name):
        return ()
    return tuple(Url(name, location.query) for name in names_of(location.text))


def is_one_file(location: Location, endings: tuple[str, ...]) -> bool:
    """Whether a location is one file and not a folder of them.

    A store has no folders that one could look for, so its address says it: one that ends as images do is a file.

    Args:
        location: where photos lie.
        endings: of images, such as `.jpg`.
    """
    if isinstance(location, Url):
        return not location.text.endswith("/") and location.suffix.lower() in endings
    return not location.is_dir()


def folder_of(location: Location, endings: tuple[str, ...]) -> Location:
    """What the paths of rows are relative to: the folder, or that of the one file or of the archives.

    Raises:
        DataError: archives lie in several stores.
    """
    if archives_in(location):
        return root_of(location) if isinstance(location, Path) else _folder_of_archives(location)
    return location.parent if is_one_file(location, endings) else location


def _folder_of_archives(location: Url) -> Url:
    folder = folder_of_names(location.text)
    if not folder.partition("://")[2]:
        raise DataError(f"{location}: braces stand for archives of one bucket, not for several buckets")
    return Url(folder, location.query)
