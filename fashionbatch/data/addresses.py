"""Brings photos that a table names by addresses to this machine: each once, as long as it does not change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from fashionbatch import disk
from fashionbatch.data.places import CACHE_VARIABLE, cache_directory
from fashionbatch.errors import DataError
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import IMAGE_EXTENSIONS, ImageFile
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.listed import AddressStores
from fashionbatch.stores.objects import UNKNOWN, StoredObject
from fashionbatch.stores.opening import FileStatusError, OpenFile, StoreOutError
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Retrying

_AT_ONCE: Final = 16
_PIECE: Final = 1 << 20
_MISSING: Final = "FileNotFoundError: there is no such object"
_IN_VAIN: Final = 16
"""A store or host that gives none of so many photos is asked for no more of them."""

_LOOKS: Final = 2
"""An object that is written to between the look at it and its reading is looked at once more."""


def fetch_files(
    images: Sequence[Path | str], *, bar: OpenBar = no_bar, retrying: Retrying | None = None
) -> list[ImageFile]:
    """Files of images: paths are left where they are, and what has an address comes into the cache.

    There a file goes by its address, size and tag, so one that was fetched before costs a question, and one that was
    written to meanwhile is fetched anew. Of a server that tells no tag, it is fetched each time.

    Args:
        images: paths and addresses, no two alike.
        bar: shows how far fetching is.
        retrying: how long each request is tried.

    Returns:
        For each image its file; one that cannot be had says why.

    Raises:
        DataError: a store gives nothing at all, or the cache cannot be written.
        FashionBatchError: a store's library is not installed.
    """
    addresses = [image for image in images if isinstance(image, str)]
    fetched = _fetch(addresses, bar, retrying) if addresses else {}
    return [fetched[image] if isinstance(image, str) else _file_here(image) for image in images]


def _file_here(path: Path) -> ImageFile:
    place = os.path.abspath(path)
    try:
        status = os.stat(path)
    except OSError:
        # Whoever reads it is told why it cannot be read.
        return ImageFile(path=path, version=f"{place}\0missing")
    # The time of the last change, too: a copy that keeps a file's time shows there.
    times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
    return ImageFile(path=path, version=f"{place}\0{status.st_size}\0{times}", size=status.st_size)


def _fetch(addresses: Sequence[str], bar: OpenBar, retrying: Retrying | None) -> dict[str, ImageFile]:
    folder = cache_directory() / "fetched" / "by-address"
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
    found: dict[str, ImageFile] = {}
    is_over = threading.Event()

    def pause(seconds: float) -> None:
        if is_over.wait(seconds):
            raise StoreFaultError("failed", "Interrupted: nothing more is asked for")

    try:
        disk.make_directory(folder)
        disk.remove_leftovers_in(folder)
        # What is fetched stays, so it is soon told that a store does not answer.
        with contextlib.closing(AddressStores(replace(retrying or Retrying(), sleep=pause))) as stores:
            fetching = _Fetching(stores, folder, is_over)
            try:
                with bar("fetching photos", len(addresses), "photo") as advance:
                    for address, file in zip(addresses, pool.map(fetching.fetch, addresses), strict=True):
                        found[address] = file
                        advance(len(found))
            finally:
                is_over.set()
                pool.shutdown(cancel_futures=True)
    except StoreOutError as error:
        raise DataError(error.reason, hint=error.hint) from None
    except OSError as error:
        raise DataError(
            f"photos cannot be fetched into {folder}: {error.strerror or error}",
            hint=f"free some space, or set {CACHE_VARIABLE} to a folder with more",
        ) from error
    return found


class _Fetching:
    """Fetches files one by one; `fetch` is called by several threads at once.

    Args:
        stores: where addresses lead.
        folder: where the files are kept.
        is_over: is set once a store gives nothing at all, and by others: then nothing more is asked for.
    """

    def __init__(self, stores: AddressStores, folder: Path, is_over: threading.Event) -> None:
        self._stores = stores
        self._folder = folder
        self._is_over = is_over
        self._in_vain: Counter[str] = Counter()
        self._giving: set[str] = set()
        self._lock = threading.Lock()
        self._out: StoreOutError | None = None

    def fetch(self, address: str) -> ImageFile:
        """The file of an address.

        Raises:
            StoreOutError: its store gives nothing at all.
            OSError: the cache cannot be written.
        """
        try:
            file = self._fetched(address)
            self._require_some(Url(address), file)
            return file
        except StoreOutError as error:
            with self._lock:
                out = self._out = self._out or error
            # Whoever waits for another file would wait until each of those under way has found it out, too. What those
            # come to now is but that they were cut short.
            self._is_over.set()
            raise out from None

    def _require_some(self, url: Url, file: ImageFile) -> None:
        """See that a store or host gives one photo of the first that it is asked for; one that is missing will do."""
        root = f"{url.scheme}://{url.bucket}"
        with self._lock:
            if file.path is not None or file.reason == _MISSING:
                self._giving.add(root)
            self._in_vain[root] += 1
            if root in self._giving or self._in_vain[root] < _IN_VAIN or self._is_over.is_set():
                return
        hint = "can its photos be had from here, by whoever asks for them? Then start the same command again"
        raise StoreOutError(f"{root}: gives none of {_IN_VAIN} photos; of the last it says: {file.reason}", hint)

    def _fetched(self, address: str) -> ImageFile:
        url = Url(address)
        opener = self._stores.opener_for(url)
        for look in range(1, _LOOKS + 1):
            if self._is_over.is_set():
                break
            try:
                return self._brought(url, opener, _look(opener, url))
            except FileStatusError as error:
                if error.status == "changed" and look < _LOOKS:
                    continue
                reason = _MISSING if error.status == "missing" else error.error
                return ImageFile(path=None, version=f"{address}\0{error.status}", reason=reason)
        return ImageFile(path=None, version="", reason="Interrupted: nothing more is asked for")

    def _brought(self, url: Url, opener: RemoteOpener, seen: StoredObject) -> ImageFile:
        tag = seen.token or (str(seen.mtime_ns) if seen.mtime_ns != UNKNOWN else "")
        if not tag:
            return self._brought_without_tag(url, opener, seen)
        path = self._place(url, f"{seen.size}\0{tag}".encode("utf-8", "surrogateescape"))
        if not _is_whole(path, seen.size):
            opened = opener.read(seen)
            with contextlib.closing(opened), disk.writing(path) as file:
                if opened.content is None:
                    shutil.copyfileobj(opened.reader(), file, _PIECE)
                else:
                    file.write(opened.content)
        return ImageFile(path=path, version=path.name, size=path.stat().st_size)

    def _brought_without_tag(self, url: Url, opener: RemoteOpener, seen: StoredObject) -> ImageFile:
        """What cannot be told from another content of the same address goes by its content."""
        content = _whole(opener.read(seen))
        path = self._place(url, content)
        if not _is_whole(path, len(content)):
            with disk.writing(path) as file:
                file.write(content)
        return ImageFile(path=path, version=path.name, size=len(content))

    def _place(self, url: Url, identity: bytes) -> Path:
        digest = hashlib.sha256(url.text.encode("utf-8", "surrogateescape") + b"\0" + identity).hexdigest()
        suffix = url.suffix.lower()
        return self._folder / (digest + (suffix if suffix in IMAGE_EXTENSIONS else ""))


def _look(opener: RemoteOpener, url: Url) -> StoredObject:
    """An object as it is now; nothing is known of one that the store does not show.

    A store that refuses a question sends no words with it, so that expired credentials look like one forbidden object.
    Whoever then asks for the content is told.
    """
    try:
        return opener.look(url.key)
    except FileStatusError as error:
        if error.status != "error":
            raise
        return StoredObject(url.key, UNKNOWN, UNKNOWN, "")


def _whole(opened: OpenFile) -> bytes:
    with contextlib.closing(opened):
        return opened.reader().read() if opened.content is None else opened.content


def _is_whole(path: Path, size: int) -> bool:
    """Whether the cache has a file, as long as it has to be."""
    try:
        return path.stat().st_size == size or size == UNKNOWN
    except OSError:
        return False
