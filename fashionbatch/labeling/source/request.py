"""What a scan is asked for, and what it saw besides the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from fashionbatch.csvtext import AUTO
from fashionbatch.errors import DataError
from fashionbatch.stores.archives.naming import names_of

PARQUET: Final = ".parquet"


@dataclass(frozen=True)
class ScanOptions:
    """What a scan looks for.

    Attributes:
        extensions: lower-case endings such as `.jpg`; None takes every regular file.
        hidden: whether hidden files and what systems leave are taken, too.
        follow_links: whether links to folders are gone into, each folder once.
        include: glob patterns of which a path must match one; none means all.
        exclude: glob patterns of which a path must match none; a directory that does is not entered.
        skip: relative paths that are the run's own, such as an output inside the folder.
        limit: stop after so many rows.
        step: of archives, take one of so many rows, for a sample.
    """

    extensions: tuple[str, ...] | None
    hidden: bool = False
    follow_links: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    limit: int | None = None
    step: int = 1


@dataclass
class ScanSummary:
    """What a scan saw besides the rows.

    Attributes:
        rows: files in the manifest.
        bytes: their sizes together.
        digest: SHA-256 of the manifest.
        hidden: files and folders that are hidden or left by a system; what is in such a folder is not counted.
        special: sockets, pipes and devices.
        directory_links: links to directories, which were not followed.
        links: links in archives.
        excluded: files left out by include and exclude patterns; a directory counts as one.
        other: extension -> regular files that have no image extension.
        unreadable: directories that could not be listed, with the reason (the first ones).
        unreadable_count: how many there were.
        limited: whether `limit` ended the scan.
        notes: what the user should know about a list or an archive, each a sentence.
    """

    rows: int = 0
    bytes: int = 0
    digest: str = ""
    hidden: int = 0
    special: int = 0
    directory_links: int = 0
    links: int = 0
    excluded: int = 0
    other: dict[str, int] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unreadable_count: int = 0
    limited: bool = False
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As JSON holds it. Links that there are none of are not told: tables of folders never told of them."""
        return {name: value for name, value in asdict(self).items() if value or name != "links"}


@dataclass(frozen=True)
class ListOptions:
    """How a list of files is read.

    Attributes:
        file: the list; `-` is standard input. Of Parquet also a folder, or several files by braces.
        path_column: the column of a CSV file that holds the paths; None for a plain list. In Parquet the column of
            paths or images; None for the one that is called as usual.
        keep: columns that the table takes over.
        null: paths in a plain list end with a NUL byte instead of a line end.
        limit: stop after so many rows.
        encoding: of a CSV file; `auto` finds out.
        endings: of images, such as `.jpg`, for paths that have none.
    """

    file: str
    path_column: str | None = None
    keep: tuple[str, ...] = ()
    null: bool = False
    limit: int | None = None
    encoding: str = AUTO
    endings: tuple[str, ...] = ()


def is_parquet_list(file: str) -> bool:
    """Whether a list is Parquet: by its ending, or because it is a folder, as no other list can be."""
    return file.lower().endswith(PARQUET) or Path(file).is_dir()


def parquet_files(file: str) -> tuple[Path, ...]:
    """The Parquet files that a list stands for, in its order: of a folder those in it, by their names.

    Raises:
        DataError: a folder has none, one that braces name is not there, or there are too many.
    """
    path = Path(file)
    if path.is_dir():
        names = sorted(each.name for each in path.iterdir() if each.name.lower().endswith(PARQUET))
        found = tuple(path / name for name in names if not name.startswith((".", "_")))
        if not found:
            raise DataError(f"{file}: is a folder without Parquet files", hint="--files-from names a list of photos")
        return found
    if path.exists():
        return (path,)
    found = tuple(map(Path, names_of(file)))
    for each in found:
        if not each.is_file():
            raise DataError(f"cannot read {each}: {'is no file' if each.exists() else 'No such file or directory'}")
    return found
