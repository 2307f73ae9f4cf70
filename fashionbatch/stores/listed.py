"""The files that a user's list names: paths of this machine and addresses, side by side."""

from __future__ import annotations

import threading

from fashionbatch.stores.address import Url
from fashionbatch.stores.folder import FolderOpener
from fashionbatch.stores.objects import UNKNOWN, StoredObject
from fashionbatch.stores.opening import OpenFile, WantedFile
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.watching import StoreWatch, WebWatch


class ListOpener:
    """Opens files by paths, which are relative to a folder, and by addresses.

    Args:
        folder: what the paths are relative to.

    Raises:
        OSError: the folder cannot be opened.
    """

    is_remote = False

    def __init__(self, folder: bytes) -> None:
        self._folder = FolderOpener(folder)
        self._stores: dict[str, RemoteOpener] = {}
        self._web = WebWatch()
        self._lock = threading.Lock()

    def open(self, file: WantedFile) -> OpenFile:
        """As `Opener` says."""
        if not is_listed_address(file):
            return self._folder.open(file)
        url = Url(file.path)
        return self._store_of(url).open(StoredObject(url.key, UNKNOWN, UNKNOWN, ""))

    def read(self, file: WantedFile) -> OpenFile:
        """As `Opener` says."""
        return self.open(file) if is_listed_address(file) else self._folder.read(file)

    def require_unchanged(self, opened: OpenFile, file: WantedFile) -> None:
        """As `Opener` says; of an address nobody knows how it was before."""
        if not is_listed_address(file):
            self._folder.require_unchanged(opened, file)

    def close(self) -> None:
        """Give back what was opened."""
        self._folder.close()
        for store in self._stores.values():
            store.close()

    def _store_of(self, url: Url) -> RemoteOpener:
        root = f"{url.scheme}://{url.bucket}"
        with self._lock:
            if root not in self._stores:
                objects = open_objects(Url(root))
                watch = self._web if url.is_web else StoreWatch(objects, root, is_listed=False)
                self._stores[root] = RemoteOpener(objects, watch=watch)
            return self._stores[root]


def is_listed_address(file: WantedFile) -> bool:
    """Whether a list names a file by its address: it was not looked at, while a path like that is there."""
    return file.size == UNKNOWN and "://" in file.path
