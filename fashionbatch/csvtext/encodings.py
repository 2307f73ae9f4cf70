"""Which encoding the bytes of a text file are in."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from typing import BinaryIO, Final

from fashionbatch.errors import DataError

UTF_8: Final = "utf-8"
WESTERN: Final = "cp1252"
"""What programs on Windows write in Western Europe and America."""

ASKED_FOR: Final = (WESTERN, "cp949", "cp932", "gb18030", "cp1251")
"""What a file that is no UTF-8 may be in; a message shows how each would read it."""

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PIECE: Final = 1 << 20
_FIRST_LETTERS: Final = 16
_RUN: Final = re.compile(rb"[A-Za-z]?[\x80-\xff]+[A-Za-z]?")


def marked_encoding(head: bytes) -> tuple[str, int] | None:
    """The encoding that a byte-order mark says, and how long the mark is; None without one."""
    return next(((encoding, len(mark)) for mark, encoding in _MARKS if head.startswith(mark)), None)


def unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a mark: letters and NULs alternate, as they do for the letters that headers are made of."""
    head = head[: len(head) // 2 * 2][:_FIRST_LETTERS]
    for odd, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        if head and not any(head[odd::2]) and b"\0" not in head[1 - odd :: 2]:
            return encoding
    return None


def known_encoding(name: str, encoding: str) -> str:
    """Python's name of an encoding of text.

    Raises:
        DataError: there is none of that name.
    """
    try:
        found = codecs.lookup(encoding)
        "a".encode(found.name)
    except (LookupError, ValueError):
        raise DataError(
            f"{name}: {encoding!a} is no encoding of text",
            hint=f"usual ones are {UTF_8}, utf-16, {', '.join(ASKED_FOR)}",
        ) from None
    return found.name


def undecodable_line(file: BinaryIO, encoding: str) -> int | None:
    """The first line that is not in an encoding, from 1; None where all are. It reads from where the file is.

    The file is read by pieces, so that its size does not matter.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    while True:
        piece = file.read(_PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return lines + error.object[: error.start].count(b"\n")
        if not piece:
            return None
        lines += text.count("\n")


def is_western(samples: Iterable[bytes]) -> bool:
    """Whether bytes that are no UTF-8 read well as Western European text.

    They do where accented letters stand alone or in pairs beside plain ones, as in `Größe`. Korean, Japanese or Russian
    would come out as long runs of them, and so would UTF-8 that was cut in the middle.
    """
    runs = [run for sample in samples for run in _RUN.findall(sample)]
    return bool(runs) and all(_is_western_run(run) for run in runs)


def _is_western_run(run: bytes) -> bool:
    odd = bytes(byte for byte in run if byte >= 0x80)
    try:
        letters = odd.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    if len(odd) == 1:
        return unicodedata.category(letters)[0] in "LPS"
    return len(odd) == 2 and len(run) > 2 and all(unicodedata.category(letter)[0] == "L" for letter in letters)


def readings(sample: bytes) -> list[tuple[str, str]]:
    """How each usual encoding would read a text that is no UTF-8; those that cannot are left out."""
    found = []
    for encoding in ASKED_FOR:
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.isprintable():
            found.append((encoding, text))
    return found
