"""Fetches from a store, once, what has to lie on this machine: bundles, and photos to train with."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from fashionbatch import disk
from fashionbatch.bundle.manifest import MANIFEST_NAME
from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.pack import ENDING as PACKED
from fashionbatch.bundle.pack import packed_digest, unpack_bundle
from fashionbatch.bundle.parse import parse_manifest
from fashionbatch.data.places import cache_directory, place_of_bundle
from fashionbatch.errors import BundleError, DataError
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import IMAGE_EXTENSIONS
from fashionbatch.stores.address import Location, Url, as_location
from fashionbatch.stores.faults import StoreFaultError, refusal_hint
from fashionbatch.stores.fetching import fetched
from fashionbatch.stores.objects import UNKNOWN, StoredObject
from fashionbatch.stores.opening import FileStatusError
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Retrying

_AT_ONCE: Final = 16
_TABLES: Final = frozenset({".csv", ".tsv", ".txt", ".npz"})


def local_bundle(given: str | os.PathLike[str] | Location, *, bar: OpenBar = no_bar) -> Path:
    """The directory of a bundle on this machine; one that is packed or lies in a store comes into the cache first.

    It is kept there by its digest, so it is unpacked or fetched once, and asked for one file afterwards.

    Args:
        given: as a user names a bundle.
        bar: shows how far fetching is.

    Raises:
        BundleError: there is none at that address, it is damaged, or the store does not give it.
        FashionBatchError: the store's library is not installed.
        DataError: the cache cannot be made.
        OutputError: the cache cannot be written.
    """
    location = as_location(given)
    if isinstance(location, Path):
        return _unpacked(location) if location.suffix.lower() == PACKED and location.is_file() else location
    if location.suffix.lower() == PACKED:
        try:
            with fetched(location) as file:
                return _unpacked(file)
        except DataError as error:
            raise BundleError(error.message, hint=error.hint) from None
    opener = RemoteOpener(open_objects(location))
    try:
        data = _content(opener, StoredObject(MANIFEST_NAME, UNKNOWN, UNKNOWN, ""))
    except FileStatusError as error:
        if error.status == "missing":
            raise BundleError(
                f"{location}: there is no {MANIFEST_NAME}", hint="is the address that of a bundle?"
            ) from None
        raise BundleError(f"{location}: {error.error}") from None
    files = parse_manifest(data, name=str(location / MANIFEST_NAME)).files
    target = place_of_bundle(hashlib.sha256(data).hexdigest())
    if not _is_whole(target):
        wanted = [StoredObject(name, record.size, UNKNOWN, "") for name, record in files.items()]
        try:
            _fetch(opener, wanted, target, f"fetching {location.name}", bar, there={MANIFEST_NAME: data})
        except (FileStatusError, OSError) as error:
            raise BundleError(f"{location}: cannot be fetched: {_reason(error)}") from None
        open_bundle(target)
    return target


def _unpacked(file: Path) -> Path:
    """The directory in the cache for a packed bundle."""
    digest = packed_digest(file)
    target = place_of_bundle(digest)
    if not _is_whole(target) and unpack_bundle(file, target).digest != digest:
        raise BundleError(f"{file}: was replaced while it was read", hint="start the same command again")
    return target


def local_data(url: Url, *, bar: OpenBar = no_bar, retrying: Retrying | None = None) -> Path:
    """Photos and tables below an address, in a folder of the cache that holds just these.

    The folder goes by names, sizes and tags of all of them: it is fetched anew where one has changed.

    Args:
        url: a folder of photos; or a table such as `s3://bucket/photos/labels.csv`, beside which its photos lie.
        bar: shows how far fetching is.
        retrying: how long each object is tried.

    Returns:
        The folder, or the table in it.

    Raises:
        DataError: there is nothing, or the store does not give it, or the cache cannot be written.
        FashionBatchError: the store's library is not installed.
    """
    retrying = retrying or Retrying()
    is_table = url.suffix.lower() in _TABLES and not url.text.endswith("/")
    folder = url.parent if is_table else url
    if folder.is_web:
        hint = "a recipe takes the address as the `path` of csv_manifest" if is_table else None
        raise DataError(
            f"{url}: photos to train with come from a store that can be listed, such as s3://bucket/photos", hint=hint
        )
    objects = open_objects(folder)
    try:
        found = sorted(each for page in objects.pages(retrying) for each in page if _is_wanted(each.path))
    except StoreFaultError as fault:
        raise DataError(f"{url}: {fault.reason}", hint=refusal_hint(fault)) from None
    if not found or (is_table and url.name not in {each.path for each in found}):
        raise DataError(f"{url}: there is nothing", hint="is the address right?")
    identity = "\0".join(f"{each.path}\0{each.size}\0{each.token or each.mtime_ns}" for each in found)
    digest = hashlib.sha256(f"{str(folder).rstrip('/')}\0{identity}".encode("utf-8", "surrogateescape")).hexdigest()
    target = cache_directory() / "fetched" / f"{folder.name}-{digest[:16]}"
    if not target.is_dir():
        try:
            _fetch(RemoteOpener(objects, retrying), found, target, f"fetching {folder.name}", bar)
        except (FileStatusError, OSError) as error:
            hint = "start the same command again"
            raise DataError(f"{folder}: cannot be fetched: {_reason(error)}", hint=hint) from None
    return target / url.name if is_table else target


def _is_wanted(path: str) -> bool:
    """Whether an object may be a photo or a table, and has a name that a file below a folder can have."""
    parts = path.split("/")
    is_name = all(part not in {"", ".", ".."} and "\0" not in part for part in parts)
    return is_name and PurePosixPath(path).suffix.lower() in {*IMAGE_EXTENSIONS, *_TABLES}


def _fetch(
    opener: RemoteOpener,
    wanted: Sequence[StoredObject],
    target: Path,
    title: str,
    bar: OpenBar,
    *,
    there: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Make a directory of these files, and of those that are there already: whole, or not at all.

    Raises:
        FileStatusError: one cannot be had.
        OSError: the directory cannot be written.
    """
    with disk.new_directory(target, replace=True) as partial, bar(title, len(wanted), "file") as advance:
        for name, content in there.items():
            with disk.write_new(partial / name, sync=False) as copy:
                copy.write(content)

        def fetch(file: StoredObject) -> None:
            path = partial / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = opener.read(file)
            try:
                with disk.write_new(path, sync=False) as copy:
                    if opened.content is None:
                        shutil.copyfileobj(opened.reader(), copy, 1 << 20)
                    else:
                        copy.write(opened.content)
            finally:
                opened.close()

        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
        try:
            for number, _ in enumerate(pool.map(fetch, wanted), 1):
                advance(number)
        finally:
            pool.shutdown(cancel_futures=True)


def _is_whole(directory: Path) -> bool:
    try:
        open_bundle(directory)
    except BundleError:
        return False
    return True


def _content(opener: RemoteOpener, file: StoredObject) -> bytes:
    opened = opener.read(file)
    assert opened.content is not None
    return opened.content


def _reason(error: FileStatusError | OSError) -> str:
    return error.error if isinstance(error, FileStatusError) else error.strerror or str(error)
