"""Finds the objects of a store, in the order of their paths' bytes, and freezes them in a manifest.

A store lists its objects page by page, and has no folders: they are what stands before slashes. So the same photos give
the same rows, in the same order, and with the same counts of what is left out, as they do on a disk.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

from fashionbatch import disk
from fashionbatch.display_width import counted
from fashionbatch.errors import DataError
from fashionbatch.images import EXTENSIONS
from fashionbatch.labeling.job.manifest import ManifestWriter
from fashionbatch.labeling.source.choosing import Choice
from fashionbatch.labeling.source.external_sort import external_sort
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary
from fashionbatch.stores.address import Url, is_one_file
from fashionbatch.stores.faults import StoreFaultError, refusal_hint
from fashionbatch.stores.objects import Objects, StoredObject
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.retrying import Retrying

_REPORT_EVERY_S = 1.0
_MOST_PARTS = 1000
_SAMPLE = 16

_Found: TypeAlias = tuple[bytes, int, int, str]
"""Path, size, time and tag."""


def scan_store(
    url: Url, options: ScanOptions, manifest: Path, *, report: Callable[[int], None], retrying: Retrying | None = None
) -> ScanSummary:
    """Write the manifest of what lies below an address.

    Args:
        url: the address, or that of one photo, which is then the only row.
        options: what to look for.
        manifest: where the manifest is written.
        report: called now and then with the number of rows so far.
        retrying: how long the store is asked.

    Returns:
        What was seen.

    Raises:
        DataError: the store does not list it, or lets none of it be read.
        FashionBatchError: the store's library is not installed.
        OSError: the manifest cannot be written.
    """
    retrying = retrying or Retrying()
    summary = ScanSummary()
    try:
        with disk.write_new(manifest) as file:
            writer = ManifestWriter(file, tokens=True)
            sample = _Sample()
            last_report = time.monotonic()
            for path, size, mtime_ns, tag in _rows(url, options, summary, manifest.parent, retrying):
                if options.limit is not None and writer.rows >= options.limit:
                    summary.limited = True
                    break
                writer.add(path, size, mtime_ns, token=tag)
                sample.add(path)
                if writer.rows % 1000 == 0 and time.monotonic() - last_report > _REPORT_EVERY_S:
                    last_report = time.monotonic()
                    report(writer.rows)
            summary.digest, summary.rows, summary.bytes = writer.finish(), writer.rows, writer.bytes
        if not is_one_file(url, tuple(EXTENSIONS)):
            sample.require_one_readable(url, retrying)
    except StoreFaultError as fault:
        raise DataError(f"{url}: {fault.reason}", hint=refusal_hint(fault)) from None
    return summary


def _rows(url: Url, options: ScanOptions, summary: ScanSummary, scratch: Path, retrying: Retrying) -> Iterator[_Found]:
    if is_one_file(url, tuple(EXTENSIONS)):
        name = url.name
        found = retrying.call(lambda seconds: open_objects(url.parent).look(name, seconds))
        yield _row(found)
        return
    listed = _Listed(options, summary)
    yield from listed.rows(external_sort(_paths(open_objects(url), retrying), scratch))


def _paths(objects: Objects, retrying: Retrying) -> Iterator[_Found]:
    for page in objects.pages(retrying):
        # A name that ends in a slash stands for a folder, as some programs make them.
        yield from (_row(found) for found in page if found.path and not found.path.endswith("/"))


def _row(found: StoredObject) -> _Found:
    return os.fsencode(found.path), found.size, found.mtime_ns, found.token


class _Sample:
    """Some of the rows, each as likely as any other: whether they may be read says whether it pays to begin."""

    def __init__(self) -> None:
        self._paths: list[bytes] = []
        self._seen = 0
        self._draws = random.Random(0)  # noqa: S311 - nothing is secret here

    def add(self, path: bytes) -> None:
        """Take a row into the sample, or leave it."""
        self._seen += 1
        if len(self._paths) < _SAMPLE:
            self._paths.append(path)
        elif (place := self._draws.randrange(self._seen)) < _SAMPLE:
            self._paths[place] = path

    def require_one_readable(self, url: Url, retrying: Retrying) -> None:
        """See that the store does not refuse all of them: rights to list are not rights to read.

        Raises:
            DataError: it does.
        """
        objects = open_objects(url)
        denied: StoreFaultError | None = None
        for path in self._paths:
            try:
                retrying.call(partial(objects.look, os.fsdecode(path)))
            except StoreFaultError as fault:
                denied = fault
                if fault.kind in {"denied", "credentials"}:
                    continue
            return
        if denied is not None:
            tried = counted(len(self._paths), "object")
            raise DataError(
                f"{url}: the store lists what is there, but lets nothing be read: {denied.reason} ({tried} tried)",
                hint="do the credentials allow reading, as `s3:GetObject` does?",
            )


class _Listed:
    """Chooses among paths in order; a folder that is left out counts once, as it does where it is not entered.

    Args:
        options: what to look for.
        summary: counts.
    """

    def __init__(self, options: ScanOptions, summary: ScanSummary) -> None:
        self._choice = Choice(options, summary)
        self._summary = summary
        self._left_out = b""
        self._folder = b""

    def rows(self, paths: Iterator[_Found]) -> Iterator[_Found]:
        """Those that become rows."""
        for found in paths:
            path = found[0]
            if self._left_out and path.startswith(self._left_out):
                continue
            if b"\0" in path or path.count(b"/") > _MOST_PARTS:
                self._summary.special += 1
            elif self._is_entered(path) and self._is_taken(path):
                yield found

    def _is_entered(self, path: bytes) -> bool:
        """Whether none of the folders that a file lies in is left out."""
        folder = path[: path.rfind(b"/") + 1]
        if folder == self._folder:
            return True
        start = 0
        while (end := folder.find(b"/", start)) >= 0:
            is_known = self._folder.startswith(folder[: end + 1])
            if not is_known and self._is_left_out(folder[:end], folder[start:end]):
                self._left_out = folder[: end + 1]
                return False
            start = end + 1
        self._folder = folder
        return True

    def _is_left_out(self, folder: bytes, name: bytes) -> bool:
        return self._choice.is_hidden(name) or self._choice.is_excluded(folder, is_directory=True)

    def _is_taken(self, path: bytes) -> bool:
        name = path.rpartition(b"/")[2]
        if self._choice.is_hidden(name):
            return False
        if not self._choice.is_wanted(name):
            self._choice.count_other(name)
            return False
        return not self._choice.is_excluded(path)
