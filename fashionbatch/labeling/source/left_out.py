"""What a scan has left out, in words: nothing is left out silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

_SHOWN_ENDINGS = 6


class Counted(Protocol):
    """What a scan saw besides the rows: its summary, or the record of it."""

    @property
    def other(self) -> Mapping[str, int]:
        """Ending -> files that do not end as images do."""

    @property
    def hidden(self) -> int:
        """Files and folders that are hidden or left by a system."""

    @property
    def excluded(self) -> int:
        """Files and folders that patterns left out."""

    @property
    def special(self) -> int:
        """Sockets, pipes and devices."""

    @property
    def directory_links(self) -> int:
        """Links to folders."""

    @property
    def links(self) -> int:
        """Links in archives."""

    @property
    def unreadable_count(self) -> int:
        """Folders that could not be listed."""


def left_out(files: Counted) -> list[str]:
    """A phrase for each kind of what was left out, such as `14 .heic` and `1 link to a folder`."""
    return list(_phrases(files))


def _phrases(files: Counted) -> Iterator[str]:
    endings = sorted(files.other.items(), key=lambda item: (-item[1], item[0]))
    for ending, count in endings[:_SHOWN_ENDINGS]:
        yield f"{count:,} {ending}" if ending.startswith(".") else f"{count:,} without an ending"
    rest = sum(count for _, count in endings[_SHOWN_ENDINGS:])
    if rest:
        yield f"{rest:,} with other endings"
    if files.hidden:
        yield f"{files.hidden:,} hidden or left by a system (--hidden takes them)"
    if files.excluded:
        yield f"{files.excluded:,} by --include and --exclude"
    if files.directory_links:
        links = _counted(files.directory_links, "link to a folder", "links to folders")
        yield f"{links} (--follow-links goes into them, into each folder once)"
    if files.links:
        yield _counted(files.links, "link in an archive", "links in archives")
    if files.special:
        yield _counted(files.special, "socket, pipe or device", "sockets, pipes or devices")
    if files.unreadable_count:
        yield _counted(files.unreadable_count, "folder that cannot be read", "folders that cannot be read")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
