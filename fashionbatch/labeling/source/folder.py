"""Finds the files of a folder, in the order of their paths' bytes, and freezes them in a manifest.

It runs in a process of its own (`__main__`), so that what it takes is given back when it ends, and the model can be
loaded meanwhile. It holds no more than RUN_LENGTH names of one directory at a time: what is longer is sorted on the
disk.

What becomes a row: regular files with an image extension (or all of them), links to such files, and links that lead
nowhere, which were meant to be one. Links to directories are not followed unless that is asked for, and then into each
directory once, so there are no loops; sockets, pipes and devices are left out, and so is what is hidden or left by a
system. Whatever is left out is counted.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from fashionbatch import disk
from fashionbatch.labeling.job.manifest import UNKNOWN, ManifestWriter
from fashionbatch.labeling.source.choosing import Choice
from fashionbatch.labeling.source.external_sort import RUN_LENGTH, external_sort
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary

_SHOWN_PROBLEMS = 20
_REPORT_EVERY_S = 1.0

# Name (directories end in a slash, which sorts `a/b` after `a.b`), size, mtime in ns.
FoundName: TypeAlias = tuple[bytes, int, int]


def scan_folder(
    folder: bytes, options: ScanOptions, manifest: Path, *, report: Callable[[int], None] | None = None
) -> ScanSummary:
    """Write the manifest of a folder.

    Args:
        folder: the folder, or one file, which is then the only row.
        options: what to look for.
        manifest: where the manifest is written, not fsynced under its final name: that is the caller's.
        report: called now and then with the number of rows so far.

    Returns:
        What was seen.

    Raises:
        OSError: the folder itself cannot be listed, or the manifest cannot be written.
    """
    with disk.write_new(manifest) as file:
        writer = ManifestWriter(file)
        scanner = _Scanner(options, manifest.parent)
        last_report = time.monotonic()
        for path, size, mtime_ns in scanner.files(folder):
            if options.limit is not None and writer.rows >= options.limit:
                scanner.summary.limited = True
                break
            writer.add(path, size, mtime_ns)
            if report is not None and writer.rows % 1000 == 0 and time.monotonic() - last_report > _REPORT_EVERY_S:
                last_report = time.monotonic()
                report(writer.rows)
        summary = scanner.summary
        summary.digest, summary.rows, summary.bytes = writer.finish(), writer.rows, writer.bytes
    return summary


class _Scanner:
    def __init__(self, options: ScanOptions, scratch: Path) -> None:
        self.summary = ScanSummary()
        self._choice = Choice(options, self.summary)
        # Device and inode of each directory that was gone into, where links are followed.
        self._entered: set[tuple[int, int]] | None = set() if options.follow_links else None
        self._scratch = scratch
        self._root = b""

    def files(self, folder: bytes) -> Iterator[FoundName]:
        """Every row, ascending. Not recursive: directories may be nested deeper than Python's stack."""
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            found = os.stat(folder)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "neither a folder nor a regular file")
            yield os.path.basename(folder), found.st_size, found.st_mtime_ns
            return
        self._root = os.path.realpath(folder)
        self._is_entered_first(folder)
        stack: list[tuple[bytes, Iterator[FoundName]]] = [(b"", self._sorted(self._entries(folder, b"")))]
        while stack:
            prefix, entries = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
            elif entry[0].endswith(b"/"):
                path = prefix + entry[0]
                if not self._is_entered_first(os.path.join(folder, path)):
                    continue
                stack.append((path, self._sorted(self._entries(folder, path))))
            else:
                yield prefix + entry[0], entry[1], entry[2]

    def _entries(self, folder: bytes, prefix: bytes) -> Iterator[FoundName]:
        try:
            with os.scandir(os.path.join(folder, prefix) if prefix else folder) as listing:
                for found in listing:
                    entry = self._entry(found, prefix + found.name)
                    if entry is not None:
                        yield entry
        except OSError as error:
            if not prefix:
                raise
            self.summary.unreadable_count += 1
            if len(self.summary.unreadable) < _SHOWN_PROBLEMS:
                self.summary.unreadable.append((os.fsdecode(prefix), error.strerror or str(error)))

    def _entry(self, found: os.DirEntry[bytes], path: bytes) -> FoundName | None:
        """What a name in a directory is to the scan; None where it is no row and nothing to go into."""
        if self._choice.is_ours(path) or self._choice.is_hidden(found.name):
            return None
        if found.is_dir(follow_symlinks=False) or self._leads_out(found):
            return None if self._choice.is_excluded(path, is_directory=True) else (found.name + b"/", 0, 0)
        if not self._choice.is_wanted(found.name):
            self._count_other(found)
            return None
        try:
            seen = found.stat()
        except OSError as error:
            # A link that leads nowhere was meant to be a file, and a loop of links or a directory without permission
            # hides one: their rows will say so. A file that has gone meanwhile never was in the scan.
            hides_a_file = found.is_symlink() or not isinstance(error, FileNotFoundError)
            return (found.name, UNKNOWN, UNKNOWN) if hides_a_file and not self._choice.is_excluded(path) else None
        if not stat.S_ISREG(seen.st_mode):
            self.summary.directory_links += stat.S_ISDIR(seen.st_mode)
            self.summary.special += not stat.S_ISDIR(seen.st_mode)
            return None
        return None if self._choice.is_excluded(path) else (found.name, seen.st_size, seen.st_mtime_ns)

    def _leads_out(self, found: os.DirEntry[bytes]) -> bool:
        """Whether a name is a link to follow: to a directory elsewhere. What lies in the folder is found anyway."""
        if self._entered is None or not found.is_symlink() or not found.is_dir():
            return False
        target = os.path.realpath(found.path)
        return target != self._root and not target.startswith(os.path.join(self._root, b""))

    def _is_entered_first(self, directory: bytes) -> bool:
        """Whether a directory is not one that was gone into before, by another way."""
        if self._entered is None:
            return True
        try:
            seen = os.stat(directory)
        except OSError:
            return True  # listing it will say what is wrong
        is_first = (seen.st_dev, seen.st_ino) not in self._entered
        self._entered.add((seen.st_dev, seen.st_ino))
        self.summary.directory_links += not is_first
        return is_first

    def _count_other(self, found: os.DirEntry[bytes]) -> None:
        if found.is_symlink():
            self.summary.directory_links += found.is_dir()
        elif found.is_file(follow_symlinks=False):
            self._choice.count_other(found.name)

    def _sorted(self, entries: Iterator[FoundName]) -> Iterator[FoundName]:
        return external_sort(entries, self._scratch, RUN_LENGTH)
