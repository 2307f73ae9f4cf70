"""Fonts for label names in any script: installed fonts are looked through for the characters that a picture needs.

DejaVu Sans, which comes with matplotlib, draws Latin, Greek, Cyrillic and more. For other characters fonts of the
machine follow it as fallbacks, in matplotlib's drawings and in Pillow's alike. A character that no font has is written
as its code point, and one warning says what brings a font: for Korean our extra `fonts`, else a package of the system.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

BASE_FAMILY = "DejaVu Sans"
_FONT_PACKAGE = "koreanize_matplotlib"
"""What the extra `fonts` installs: its files are used. It is never imported, as that changes matplotlib's settings."""


_MARK = "\N{LEFT-TO-RIGHT MARK}"
_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]"  # Hebrew, Arabic, Syriac, Thaana, N'Ko and their kin
_RIGHT_TO_LEFT = re.compile(f"{_LETTER}+(?:[ '_-]+{_LETTER}+)*")


class FontWarning(UserWarning):
    """A label name has characters that no installed font can draw."""


@dataclass(frozen=True)
class Fonts:
    """The fonts that together draw some texts.

    Attributes:
        paths: font files, in the order in which a character is looked for.
        families: their names, as matplotlib's `font.family` takes them.
        missing: characters that none of them has.
    """

    paths: tuple[Path, ...]
    families: tuple[str, ...]
    missing: frozenset[str]

    def readable(self, text: str) -> str:
        """The text as these fonts can draw it, on one line: what they lack is written as code points, `<BC14 C9C0>`.

        Words of a script that runs from right to left stand between marks that keep what follows them, a percentage
        say, on their right.
        """
        parts = []
        for drawable, characters in groupby(unicodedata.normalize("NFC", text), self._can_draw):
            piece = "".join(characters)
            parts.append(piece if drawable else f"<{' '.join(f'{ord(character):X}' for character in piece)}>")
        return _RIGHT_TO_LEFT.sub(lambda words: f"{_MARK}{words[0]}{_MARK}", "".join(parts))

    def runs(self, text: str) -> Iterator[tuple[Path, str]]:
        """The text in pieces, each with the first font that has all of its characters."""
        piece, current = "", self.paths[0]
        for character in text:
            path = current if _is_invisible(character) else self._path_of(character)
            if path != current and piece:
                yield current, piece
                piece = ""
            piece, current = piece + character, path
        if piece:
            yield current, piece

    def _can_draw(self, character: str) -> bool:
        return character not in self.missing and character.isprintable()

    def _path_of(self, character: str) -> Path:
        return next((path for path in self.paths if _has(path, character)), self.paths[0])


def find_fonts(texts: Iterable[str]) -> Fonts:
    """The fonts that draw all characters of some texts, or as many as the machine's fonts allow.

    Warns with FontWarning, once for each set of missing scripts, where characters are left.
    """
    with quiet_font_log():
        return _find(texts)


@contextmanager
def quiet_font_log() -> Iterator[None]:
    """Hide what is logged about fonts: a list of them is made, a family has no bold face, a part is not embedded."""
    logs = [logging.getLogger(name) for name in ("matplotlib.font_manager", "fontTools.subset")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _find(texts: Iterable[str]) -> Fonts:
    wanted = {character for text in texts for character in unicodedata.normalize("NFC", text)}
    wanted = {character for character in wanted if character.isprintable() and not _is_invisible(character)}
    paths = [base_font()]
    left = {character for character in wanted if not _has(paths[0], character)}
    while left:
        path, covered = _most_covering(left)
        if path is None:
            break
        paths.append(path)
        left -= covered
    if left:
        _warn_once(_packages(left))
    return Fonts(tuple(paths), tuple(_family(path) for path in paths), frozenset(left))


def base_font() -> Path:
    """DejaVu Sans as matplotlib brings it."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def _most_covering(characters: set[str]) -> tuple[Path | None, set[str]]:
    best: Path | None = None
    most: set[str] = set()
    for path in _installed():
        covered = {character for character in characters if _has(path, character)}
        if len(covered) > len(most):
            best, most = path, covered
        if len(most) == len(characters):
            break
    return best, most


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Every font of the machine and of the extra, plain upright sans-serif faces first."""
    from matplotlib.font_manager import findSystemFonts

    return tuple(sorted({*map(Path, findSystemFonts()), *_fonts_of_the_extra()}, key=_preference))


def _fonts_of_the_extra() -> Iterable[Path]:
    spec = importlib.util.find_spec(_FONT_PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    return [path for folder in folders or () for path in sorted(Path(folder, "fonts").glob("*.ttf"))]


_UNWANTED = (
    ("emoji", "symbol", "lastresort", "unifont"),
    ("bold", "black", "heavy", "medium", "light", "thin", "italic", "oblique", "condensed", "mono", "coding"),
    ("serif", "myeongjo", "ming", "mincho", "song", "kai", "brush", "pen", "round"),
)


def _preference(path: Path) -> tuple[int, ...]:
    name = path.stem.lower()
    return (*(sum(word in name for word in words) for words in _UNWANTED), len(name), *name.encode())


@functools.cache
def _face(path: Path) -> Any:
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(str(path))
    except (RuntimeError, OSError, UnicodeError):
        return None  # a file that FreeType cannot read is no font for us
    return face if face.scalable else None


@functools.cache
def _has(path: Path, character: str) -> bool:
    face = _face(path)
    return face is not None and face.get_char_index(ord(character)) != 0


def _family(path: Path) -> str:
    from matplotlib.font_manager import fontManager

    family = str(_face(path).family_name)
    # matplotlib keeps a list of fonts from its first run; one that was installed since is not in it.
    if all(Path(entry.fname) != path for entry in fontManager.ttflist if entry.name == family):
        fontManager.addfont(str(path))
    return family


def _is_invisible(character: str) -> bool:
    # Joiners, direction marks and variation selectors draw nothing by themselves.
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f" or character.isspace()


# ---------------------------------------------------------------------------------------------------- what to install

_PACKAGES = {
    "HANGUL": "fonts-noto-cjk",
    "CJK": "fonts-noto-cjk",
    "HIRAGANA": "fonts-noto-cjk",
    "KATAKANA": "fonts-noto-cjk",
    "BOPOMOFO": "fonts-noto-cjk",
    "FULLWIDTH": "fonts-noto-cjk",
    "IDEOGRAPHIC": "fonts-noto-cjk",
    "EMOJI": "fonts-symbola",
}
_OTHER_PACKAGE = "fonts-noto-core"
_warned: set[tuple[str, ...]] = set()


def _packages(characters: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The packages with fonts for some characters, and the characters' scripts, both sorted."""
    packages, scripts = set(), set()
    for character in characters:
        script = unicodedata.name(character, "PRIVATE").split()[0].split("-")[0]
        if unicodedata.category(character) == "So":
            script = "EMOJI"
        packages.add(_PACKAGES.get(script, _OTHER_PACKAGE))
        scripts.add(script.capitalize() if script != "CJK" else "Chinese")
    return tuple(sorted(packages)), tuple(sorted(scripts))


def _warn_once(needed: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    packages, scripts = needed
    if packages in _warned:
        return
    _warned.add(packages)
    command = "pip install 'fashionbatch[fonts]'" if set(scripts) == {"Hangul"} else f"apt install {' '.join(packages)}"
    warnings.warn(
        f"no installed font has the {' or '.join(scripts)} characters of some labels, so pictures show their code "
        f"points; `{command}` brings one (or copy a .ttf or .otf file to ~/.local/share/fonts)",
        FontWarning,
        stacklevel=4,
    )
