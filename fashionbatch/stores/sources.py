"""What a run's files lie in, as one process tells it another, and the opener for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fashionbatch.stores.address import Location, Url
from fashionbatch.stores.opening import Opener

Source: TypeAlias = Mapping[str, Any]
"""`kind`, one of `OPENERS`, and what that needs; only what JSON can hold."""


def folder_source(folder: bytes) -> Source:
    """A folder on this machine."""
    return {"kind": "folder", "path": os.fsdecode(folder)}


def source_of(location: Location) -> Source:
    """A folder on this machine, or what lies below an address. It may hold credentials: it is told, and never kept."""
    if isinstance(location, Url):
        return {"kind": "remote", "url": location.text}
    return folder_source(os.fsencode(location))


def list_source(folder: bytes) -> Source:
    """What a list names: paths relative to a folder, and addresses."""
    return {"kind": "list", "path": os.fsdecode(folder)}


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
    from fashionbatch.stores.objects import open_objects
    from fashionbatch.stores.remote import RemoteOpener

    return RemoteOpener(open_objects(Url(source["url"])))


def _open_list(source: Source) -> Opener:
    from fashionbatch.stores.listed import ListOpener

    return ListOpener(os.fsencode(source["path"]))


OPENERS: Mapping[str, Callable[[Source], Opener]] = {"folder": _open_folder, "remote": _open_remote, "list": _open_list}
"""Each imports what it needs: a worker for a folder starts without the others."""
