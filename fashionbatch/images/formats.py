"""Which image formats are read, told by their first bytes and never by the file's name."""

from __future__ import annotations

import re
from typing import Final

WITHOUT_EXTRAS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""The formats that every installation reads. Messages name these: no table depends on what is installed."""

FORMATS: Final = (*WITHOUT_EXTRAS, "HEIF")
"""The formats that are read; HEIF with the extra `heif`. Others (EPS, PSD, FITS, JPEG 2000) have had the holes."""

HEAD_BYTES: Final = 64
"""How many bytes `sniff` and `foreign_kind` want to see."""

# (offset, bytes there, format), tried in this order: two letters (BMP) are little evidence and come last.
_SIGNATURES: Final = (
    (0, (b"\xff\xd8\xff",), "JPEG"),
    (0, (b"\x89PNG\r\n\x1a\n",), "PNG"),
    (8, (b"WEBP",), "WEBP"),
    (0, (b"GIF87a", b"GIF89a"), "GIF"),
    (0, (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"), "TIFF"),
    (0, (b"BM",), "BMP"),
)
# What a container says of itself first, and then what else it keeps to. `mif1` and `msf1` say picture, of any codec.
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"heif", b"mif1", b"mif2", b"msf1"}
)
_FOREIGN_HEADS = {
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "EPS",
    b"SIMPLE  =": "a FITS file",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"RIFF": "a video or sound (RIFF)",
    b"II\xbc\x01": "JPEG XR",
    b"\0\0\x01\0": "an icon (ICO)",
    b"icns": "an icon (ICNS)",
    b"qoif": "QOI",
    b"DDS ": "DDS",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"\x8aMNG": "MNG",
    b"BPG\xfb": "BPG",
    b"\x01\xda": "SGI",
    b"FUJIFILMCCD-RAW": "a camera's raw photo",
    b"IIRO": "a camera's raw photo",
    b"IIRS": "a camera's raw photo",
    b"IIU\0": "a camera's raw photo",
    b"\x1aE\xdf\xa3": "a video (Matroska or WebM)",
    b"PK\x03\x04": "a ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\xfd7zXZ": "xz data",
    b"\x1f\x8b": "gzip data",
}
_PNM: Final = re.compile(rb"P[1-7F][\t\n\r #]")
_TRUEVISION_TYPES: Final = frozenset({1, 2, 3, 9, 10, 11})


_TEXT = re.compile(rb"[^\x00-\x08\x0b\x0e-\x1f\x7f]+")


def sniff(head: bytes) -> str | None:
    """Pillow's name of the format that a file's first bytes announce, None where it is none that is read.

    Args:
        head: the first HEAD_BYTES bytes of the file.
    """
    for offset, signatures, name in _SIGNATURES:
        if head.startswith(signatures, offset):
            return name
    return _container(head)


def _container(head: bytes) -> str | None:
    """AVIF or HEIF, by the brands of a container of boxes."""
    if head[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(head[:4], "big"), len(head))
    first = head[8:12]
    if first not in _AVIF_BRANDS | _HEIF_BRANDS:
        return None
    also = {head[at : at + 4] for at in range(16, length - 3, 4)}
    # Of a picture of any codec the other brands say which; one that says nothing is tried as the commoner HEIF.
    return "AVIF" if first in _AVIF_BRANDS or (first.startswith(b"m") and also & _AVIF_BRANDS) else "HEIF"


def foreign_kind(head: bytes) -> str:
    """What a file that `sniff` does not know seems to be, such as `HTML` or `an empty file`."""
    for start, kind in _FOREIGN_HEADS.items():
        if head.startswith(start):
            return kind
    if not head.strip(b"\0"):
        return "zero bytes" if head else "an empty file"
    for is_such, kind in _LOOKS.items():
        if is_such(head):
            return kind
    return _kind_of_text(head) if _TEXT.fullmatch(head) else "data of an unknown kind"


def _is_box_container(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_cursor(head: bytes) -> bool:
    return head.startswith(b"\0\0\2\0") and any(head[4:6])


def _is_portable_map(head: bytes) -> bool:
    return _PNM.match(head) is not None


def _is_truevision(head: bytes) -> bool:
    """Whether a head without any magic number is one that TGA files have."""
    if len(head) < 18 or head[1] > 1 or head[2] not in _TRUEVISION_TYPES or head[16] not in {8, 15, 16, 24, 32}:
        return False
    return any(head[12:14]) and any(head[14:16]) and head[17] & 0xC0 == 0


# Asked in this order of a head that begins with no kind's own bytes.
_LOOKS: Final = {
    _is_box_container: "a video or another MP4 container",
    _is_cursor: "a cursor (CUR)",
    _is_portable_map: "PPM, PGM or PBM",
    _is_truevision: "Truevision (TGA)",
}


def _kind_of_text(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    return "XML or SVG" if text.startswith((b"<?xml", b"<svg")) else "text"
