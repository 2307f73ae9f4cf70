"""What a scan is asked for, and what it saw besides the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from fashionbatch.csvtext import AUTO


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
        file: the list; `-` is standard input.
        path_column: the column of a CSV file that holds the paths; None for a plain list.
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
