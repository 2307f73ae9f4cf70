"""Finds the members of archives, in the order of their paths' bytes, and freezes them in a manifest.

A row is `photos.tar/shoes/a.jpg`. The rules are those of a folder: by ending, hidden or not, by patterns (of the path
within the archive). Links, devices and pipes are left out and counted, and so is nothing else of what an archive may
hold: a member with a name or size that cannot be is a row that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from fashionbatch import disk
from fashionbatch.display_width import counted
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.manifest import LONGEST_PATH, ManifestWriter
from fashionbatch.labeling.job.paths import unpacked_beside
from fashionbatch.labeling.source.archive_files import ArchiveFile, archive_files, fault_at
from fashionbatch.labeling.source.choosing import Choice
from fashionbatch.labeling.source.external_sort import RUN_LENGTH, external_sort
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary
from fashionbatch.stores.address import Location
from fashionbatch.stores.archives.members import (
    TAR,
    UNPACKED,
    ZIP,
    ArchiveError,
    Member,
    Place,
    plain_name,
    refusal_token,
)
from fashionbatch.stores.archives.tar import tar_members
from fashionbatch.stores.archives.unpacking import is_compressed, unpack, unpacked_name
from fashionbatch.stores.archives.zip import zip_members
from fashionbatch.stores.faults import StoreFaultError

_REPORT_EVERY_S = 1.0

# Path, the number of the member among all, size, mtime in ns, token: sorted so, the last of several comes last.
_Found: TypeAlias = tuple[bytes, int, int, int, str]


def scan_archives(
    source: Location, options: ScanOptions, manifest: Path, *, report: Callable[[int], None] = lambda _rows: None
) -> ScanSummary:
    """Write the manifest of one or several archives.

    Args:
        source: as `archives_in` takes it.
        options: what to look for.
        manifest: where the manifest is written; what has to be unpacked goes beside it.
        report: called now and then with the number of rows so far.

    Returns:
        What was seen.

    Raises:
        DataError: an archive is not there, or nothing of it can be read.
        OSError: the manifest cannot be written, or what is unpacked.
    """
    with disk.write_new(manifest) as file:
        writer = ManifestWriter(file, tokens=True)
        scanner = _Scanner(source, options, unpacked_beside(manifest))
        found = external_sort(scanner.files(report), manifest.parent, RUN_LENGTH)
        for number, (path, _, size, mtime_ns, token) in enumerate(scanner.last_of_each(found)):
            if options.limit is not None and writer.rows >= options.limit:
                scanner.summary.limited = True
                break
            if number % options.step == 0:
                writer.add(path, size, mtime_ns, token=token)
        summary = scanner.summary
        summary.digest, summary.rows, summary.bytes = writer.finish(), writer.rows, writer.bytes
        summary.notes = scanner.notes()
    return summary


class _Scanner:
    def __init__(self, source: Location, options: ScanOptions, unpacked: Path) -> None:
        self.summary = ScanSummary()
        self._source = source
        self._unpacked = unpacked
        self._choice = Choice(options, self.summary)
        self._damaged: list[str] = []
        self._repeated = self._nameless = 0

    def files(self, report: Callable[[int], None]) -> Iterator[_Found]:
        """Every member that is to be a row, archive by archive."""
        rows, reported = 0, time.monotonic()
        for number, archive in enumerate(archive_files(self._source)):
            for path, size, mtime_ns, token in self._files_of(archive, number):
                yield path, rows, size, mtime_ns, token
                rows += 1
                if rows % 1000 == 0 and time.monotonic() - reported > _REPORT_EVERY_S:
                    reported = time.monotonic()
                    report(rows)

    def last_of_each(self, found: Iterator[_Found]) -> Iterator[_Found]:
        """Without those of which a later one has the path: who unpacks them has the last, too."""
        before = next(found, None)
        while before is not None:
            now = next(found, None)
            if now is None or now[0] != before[0]:
                yield before
            else:
                self._repeated += 1
            before = now

    def notes(self) -> list[str]:
        """What the user should know, each a sentence."""
        notes = [f"warning: {damage}" for damage in self._damaged]
        if self._repeated:
            what = counted(self._repeated, "member")
            notes.append(f"{what} with the path of a later one: left out, as unpacking would replace them")
        if self._nameless:
            notes.append(f"{counted(self._nameless, 'member')} with a name that no file can have: left out")
        return notes

    def _files_of(self, archive: ArchiveFile, number: int) -> Iterator[tuple[bytes, int, int, str]]:
        """Path, size, time and token of an archive's rows."""
        members, kind, further = self._members(archive, number)
        for member in members:
            name = plain_name(member.name)
            if not self._takes(name, member):
                continue
            path = archive.name + b"/" + name
            if b"\0" in path or len(path) > LONGEST_PATH:
                self._nameless += 1
                continue
            numbers = (*member.numbers, *further)
            place = Place(kind, len(archive.name), archive.size, archive.mtime_ns, numbers, archive.tag)
            token = refusal_token(member.problem) if member.problem else place.token()
            yield path, member.size, member.mtime_ns, token

    def _takes(self, name: bytes, member: Member) -> bool:
        parts = name.split(b"/")
        if not parts[-1]:
            self._nameless += 1
            return False
        # What leads out of the archive is a row that says so; its dots do not hide it.
        if self._choice.is_hidden(*(part for part in parts if part not in {b"", b".."})):
            return False
        if not self._choice.is_wanted(parts[-1]):
            if member.kind == "file":
                self._choice.count_other(parts[-1])
            return False
        if member.kind != "file":
            self.summary.links += member.kind == "link"
            self.summary.special += member.kind == "special"
            return False
        return not self._choice.is_excluded_below(name)

    def _members(self, archive: ArchiveFile, number: int) -> tuple[Iterator[Member], str, tuple[int, ...]]:
        """An archive's members, of which kind their places are, and what these have besides."""
        location, file = archive.location, archive.file
        try:
            if location.suffix.lower() == ".zip":
                return self._read(location, zip_members(file)), ZIP, ()
            if not is_compressed(file):
                return self._read(location, tar_members(file)), TAR, ()
            self._unpacked.mkdir(exist_ok=True)
            unpacked = self._unpacked / unpacked_name(number)
            with disk.write_new(unpacked) as into:
                damage = unpack(file, into, self._unpacked)
        except ArchiveError as error:
            raise DataError(f"{location}: {error}") from error
        except StoreFaultError as fault:
            raise fault_at(location, fault) from fault
        return self._read_unpacked(location, unpacked, damage), UNPACKED, (number,)

    def _read_unpacked(self, archive: Location, unpacked: Path, damage: str) -> Iterator[Member]:
        with unpacked.open("rb") as file:
            yield from self._read(archive, tar_members(file), damage)

    def _read(self, archive: Location, members: Iterator[Member], damage: str = "") -> Iterator[Member]:
        """The members up to where the archive is damaged, which is noted.

        Raises:
            DataError: it can be read nowhere.
        """
        count = 0
        try:
            for count, member in enumerate(members, 1):  # noqa: B007 - how far it came
                yield member
        except ArchiveError as error:
            damage = damage or str(error)
        except OSError as error:
            raise DataError(f"{archive}: {disk.why_unreadable(error)}") from error
        except StoreFaultError as fault:
            raise fault_at(archive, fault) from fault
        if damage and not count:
            raise DataError(f"{archive}: {damage}", hint="is it complete? `--exclude` cannot leave out an archive")
        if damage:
            self._damaged.append(
                f"{archive}: is damaged or cut short after {counted(count, 'member')}: {damage}; what may follow is "
                "not in the table"
            )
