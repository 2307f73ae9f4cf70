"""What a scan is asked for, and what it saw besides the rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fashionbatch import disk
from fashionbatch.images import EXTENSIONS
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.options import LabelOptions


@dataclass(frozen=True)
class ScanOptions:
    """What a scan looks for.

    Attributes:
        extensions: lower-case endings such as `.jpg`; None takes every regular file.
        include: glob patterns of which a path must match one; none means all.
        exclude: glob patterns of which a path must match none; a directory that does is not entered.
        skip: relative paths that are the run's own, such as an output inside the folder.
        limit: stop after so many rows.
    """

    extensions: tuple[str, ...] | None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    limit: int | None = None


@dataclass
class ScanSummary:
    """What a scan saw besides the rows.

    Attributes:
        rows: files in the manifest.
        bytes: their sizes together.
        digest: SHA-256 of the manifest.
        special: sockets, pipes and devices.
        directory_links: links to directories, which were not followed.
        excluded: files left out by include and exclude patterns; a directory counts as one.
        other: extension -> regular files that have no image extension.
        unreadable: directories that could not be listed, with the reason (the first ones).
        unreadable_count: how many there were.
        limited: whether `limit` ended the scan.
    """

    rows: int = 0
    bytes: int = 0
    digest: str = ""
    special: int = 0
    directory_links: int = 0
    excluded: int = 0
    other: dict[str, int] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unreadable_count: int = 0
    limited: bool = False


@dataclass(frozen=True)
class ListOptions:
    """How a list of files is read.

    Attributes:
        file: the list; `-` is standard input.
        path_column: the column of a CSV file that holds the paths; None for a plain list.
        keep: columns that the table takes over.
        null: paths in a plain list end with a NUL byte instead of a line end.
        limit: stop after so many rows.
    """

    file: str
    path_column: str | None = None
    keep: tuple[str, ...] = ()
    null: bool = False
    limit: int | None = None


def request_of(options: LabelOptions, folder: Path, paths: JobPaths) -> ScanOptions | ListOptions:
    """What a run asks of the scan.

    Args:
        options: of the run.
        folder: the folder.
        paths: of the output, which may lie in the folder.
    """
    source = options.source
    if source.files_from is not None:
        return ListOptions(str(source.files_from), source.path_column, source.keep, source.null, source.limit)
    return ScanOptions(
        extensions=None if source.all_files else tuple(sorted(EXTENSIONS)),
        include=source.include,
        exclude=source.exclude,
        skip=_own_files(folder, paths, options.output.embeddings),
        limit=source.limit,
    )


def _own_files(folder: Path, paths: JobPaths, embeddings: Path | None) -> tuple[str, ...]:
    """The run's own files as seen from the folder, where they lie in it."""
    own = [paths.output.with_name(name) for name in paths.own_names]
    if embeddings is not None:
        own += [embeddings, disk.temporary_name(embeddings)]
    real = (Path(os.path.realpath(path.parent), path.name) for path in own)
    return tuple(str(path.relative_to(folder)) for path in real if path.is_relative_to(folder))
