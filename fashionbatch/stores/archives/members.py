"""What an archive holds: its members, each with the place where its bytes lie, as a manifest keeps it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

LARGEST_MEMBER: Final = 256 << 20
"""Bytes of a member that is read: it is read whole."""

Kind: TypeAlias = Literal["file", "link", "special"]
"""Of a member; folders are none."""

TAR: Final = "tar"
UNPACKED: Final = "unpacked"
ZIP: Final = "zip"
_REFUSED: Final = "refused"
_NUMBERS: Final = {TAR: 1, UNPACKED: 2, ZIP: 5}


class ArchiveError(Exception):
    """An archive, or what follows in it, cannot be read; the message says why."""


class ZipPlace(NamedTuple):
    """Where a member of a zip lies, as the central directory tells it.

    Attributes:
        header: offset of its local header.
        size: bytes as they lie there, compressed.
        method: of compression: 0 for none, 8 for deflate.
        crc: CRC-32 of the content.
        name: CRC-32 of the bytes of its name, by which the local header is known to be the member's.
    """

    header: int
    size: int
    method: int
    crc: int
    name: int


class Place(NamedTuple):
    """Where the bytes of a member lie.

    Attributes:
        kind: `tar`, `unpacked` (a tar that was compressed, and lies beside the manifest) or `zip`.
        archive: how many bytes of the member's path name the archive.
        size: of the archive in bytes, when it was indexed.
        mtime_ns: of the archive's last change, likewise.
        numbers: `(offset,)` of a tar; `(offset, number of the file)` of an unpacked one; of a zip as `ZipPlace`.
        tag: of the archive in its store, such as an ETag; empty for one on this machine.
    """

    kind: str
    archive: int
    size: int
    mtime_ns: int
    numbers: tuple[int, ...]
    tag: str = ""

    def token(self) -> str:
        """As a manifest keeps it."""
        numbers = map(str, (self.archive, self.size, self.mtime_ns, *self.numbers))
        return " ".join([self.kind, *numbers, *([self.tag] if self.tag else [])])


class Member(NamedTuple):
    """One member of an archive.

    Attributes:
        name: as bytes, as it stands there.
        kind: what it is.
        size: of its content in bytes; negative where the archive says nothing that can be.
        mtime_ns: of its last change, in nanoseconds since 1970.
        numbers: where its bytes lie, as `Place` has them.
        problem: why it is not to be read; empty where it is.
    """

    name: bytes
    kind: Kind
    size: int
    mtime_ns: int
    numbers: tuple[int, ...]
    problem: str = ""


def refusal_token(problem: str) -> str:
    """The token of a member that is a row, but not to be read."""
    return f"{_REFUSED} {problem}"


def place_of(token: str) -> Place | str:
    """Where a member lies, or why it is not to be read.

    Raises:
        ValueError: the token is none of an archive's member.
    """
    kind, _, rest = token.partition(" ")
    if kind == _REFUSED:
        return rest
    if kind not in _NUMBERS:
        raise ValueError(f"not a place: {token[:80]!r}")
    count = 3 + _NUMBERS[kind]
    parts = rest.split(" ", count)
    archive, size, mtime_ns, *numbers = map(int, parts[:count])
    return Place(kind, archive, size, mtime_ns, tuple(numbers), "".join(parts[count:]))


def problem_of(name: bytes, size: int) -> str:
    """Why a member is not to be read, by its name and what it says of its size; empty where nothing is against it."""
    parts = name.split(b"/")
    if name.startswith(b"/") or b".." in parts:
        return "ArchiveError: the member's name leads out of the archive"
    if size < 0:
        return "ArchiveError: the member has no size that can be"
    if size > LARGEST_MEMBER:
        return f"ArchiveError: the member is larger than {LARGEST_MEMBER >> 20} MiB"
    return ""


def plain_name(name: bytes) -> bytes:
    """A member's name without what means nothing: `./a//b.jpg`, as `tar cf photos.tar .` has it, is `a/b.jpg`."""
    start = b"/" if name.startswith(b"/") else b""
    return start + b"/".join(part for part in name.split(b"/") if part not in {b"", b"."})
