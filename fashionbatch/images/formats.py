"""Which image formats are read, told by their first bytes and never by the file's name."""

from __future__ import annotations

import re
from typing import Final

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""The formats that are read, by Pillow's names. Others (EPS, PSD, FITS, JPEG 2000) have had the security holes."""

HEAD_BYTES: Final = 64
"""How many bytes `sniff` and `foreign_kind` want to see."""

# (offset, bytes there, format), tried in this order: two letters (BMP) are little evidence and come last. `mif1` and
# `msf1` are what HEIC may say as well; the AVIF decoder finds out.
_SIGNATURES: Final = (
    (0, (b"\xff\xd8\xff",), "JPEG"),
    (0, (b"\x89PNG\r\n\x1a\n",), "PNG"),
    (8, (b"WEBP",), "WEBP"),
    (0, (b"GIF87a", b"GIF89a"), "GIF"),
    (0, (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"), "TIFF"),
    (4, (b"ftypavif", b"ftypavis", b"ftypmif1", b"ftypmsf1"), "AVIF"),
    (0, (b"BM",), "BMP"),
)
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis")
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
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip data",
}


_TEXT = re.compile(rb"[^\x00-\x08\x0b\x0e-\x1f\x7f]+")


def sniff(head: bytes) -> str | None:
    """Pillow's name of the format that a file's first bytes announce, None where it is none that is read.

    Args:
        head: the first 16 bytes of the file, or more.
    """
    for offset, signatures, name in _SIGNATURES:
        if head.startswith(signatures, offset):
            return name
    return None


def foreign_kind(head: bytes) -> str:
    """What a file that `sniff` does not know seems to be, such as `HTML` or `an empty file`."""
    for start, kind in _FOREIGN_HEADS.items():
        if head.startswith(start):
            return kind
    if head[4:8] == b"ftyp":
        return "HEIC" if head[8:12] in _HEIC_BRANDS else "a video or another MP4 container"
    if not head.strip(b"\0"):
        return "zero bytes" if head else "an empty file"
    return _kind_of_text(head) if _TEXT.fullmatch(head) else "data of an unknown kind"


def _kind_of_text(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    return "XML or SVG" if text.startswith((b"<?xml", b"<svg")) else "text"
