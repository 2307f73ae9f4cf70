"""What a scan is asked for, and what it saw besides the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from fashionbatch.csvtext import AUTO
from fashionbatch.stores.address import Location, Url, as_location

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
        lists: those in a store, each as a `ListRecord` has it.
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
    lists: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As JSON holds it. Links and lists that there are none of are not told: tables of folders never did so."""
        return {name: value for name, value in asdict(self).items() if value or name not in {"links", "lists"}}


@dataclass(frozen=True)
class ListOptions:
    """How a list of files is read.

    Attributes:
        file: the list, a path or an address; `-` is standard input. Of Parquet also a folder, or several files by
            braces.
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

    @property
    def place(self) -> Location:
        """Where the list lies. As text it shows no credentials."""
        return as_location(self.file)


def text_of_list(location: Location) -> str:
    """A list as `ListOptions` has it: an address with what is in it."""
    return location.text if isinstance(location, Url) else str(location)


def is_parquet_list(location: Location) -> bool:
    """Whether a list is Parquet: by its ending, or because it is a folder, as no other list can be."""
    if location.suffix.lower() == PARQUET:
        return True
    return location.text.endswith("/") if isinstance(location, Url) else location.is_dir()
