"""Puts labeled files into a folder for each label. It never overwrites, and never leaves its root.

Each file keeps its relative path below the label's folder, so two files of one name do not meet, and doing it again
does nothing new.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError
from fashionbatch.labeling.job.manifest import Manifest, ScannedFile
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.products.placing import Placing
from fashionbatch.labeling.products.sorted_paths import Sorted, safe_parts
from fashionbatch.labels.columns import LABEL, LABELS, SEPARATOR, STATUS
from fashionbatch.labels.reader import TableReader
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.stores.sources import Source, open_source

Way: TypeAlias = Literal["link", "copy", "move"]

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_NAME = 120
_BLOCK = 1 << 20


@dataclass
class LabelFolders:
    """Safe and distinct folder names for labels.

    Example:
        >>> folders = LabelFolders()
        >>> folders.name("T-shirt/top"), folders.name("T-shirt:top"), folders.name("..")
        ('T-shirt_top', 'T-shirt_top (2)', '_')
    """

    _names: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def name(self, label: str) -> str:
        """The label's folder; the same each time when labels come in the same order."""
        if label not in self._names:
            plain = _NOT_IN_NAMES.sub("_", label).strip(". ") or "_"
            plain = os.fsencode(plain)[:_LONGEST_NAME].decode("utf-8", "ignore")
            if _RESERVED.fullmatch(plain):
                plain += "_"
            name, number = plain, 1
            # Some file systems take names for equal that differ in case alone.
            while name.casefold() in self._used:
                number += 1
                name = f"{plain} ({number})"
            self._used.add(name.casefold())
            self._names[label] = name
        return self._names[label]


def sort_files(
    paths: JobPaths,
    sidecar: Sidecar,
    into: Path,
    way: Way,
    *,
    source: Source | None = None,
    stop_signal: Callable[[], int] = lambda: 0,
    bar: OpenBar = no_bar,
) -> Sorted:
    """Put the files of a complete table into a folder for each label.

    Args:
        paths: of the table; its list of files is beside it.
        sidecar: of the table.
        into: the root; it is made.
        way: `link` makes symbolic links, `copy` copies, `move` moves.
        source: what photos lie in that are no files, of which copies are made; None for files in the table's folder.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.
        bar: shows how far it is.

    Raises:
        OutputError: the root cannot be written.
        DataError: a store gives nothing any more.
        InterruptedRunError: there was a signal; doing it again goes on.
    """
    where = Path(sidecar.folder)
    folder = os.fsencode(where if where.is_dir() else where.parent)
    with disk.output_errors(into):
        disk.make_directory(into)
        disk.remove_staged(into)
        root = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if source is not None:
                with contextlib.closing(open_source(source)) as opener:
                    placing = Placing(opener, root)
                    _sort(paths, sidecar, into, placing, stop_signal, bar)
                return placing.done
            if way == "move":
                # Links first: what they lead to may be moved as well, and is there still.
                links = _Sorting(folder, root, way, only_links=True)
                _sort(paths, sidecar, into, links, stop_signal, bar)
            sorting = _Sorting(folder, root, way)
            _sort(paths, sidecar, into, sorting, stop_signal, bar)
        finally:
            os.close(root)
    return sorting.done


def _sort(  # noqa: PLR0917 - what the one caller has at hand
    paths: JobPaths,
    sidecar: Sidecar,
    into: Path,
    sorting: _Sorting | Placing,
    stop_signal: Callable[[], int],
    bar: OpenBar,
) -> None:
    folders = LabelFolders()
    with (
        TableReader(paths.output, sidecar.options.format) as table,
        contextlib.closing(Manifest(paths.files)) as files,
        bar("sorting", len(files), "file") as advance,
    ):
        label, status = table.column(LABEL, LABELS), table.column(STATUS)
        for done, (file, row) in enumerate(zip(files.rows(0, len(files)), table.rows(), strict=True)):
            advance(done)
            if stop_signal():
                raise InterruptedRunError(
                    f"interrupted while files were sorted into {into}; the table is complete",
                    signal_number=stop_signal(),
                    hint="start the same command again to sort the rest",
                )
            labels = str(row[label] or "").split(SEPARATOR) if row[status] == "ok" else [""]
            sorting.place(file, [folders.name(name) for name in labels if name])
        sorting.finish()


@dataclass
class _Sorting:
    """One pass over the files.

    Attributes:
        folder: what their paths are relative to.
        root: open, where they go.
        way: how.
        only_links: whether all but symbolic links are passed over, and nothing is counted.
        done: what became of them.
    """

    folder: bytes
    root: int
    way: Way
    only_links: bool = False
    done: Sorted = field(default_factory=Sorted)

    def place(self, file: ScannedFile, labels: Sequence[str]) -> None:
        """Put a file into the folders of its labels."""
        source = os.path.join(self.folder, file.path)
        if self.only_links and not os.path.islink(source):
            return
        if not labels:
            self.done.unlabeled += 1
        for label in labels:
            self._place(file, source, label)

    def finish(self) -> None:
        """Each file is placed at once."""

    def _place(self, file: ScannedFile, source: bytes, label: str) -> None:
        *inner, name = safe_parts(file.path)
        with disk.open_inside(self.root, [os.fsencode(label), *inner]) as directory:
            if self.way == "move" and not os.path.lexists(source) and _exists(name, directory):
                self.done.placed += 1
                return
            if not _is_as_labeled(source, file):
                self.done.changed += 1
                return
            try:
                self._put(source, name, directory)
            except FileExistsError:
                if not _is_same(source, file, name, directory, self.way):
                    self.done.taken += 1
                    return
                if self.way == "move":
                    disk.finish_moving(source, name, directory)
            self.done.placed += 1

    def _put(self, source: bytes, name: bytes, directory: int) -> None:
        if self.way == "move" and os.path.islink(source):
            disk.move_link_into(source, name, directory, self.root, within=self.folder)
        else:
            _PUT[self.way](source, name, directory, self.root)


_PUT = {"link": disk.link_into, "copy": disk.copy_into, "move": disk.move_into}


def _exists(name: bytes, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return False
    return True


def _is_as_labeled(source: bytes, file: ScannedFile) -> bool:
    try:
        seen = os.stat(source)
    except OSError:
        return False
    return (seen.st_size, seen.st_mtime_ns) == (file.size, file.mtime_ns)


def _is_same(source: bytes, file: ScannedFile, name: bytes, directory: int, way: Way) -> bool:
    """Whether what is in the place already is what would be put there."""
    try:
        if way == "link":
            return os.readlink(name, dir_fd=directory) == source
        seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if way == "move":
            return _was_moved(source, name, directory)
    except OSError:
        return False
    return (seen.st_size, seen.st_mtime_ns) == (file.size, file.mtime_ns)


def _was_moved(source: bytes, name: bytes, directory: int) -> bool:
    """Whether a move was broken off before the old name was removed: nothing is lost then without it."""
    seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISLNK(seen.st_mode):
        # Of a link that leads elsewhere. One that leads to the file itself is of a run that made links.
        return os.path.islink(source) and os.readlink(name, dir_fd=directory) == os.path.realpath(source)
    if not stat.S_ISREG(seen.st_mode):
        return False
    if os.path.samestat(seen, os.stat(source)):
        return True
    # Copied, from another file system.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with open(descriptor, "rb") as one, open(source, "rb") as other:
        if os.fstat(one.fileno()).st_mtime_ns != os.fstat(other.fileno()).st_mtime_ns:
            return False
        while True:
            blocks = one.read(_BLOCK), other.read(_BLOCK)
            if blocks[0] != blocks[1]:
                return False
            if not blocks[0]:
                return True
