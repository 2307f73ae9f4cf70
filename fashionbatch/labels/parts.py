"""A table that is a folder of parts, each of them a table with the same columns."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fashionbatch import disk
from fashionbatch.errors import DataError, OutputError
from fashionbatch.labels.files import open_unpacked
from fashionbatch.stores.address import Location

if TYPE_CHECKING:
    from fashionbatch.specs import Cell

_PART = re.compile(r"part-([0-9]{6,})\.[a-z0-9_.]+")
_IGNORED = (".", "_")
"""How names begin that pandas, DuckDB and Spark leave out, and so do we: of files that are being written."""


@dataclass(frozen=True)
class PartedTable:
    """The folder of a table whose parts are the shards of a run, under names that sort in the order of its rows.

    A part gets its name when its shard is finished, whole and at once, so that the folder can be read at any time.

    Attributes:
        folder: the table.
        suffix: the ending of each part's name.
    """

    folder: Path
    suffix: str

    def path(self, shard: int) -> Path:
        """The part of a shard."""
        return self.folder / name_of_part(shard, self.suffix)

    def begin(self) -> None:
        """Make the folder, without the parts of an earlier table.

        Raises:
            OutputError: it cannot be made, or holds other files.
        """
        check_folder(self.folder)
        with disk.output_errors(self.folder):
            disk.make_directory(self.folder)
        self.remove_others(0)

    def publish(self, shard: int, file: Path) -> None:
        """Give the file of a finished shard its name in the folder. It is written twice only where there are no links.

        Raises:
            OutputError: it cannot be done.
        """
        with disk.output_errors(self.folder):
            disk.make_directory(self.folder)
            disk.give_second_name(file, self.path(shard))

    def remove_others(self, count: int) -> None:
        """Remove the parts from this number on, and what killed processes left.

        Raises:
            OutputError: they cannot be removed.
        """
        with disk.output_errors(self.folder):
            wanted = {self.path(shard) for shard in range(count)}
            for path in own_parts(self.folder):
                if path not in wanted:
                    disk.remove(path)
        disk.remove_leftovers_in(self.folder)

    def catch_up(self, is_done: Callable[[int], bool], file_of: Callable[[int], Path]) -> None:
        """Let the folder hold nothing but finished shards: a run may have been killed before it saw to that.

        Args:
            is_done: whether a shard is finished.
            file_of: its file.

        Raises:
            OutputError: it cannot be done.
        """
        with disk.output_errors(self.folder):
            for path in own_parts(self.folder) if self.folder.is_dir() else ():
                shard = _number_of(path.name)
                if path != self.path(shard) or not is_done(shard):
                    disk.remove(path)
                elif not path.samefile(file_of(shard)):
                    self.publish(shard, file_of(shard))

    def sync(self) -> None:
        """Make the names of the parts survive a power failure.

        Raises:
            OutputError: it cannot be done.
        """
        with disk.output_errors(self.folder):
            disk.sync_directory(self.folder)
            disk.sync_directory(self.folder.parent)


def check_folder(folder: Path) -> None:
    """See that nothing is in the place of a table of parts but such a table.

    Raises:
        OutputError: it is a file, or a folder that holds other files.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise not_a_folder(folder)
    require_parts_alone(folder, (path.name for path in folder.iterdir()))


def not_a_folder(table: Location) -> OutputError:
    """The error that something else is in the place of a folder of parts."""
    return OutputError(f"{table} is no folder; with --partitioned the table is one", hint="name another one")


def require_parts_alone(folder: Location, names: Iterable[str]) -> None:
    """Refuse names in a table's folder that are not those of parts.

    Raises:
        OutputError: there is one.
    """
    other = sorted(name for name in names if not (is_part(name) or name.endswith(".tmp") or name == "_SUCCESS"))
    if other:
        raise OutputError(
            f"{folder} holds other files than parts of a table, such as {other[0]!a}", hint="name a folder of its own"
        )


def name_of_part(shard: int, suffix: str) -> str:
    """What the part of a shard is called."""
    return f"part-{shard:06}{suffix}"


def is_part(name: str) -> bool:
    """Whether a name is one that FashionBatch gives a part."""
    return _PART.fullmatch(name) is not None


def own_parts(folder: Path) -> list[Path]:
    """The parts that FashionBatch wrote, in the order of the rows.

    Raises:
        OSError: the folder cannot be listed.
    """
    found = [(_number_of(name), name) for name in os.listdir(folder) if is_part(name)]
    return [folder / name for _, name in sorted(found)]


def _number_of(name: str) -> int:
    """Which shard a part is, by its name."""
    return int(name.removeprefix("part-").partition(".")[0])


def digest_of_digests(digests: Iterable[tuple[str, str]]) -> str:
    """What stands for a table of parts: SHA-256 of the lines that `sha256sum part-*` prints in its folder.

    Args:
        digests: the name and the SHA-256 of each part, in order.
    """
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


def digest_of_table(table: Path) -> str:
    """SHA-256 of a table as its sidecar has it, of a file or of a folder of parts.

    Raises:
        OSError: it cannot be read.
    """
    if not table.is_dir():
        return _digest(table)
    return digest_of_digests((part.name, _digest(part)) for part in own_parts(table))


def _digest(path: Path) -> str:
    with disk.open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ------------------------------------------------------------------------------------------------------- reading them


def is_ignored(name: str) -> bool:
    """Whether a file of this name is none of the parts, as programs that write tables begin what they need besides."""
    return name.startswith(_IGNORED)


def parts_of(folder: Path, *, shown: Location | None = None) -> list[Path]:
    """The parts of a table, whoever wrote it, in the order of their names.

    Args:
        folder: on this machine.
        shown: what messages call it; None for what it is.

    Raises:
        DataError: there are none, or folders among them.
    """
    try:
        found = sorted(path for path in folder.iterdir() if not is_ignored(path.name))
    except OSError as error:
        raise DataError(f"{shown or folder}: {disk.why_unreadable(error)}") from None
    if not found:
        raise DataError(f"{shown or folder}: is a folder without parts of a table")
    if any(path.is_dir() for path in found):
        raise folder_of_folders(shown or folder)
    return found


def folder_of_folders(folder: Location) -> DataError:
    """The error that a folder has no parts of a table, but other folders."""
    return DataError(f"{folder}: is a folder of folders", hint="name the folder that holds the parts of the table")


def read_parts(
    folder: Location, parts: Iterable[Path], read: Callable[[Location, BinaryIO], Iterator[list[Cell]]]
) -> Iterator[list[Cell]]:
    """The columns, then the rows of all parts.

    Args:
        folder: of the table, for messages.
        parts: in order.
        read: reads one of them.

    Raises:
        DataError: one is damaged, or has other columns than the first.
    """
    columns: list[Cell] | None = None
    for part in parts:
        rows = read(folder / part.name, open_unpacked(part))
        header = next(rows, None)
        if header is None:
            continue  # an empty part has no rows
        if columns is None:
            columns = header
            yield columns
        elif header != columns:
            raise DataError(f"{folder}: its part {part.name} has other columns than the first one")
        yield from rows
