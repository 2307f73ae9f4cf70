"""The files of a user's list: paths of this machine and addresses, side by side, or images that the list holds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from fashionbatch.stores.address import Url
from fashionbatch.stores.archives.opener import ArchiveOpener
from fashionbatch.stores.folder import FolderOpener
from fashionbatch.stores.objects import UNKNOWN, StoredObject
from fashionbatch.stores.opening import Opener, OpenFile, WantedFile
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.watching import StoreWatch, WebWatch


class AddressStores:
    """The stores of addresses that somebody has named, each opened when the first address in it is asked for.

    Args:
        retrying: how long each request is tried, and how long a store is asked whether it still gives anything; by
            default the latter takes as long as a run that goes on for hours can wait.
    """

    def __init__(self, retrying: Retrying | None = None) -> None:
        self._retrying = retrying
        self._openers: dict[str, RemoteOpener] = {}
        self._web = WebWatch(retrying)
        self._lock = threading.Lock()

    def opener_for(self, url: Url) -> RemoteOpener:
        """What opens files by their keys in the store of an address; it may be called by several threads at once."""
        root = f"{url.scheme}://{url.bucket}"
        with self._lock:
            if root not in self._openers:
                objects = open_objects(Url(root))
                watch = self._web if url.is_web else StoreWatch(objects, root, is_listed=False, retrying=self._retrying)
                self._openers[root] = RemoteOpener(objects, self._retrying, watch=watch)
            return self._openers[root]

    def close(self) -> None:
        """Close connections."""
        for opener in self._openers.values():
            opener.close()


class ListOpener:
    """Opens files by paths, which are relative to a folder, and by addresses.

    Args:
        folder: what the paths are relative to.
        unpacked: where images lie that the list itself holds.

    Raises:
        OSError: the folder cannot be opened.
    """

    is_remote = False

    def __init__(self, folder: bytes, unpacked: Path) -> None:
        self._folder = FolderOpener(folder)
        self._images = ArchiveOpener(folder, unpacked)
        self._stores = AddressStores()

    def announce(self, files: Sequence[WantedFile]) -> None:
        """As `Opener` says: each is had by itself."""

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says."""
        if not is_listed_address(file):
            return self._here(file).open(file)
        url = Url(file.path)
        return self._stores.opener_for(url).open(StoredObject(url.key, UNKNOWN, UNKNOWN, ""))

    def read(self, file: WantedFile) -> OpenFile:
        """As `Opener` says."""
        return self.open(file) if is_listed_address(file) else self._here(file).read(file)

    def require_unchanged(self, opened: OpenFile, file: WantedFile) -> None:
        """As `Opener` says; of an address nobody knows how it was before."""
        if not is_listed_address(file):
            self._here(file).require_unchanged(opened, file)

    def close(self) -> None:
        """Give back what was opened."""
        self._folder.close()
        self._images.close()
        self._stores.close()

    def _here(self, file: WantedFile) -> Opener:
        """What opens a file of this machine; an image of the list has a place, which stands in its token."""
        return self._images if file.token else self._folder


def is_listed_address(file: WantedFile) -> bool:
    """Whether a list names a file by its address: it was not looked at, while a path like that is there."""
    return file.size == UNKNOWN and not file.token and "://" in file.path
