"""Bundles on their way to machines that do not see them: packed into bytes, and unpacked once a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from fashionbatch import disk
from fashionbatch.bundle.open import Bundle, open_bundle, read_manifest
from fashionbatch.bundle.pack import ENDING, pack_bundle, unpack_bundle
from fashionbatch.data.places import place_of_bundle
from fashionbatch.errors import BundleError, OutputError
from fashionbatch.specs import PackedBundles

BundlesSent: TypeAlias = Callable[[], PackedBundles]
"""Gives the bundles as the process of the run has packed them."""


def packed(bundles: Sequence[Bundle]) -> PackedBundles:
    """Some bundles, each as one file.

    Raises:
        OutputError: there is no room for temporary files.
    """
    contents: dict[str, bytes] = {}
    with disk.scratch_folder() as folder:
        for bundle in bundles:
            file = folder / (bundle.digest + ENDING)
            pack_bundle(bundle, file, overwrite=True)
            contents[bundle.digest] = file.read_bytes()
    return contents


def seen_or_unpacked(path: Path, digest: str, sent: BundlesSent) -> Path:
    """Where a bundle is on this machine: under its path if it is the same there, else in the cache.

    Args:
        path: where it is on the machine that sends it.
        digest: of its `bundle.json`, which holds the digests of its other files.
        sent: gives what `packed` gave; asked only where neither place has the bundle.

    Raises:
        BundleError: it was not sent, or it is damaged or another one.
        OutputError: it cannot be written.
    """
    if _digest(path) == digest:
        return path
    unpacked = place_of_bundle(digest)
    if _digest(unpacked) != digest:
        _unpack(path, digest, sent(), unpacked)
    return unpacked


def _digest(directory: Path) -> str | None:
    """Of a bundle whose files are about to be checked by whoever opens it; None where there is none."""
    try:
        return read_manifest(directory).digest
    except BundleError:
        return None


def _unpack(path: Path, digest: str, bundles: PackedBundles, directory: Path) -> None:
    if digest not in bundles:
        raise BundleError(f"{path}: neither is it here, nor was it sent")
    with disk.scratch_folder() as folder:
        file = folder / (digest + ENDING)
        disk.write_file(file, bundles[digest])
        try:
            unpack_bundle(file, directory)
        except OutputError:
            # Another process of this machine may have been faster.
            if _digest(directory) is None:
                raise
    if open_bundle(directory).digest != digest:
        raise BundleError(f"{path}: another bundle arrived than the one that was sent")
