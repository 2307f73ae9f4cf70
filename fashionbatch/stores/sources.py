"""What a run's files lie in, as one process tells it another, and the opener for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from fashionbatch.stores.address import Location, Url, archives_in
from fashionbatch.stores.opening import Opener

Source: TypeAlias = Mapping[str, Any]
"""`kind`, one of `OPENERS`, and what that needs; only what JSON can hold."""


def folder_source(folder: bytes) -> Source:
    """A folder on this machine."""
    return {"kind": "folder", "path": os.fsdecode(folder)}


def archive_source(folder: bytes, unpacked: Path) -> Source:
    """Archives below a folder on this machine.

    Args:
        folder: what the paths of their members are relative to.
        unpacked: where the scan has unpacked those that are compressed as a whole.
    """
    return {"kind": "archives", "path": os.fsdecode(folder), "unpacked": str(unpacked)}


def source_of(location: Location, folder: Location, unpacked: Path) -> Source:
    """What files lie in: a folder or archives, on this machine or below an address.

    An address may hold credentials: it is told, and never kept.

    Args:
        location: what is labeled.
        folder: what the paths of its files are relative to.
        unpacked: as of `archive_source`.
    """
    is_archive = bool(archives_in(location))
    if isinstance(folder, Url):
        archives = {"unpacked": str(unpacked), "query": folder.query} if is_archive else {}
        return {"kind": "remote_archives" if is_archive else "remote", "url": folder.text, **archives}
    return archive_source(os.fsencode(folder), unpacked) if is_archive else folder_source(os.fsencode(folder))


def list_source(folder: bytes, unpacked: Path) -> Source:
    """What a list names: paths relative to a folder, addresses, and images that lay in the list itself.

    Args:
        folder: what the paths are relative to.
        unpacked: where the scan has put the images.
    """
    return {"kind": "list", "path": os.fsdecode(folder), "unpacked": str(unpacked)}


def open_source(source: Source) -> Opener:
    """The opener for what a source's files lie in.

    Raises:
        OSError: it cannot be opened.
    """
    return OPENERS[source["kind"]](source)


def _open_folder(source: Source) -> Opener:
    from fashionbatch.stores.folder import FolderOpener

    return FolderOpener(os.fsencode(source["path"]))


def _open_remote(source: Source) -> Opener:
    from fashionbatch.stores.reaching import open_objects
    from fashionbatch.stores.remote import RemoteOpener
    from fashionbatch.stores.watching import StoreWatch

    url = Url(source["url"])
    objects = open_objects(url)
    return RemoteOpener(objects, watch=StoreWatch(objects, str(url), is_listed=True))


def _open_list(source: Source) -> Opener:
    from fashionbatch.stores.listed import ListOpener

    return ListOpener(os.fsencode(source["path"]), Path(source["unpacked"]))


def _open_archives(source: Source) -> Opener:
    from fashionbatch.stores.archives.opener import ArchiveOpener

    return ArchiveOpener(os.fsencode(source["path"]), Path(source["unpacked"]))


def _open_remote_archives(source: Source) -> Opener:
    from fashionbatch.stores.archives.remote_opener import RemoteArchiveOpener
    from fashionbatch.stores.reaching import open_objects
    from fashionbatch.stores.watching import ArchiveWatch

    url = Url(source["url"], source["query"])
    objects = open_objects(url)
    watch = ArchiveWatch(objects, str(url), has_query=bool(url.query))
    return RemoteArchiveOpener(objects, Path(source["unpacked"]), watch=watch)


OPENERS: Mapping[str, Callable[[Source], Opener]] = {
    "folder": _open_folder,
    "remote": _open_remote,
    "list": _open_list,
    "archives": _open_archives,
    "remote_archives": _open_remote_archives,
}
"""Each imports what it needs: a worker for a folder starts without the others."""
