"""Every format and oddity of image files that is promised, with what comes of it.

`tests/unit/images/test_formats.py` decodes each; `scripts/make_docs.py` makes `docs/formats.md` of the same list.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[Any]
BACKGROUND: Final = (0, 200, 0)
SIZE: Final = (24, 40)
"""Height and width of every picture."""

PICTURE, NOTE, ERROR = "picture", "note", "error"
MISSING: Final = "(N of M rows are missing, P%)"
TRUNCATED: Final = f"OSError: image file is truncated {MISSING}"
_NUMBERS: Final = re.compile(r"\(\d+ of \d+ rows are missing, [^)]*\)")


@dataclass(frozen=True)
class Case:
    """One oddity.

    Attributes:
        format: the file's.
        oddity: what is odd about it.
        outcome: `picture`, `note` (a picture, and its row says something) or `error`.
        words: how the picture comes out, or what the row says, with letters for numbers that depend on the file.
        make: gives the file's bytes.
        expected: the pixels, `(height, width, 3)`; None where there are none.
        most: how far each pixel may be off; for lossy formats, in the mean.
        is_lossy: whether `most` is about the mean.
        needs: a package that it takes to make the file.
    """

    format: str
    oddity: str
    outcome: str
    words: str
    make: Callable[[], bytes]
    expected: Pixels | None = None
    most: float = 0.0
    is_lossy: bool = False
    needs: str = ""

    @property
    def comes(self) -> str:
        """What comes of it, as the document says it."""
        if self.outcome == ERROR:
            return f"an error: `{self.words}`"
        return f"its picture; the row says `{self.words}`" if self.outcome == NOTE else f"its picture{self.words}"


def without_numbers(message: str) -> str:
    """A message with letters for how many rows are missing, which rests on a library's version."""
    return _NUMBERS.sub(MISSING, message)


def cases(factory: ModuleType) -> list[Case]:
    """All of them.

    Args:
        factory: the module `images_factory`.
    """
    groups = (_jpeg, _png, _tiff, _bmp, _others, _foreign)
    return [case for group in groups for case in group(factory)]


def document(found: list[Case]) -> str:
    """`docs/formats.md`."""
    lines = [
        "# Formats",
        "",
        "<!-- Made by scripts/make_docs.py from tests/format_cases.py; `make docs` makes it again. -->",
        "",
        "This page says what becomes of an odd or damaged image file, in training and in labeling alike. *Its picture*",
        "means that the file is read. *An error* means that the file is left out of training, and that its row in a",
        "label table has the status `error` and this text. The content of a file decides, not its name.",
        "",
        "Every line is tested with such a file: the pixels of pictures are compared, and so are the words of errors.",
        "N, M and P stand for numbers. [Data](data.md#from-a-file-to-pixels) has the rules.",
    ]
    for name in dict.fromkeys(case.format for case in found):
        lines += ["", f"## {name}", "", "| what is odd | what comes of it |", "| --- | --- |"]
        rows = [case for case in found if case.format == name]
        lines += [f"| {'nothing' if case.oddity == 'none' else case.oddity} | {case.comes} |" for case in rows]
    return "\n".join(lines) + "\n"


def _on_background(colours: Pixels, alpha: Pixels) -> Pixels:
    share = alpha[..., np.newaxis].astype(float) / 255
    return colours * share + np.array(BACKGROUND) * (1 - share)


def _photo() -> Pixels:
    """As large as a small photo: ends of files show only where there are many rows of blocks."""
    y, x = np.mgrid[0:240, 0:320]
    waves = np.stack([np.sin(x / 9 + y / 31), np.cos(y / 7), np.sin((x + y) / 13)], axis=-1) * 90 + 120
    return np.clip(waves + np.random.default_rng(0).normal(0, 12, (240, 320, 1)), 0, 255).astype(np.uint8)


def _jpeg(factory: ModuleType) -> Iterator[Case]:
    picture = factory.picture()
    plain = {"quality": 95, "subsampling": 0}

    def shown(oddity: str, make: Callable[[], bytes], words: str = "", expected: Pixels = picture) -> Case:
        return Case("JPEG", oddity, PICTURE, words, make, expected, 5, is_lossy=True)

    yield shown("none", lambda: factory.plain("JPEG"))
    yield shown("progressive", lambda: factory.encode(picture, "JPEG", progressive=True, **plain))
    yield shown("with restart markers", lambda: factory.encode(picture, "JPEG", restart_marker_rows=1, **plain))
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    yield shown("grey", lambda: factory.encode(grey, "JPEG", **plain), expected=grey[:, :, np.newaxis])
    yield shown("CMYK, stored inverted as Adobe does", factory.cmyk_jpeg)
    yield shown("YCCK", factory.ycck_jpeg)
    for number in range(2, 9):
        yield shown(
            f"EXIF orientation {number}", lambda number=number: factory.oriented(number, "JPEG", **plain), ", upright"
        )
    yield shown("broken EXIF", factory.broken_exif_jpeg)
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    yield shown("orientation in XMP alone", lambda: factory.encode(picture, "JPEG", xmp=xmp, **plain), ", not turned")
    yield shown("a film or a preview behind it", lambda: factory.plain("JPEG") + b"ftypmp42" * 100)
    second = [Image.fromarray(picture[::-1])]
    yield shown(
        "two pictures in one file (MPO)",
        lambda: factory.encode(picture, "MPO", save_all=True, append_images=second, **plain),
        ": the first one",
    )
    photo = _photo()
    for kind, options in {
        "sequential": {},
        "progressive": {"progressive": True},
        "with restart markers": {"restart_marker_rows": 1},
    }.items():
        data = factory.encode(photo, "JPEG", **options)

        def cut(oddity: str, content: bytes, kind: str = kind) -> Case:
            return Case("JPEG", f"{kind}, {oddity}", ERROR, TRUNCATED, lambda: content)

        yield cut("cut in the middle", data[: len(data) // 2])
        yield cut("cut, with an end marker behind", data[: len(data) // 2] + b"\xff\xd9")
        yield cut("cut, with zeros to its full length", data[: len(data) // 2].ljust(len(data), b"\0"))
        yield Case(
            "JPEG",
            f"{kind}, without its end marker",
            NOTE,
            "note: the end marker is missing",
            lambda data=data: data[:-2],
            photo,
            40,
            is_lossy=True,
        )
    yield Case(
        "JPEG",
        "less than the last row of blocks is missing, with the end marker",
        NOTE,
        "note: the end marker is missing, with up to 16 of 240 rows",
        lambda: (data := factory.encode(photo, "JPEG"))[: -len(data) // 60],
        photo,
        40,
        is_lossy=True,
    )
    head = factory.plain("JPEG")[:4]
    words = "UnidentifiedImageError: damaged or unusual JPEG (its header is damaged or cut short)"
    yield Case("JPEG", "nothing but the first bytes", ERROR, words, lambda: head)


def _png(factory: ModuleType) -> Iterator[Case]:
    picture = factory.picture()
    rows = [row.tobytes() for row in picture]
    size = (SIZE[1], SIZE[0])

    def shown(oddity: str, make: Callable[[], bytes], expected: Pixels = picture, words: str = "") -> Case:
        return Case("PNG", oddity, PICTURE, words, make, expected, 1)

    def with_chunk(kind: bytes, body: bytes, *, is_right: bool = True) -> bytes:
        chunk = factory.png_chunk(kind, body)
        return bytes(factory.png(rows, size, 8, 2, before=chunk if is_right else chunk[:-4] + b"\0\0\0\1"))

    yield shown("none", lambda: factory.plain("PNG"))
    yield shown("orientation 6 in EXIF", lambda: factory.oriented(6, "PNG"), words=", upright")
    yield shown("animated", lambda: factory.animated("PNG"), words=": the first frame")
    alpha = np.full(SIZE, 128)
    flat = np.broadcast_to(np.array([10, 20, 30]), (*SIZE, 3))
    yield shown("transparency", lambda: factory.rgba(128), _on_background(flat, alpha), words=", on the background")
    grey = np.full((*SIZE, 3), 100)
    words = ", on the background"
    yield shown("grey with transparency", lambda: factory.grey_with_alpha(128), _on_background(grey, alpha), words)
    half = np.zeros((*SIZE, 3), int)
    half[:, :20], half[:, 20:] = (255, 0, 0), BACKGROUND
    yield shown("a palette with a transparent entry", factory.palette_with_transparency, half, words)
    black = np.zeros((*SIZE, 3), int)
    black[:, 20:] = 255
    yield shown("1 bit", factory.one_bit, black)
    ramp = factory.grey_ramp("<u2", 0, 65535)
    yield shown(
        "grey of 16 bits",
        lambda: factory.encode(ramp, "PNG"),
        (ramp / 257)[:, :, np.newaxis],
        ", divided by 257 and rounded",
    )
    expected = np.where((ramp == ramp[0, 7])[:, :, np.newaxis], BACKGROUND, (ramp / 257)[:, :, np.newaxis])
    key = factory.png_chunk(b"tRNS", struct.pack(">H", int(ramp[0, 7])))
    yield shown(
        "one transparent shade of 16 bits",
        lambda: factory.png([row.astype(">u2").tobytes() for row in ramp], size, 16, 0, before=key),
        expected,
        words,
    )
    yield shown("text with a wrong checksum", lambda: with_chunk(b"tEXt", b"Title\0abc", is_right=False))
    yield shown("compressed text of 3 MB", lambda: with_chunk(b"zTXt", b"C\0\0" + zlib.compress(bytes(3_000_000))))
    yield shown("a colour profile that is no data", lambda: with_chunk(b"iCCP", b"name\0\0x"))
    data = factory.encode(_photo(), "PNG")
    yield Case("PNG", "cut in the middle", ERROR, TRUNCATED, lambda: data[: len(data) // 2])
    raw = b"".join(b"\0" + row for row in rows)
    body = factory.png_chunk(b"IDAT", zlib.compress(raw[: len(raw) // 2]))
    early = factory.png(rows, size, 8, 2)
    early = early[:33] + body + factory.png_chunk(b"IEND", b"")
    yield Case("PNG", "its stream closes after half of the rows", ERROR, TRUNCATED, lambda: early)
    bomb = "DecompressionBombError: more pixels than the limit of 178956970"
    yield Case("PNG", "256 million pixels in a few bytes", ERROR, bomb, lambda: factory.bomb_png(16000, 16000))


def _tiff(factory: ModuleType) -> Iterator[Case]:
    noise = np.random.default_rng(1).integers(0, 256, (*SIZE, 4), np.uint8)
    colours, alpha = noise[:, :, :3], noise[:, :, 3]

    def shown(oddity: str, make: Callable[[], bytes], expected: Pixels = colours, words: str = "") -> Case:
        return Case("TIFF", oddity, PICTURE, words, make, expected, 2)

    kinds: dict[str, Any] = {
        "8 bits": colours,
        "16 bits": colours.astype(np.uint16) * 257,
        "32 bits": colours.astype(np.uint32) * 0x01010101,
        "floats": (colours / 255).astype(np.float32),
        "floats of 64 bits": colours / 255,
    }
    for kind, values in kinds.items():
        for where, is_planar in {"": False, ", in planes": True}.items():
            for layout, options in {"strips": {"rows_per_strip": 7}, "tiles": {"tile": (16, 32)}}.items():
                packing = "compressed" if is_planar else "not compressed"
                yield shown(
                    f"colours of {kind}{where}, {layout}, {packing}, in a big-endian BigTIFF",
                    lambda values=values, is_planar=is_planar, options=options: factory.tiff(
                        values, 2, is_planar=is_planar, order=">", is_big=True, deflate=is_planar, **options
                    ),
                )
    wide = noise.astype(np.uint16) * 257
    words = ", on the background"
    yield shown(
        "transparency of 16 bits in planes",
        lambda: factory.tiff(wide, 2, is_planar=True, extra=(2,)),
        _on_background(colours, alpha),
        words,
    )
    ink = (255.0 - colours) * (255.0 - alpha[:, :, np.newaxis]) / 255
    yield shown("CMYK of 16 bits in planes", lambda: factory.tiff(wide, 5, is_planar=True), ink)
    pair = np.dstack([(colours[:, :, 0].astype(int) * alpha // 255).astype(np.uint8), alpha])
    multiplied = pair[:, :, :1] + np.array(BACKGROUND) * (1 - alpha[:, :, np.newaxis] / 255)
    yield shown("grey multiplied by its transparency", lambda: factory.tiff(pair, 1, extra=(1,)), multiplied, words)
    grey = noise[:, :, :1]
    yield shown(
        "grey of 16 bits, big-endian, compressed",
        lambda: factory.tiff(wide[:, :, :1], 1, order=">", deflate=True),
        grey,
    )
    yield shown("white is zero, 32-bit floats", lambda: factory.tiff(kinds["floats"][:, :, :1], 0), 255 - grey)
    table = np.random.default_rng(2).integers(0, 256, (3, 256))
    for oddity, factor in {"a palette of 16-bit values": 257, "a palette of 8-bit values": 1}.items():
        stored = tuple((table * factor).ravel().tolist())
        yield shown(
            oddity,
            lambda stored=stored: factory.tiff(grey, 3, tags={320: ("H", stored)}),
            table.T[grey[:, :, 0]],
        )
    ramp = factory.grey_ramp("<i2", -300, 300)
    spread = np.linspace(0, 255, SIZE[1])[np.newaxis, :, np.newaxis] * np.ones((SIZE[0], 1, 1))
    yield shown(
        "signed grey",
        lambda: factory.tiff(ramp[:, :, np.newaxis], 1),
        spread,
        ", from its darkest to its brightest value",
    )
    yield shown("orientation 6", lambda: factory.oriented(6, "TIFF"), factory.picture(), ", upright")
    yield shown("several pages", factory.multi_page_tiff, factory.picture(), ": the first page")
    signed = "UnidentifiedImageError: a TIFF of samples that are not read in this type and order"
    yield Case(
        "TIFF", "signed colours in planes", ERROR, signed, lambda: factory.tiff(wide.astype("i2"), 2, is_planar=True)
    )
    data = factory.encode(_photo(), "TIFF")
    yield Case("TIFF", "cut in the middle", ERROR, TRUNCATED, lambda: data[: len(data) // 2])


def _bmp(factory: ModuleType) -> Iterator[Case]:
    picture = factory.picture()
    yield Case("BMP", "none", PICTURE, "", lambda: factory.plain("BMP"), picture)
    fields = (picture.astype(int) * 15 + 127) // 255
    values = (fields @ np.array([256, 16, 1])).astype("<u2")
    masks = (0xF00, 0xF0, 0xF)
    yield Case("BMP", "bit fields of 4 bits", PICTURE, "", lambda: factory.bmp_by_masks(values, masks), fields * 17, 1)
    impossible = "OSError: Unsupported BMP bitfields layout"
    yield Case("BMP", "bit fields with gaps", ERROR, impossible, lambda: factory.bmp_by_masks(values, (0xF00, 0xF0, 5)))
    data = factory.encode(_photo(), "BMP")
    yield Case("BMP", "cut in the middle", ERROR, TRUNCATED, lambda: data[: len(data) // 2])


def _others(factory: ModuleType) -> Iterator[Case]:
    picture = factory.picture()
    for format_, name, article in (("WEBP", "WebP", "a WebP"), ("AVIF", "AVIF", "an AVIF"), ("GIF", "GIF", "a GIF")):
        most = 20 if format_ == "GIF" else 4
        make = lambda format_=format_: factory.plain(format_)  # noqa: E731 - one of many
        yield Case(name, "none", PICTURE, "", make, picture, most, is_lossy=True)
        if format_ != "AVIF":
            yield Case(
                name,
                "animated",
                PICTURE,
                ": the first frame",
                lambda format_=format_: factory.animated(format_),
                picture,
                most,
                is_lossy=True,
            )
        data = factory.encode(_photo(), format_)
        words = f"OSError: {article} that is damaged or cut short"
        yield Case(name, "cut in the middle", ERROR, words, lambda data=data: data[: len(data) // 2])

    def heic() -> bytes:
        import pillow_heif

        buffer = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(picture)).save(buffer, quality=95, chroma=444)
        return buffer.getvalue()

    of_phone = ", with `pip install 'fashionbatch[heif]'`; without it, an error that says so"
    yield Case("HEIC", "none", PICTURE, of_phone, heic, picture, 4, is_lossy=True, needs="pillow_heif")
    words = "OSError: a HEIC or HEIF photo that is damaged or cut short"
    yield Case("HEIC", "cut in the middle", ERROR, words, lambda: heic()[:400], needs="pillow_heif")


def _foreign(factory: ModuleType) -> Iterator[Case]:
    picture = factory.picture()
    what: dict[str, Callable[[], bytes]] = {
        "JPEG 2000": lambda: factory.encode(picture, "JPEG2000"),
        "JPEG XL": lambda: b"\0\0\0\x0cJXL \r\n\x87\n".ljust(80, b"\1"),
        "an icon (ICO)": lambda: factory.encode(picture, "ICO"),
        "Truevision (TGA)": lambda: factory.encode(picture, "TGA"),
        "PPM, PGM or PBM": lambda: factory.encode(picture, "PPM"),
        "PostScript": lambda: factory.encode(picture, "EPS"),
        "a PDF": lambda: b"%PDF-1.7\n".ljust(80, b"\1"),
        "XML or SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "HTML": lambda: b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
        "text": lambda: b"this is not an image\n",
        "a video or another MP4 container": lambda: b"\0\0\0\x18ftypisom\0\0\0\0".ljust(80, b"\1"),
        "a ZIP archive": lambda: b"PK\x03\x04".ljust(80, b"\1"),
        "zero bytes": lambda: bytes(100),
        "an empty file": lambda: b"",
    }
    read = "JPEG PNG WEBP GIF BMP TIFF AVIF"
    for kind, make in what.items():
        words = f"UnidentifiedImageError: {kind}, not an image in one of {read}"
        yield Case("What is no image, or of another format", kind, ERROR, words, make)
