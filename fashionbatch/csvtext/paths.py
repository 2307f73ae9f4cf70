"""Paths as they stand in lists from other machines: with backslashes, without endings, in other Unicode."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_ENCODING, _BACKSLASH, _BLANKS, _QUOTES, _DOT, _UNICODE, _ENDING = (
    "in the list's encoding",
    "with backslashes, taken for slashes",
    "with blanks around them, which were left out",
    "in quotes, which were left out",
    "with a `./` before them, which was left out",
    "with accents composed in another way than the file's name",
    "without an ending, which was added",
)


def foreign_path(path: str) -> str | None:
    """What a path is that no file of this machine has, to stand after it; None where it may be one.

    Example:
        >>> foreign_path("https://example.org/a.jpg"), foreign_path("cat/a.jpg")
        ('is a URL, and files are read from this machine alone: download it and name the file', None)
    """
    if _URL.match(path):
        return "is a URL, and files are read from this machine alone: download it and name the file"
    if _DRIVE.match(path) or path.startswith("\\\\"):
        return "is a path of a Windows machine: write paths relative to the folder of the photos"
    return None


def plain_path(path: str) -> str:
    r"""A path as it is compared where it is written otherwise: with slashes, composed, without `./` and blanks.

    Example:
        >>> plain_path(r".\cat\a.jpg")
        'cat/a.jpg'
    """
    return unicodedata.normalize("NFC", path.strip().replace("\\", "/")).removeprefix("./")


def path_below(path: str, folder: str, bases: Iterable[str]) -> str | None:
    """A path as it is seen from a folder, where it leads below it from one of several places; None where it does not.

    Args:
        path: absolute or relative, with slashes or backslashes.
        folder: absolute.
        bases: the places that a relative path may be relative to.
    """
    prefix = f"{folder.rstrip('/')}/"
    for base in bases:
        place = os.path.normpath(os.path.join(base, plain_path(path)))
        if place.startswith(prefix):
            return place.removeprefix(prefix)
    return None


class PathFinder:
    r"""Finds the files that a list means.

    A path that is there is taken as it is. Of one that is not, these are tried: the encoding of the list, backslashes
    as slashes, without blanks around it, with accents as one character or two, and with the ending of an image.

    Args:
        root: what relative paths are relative to.
        endings: of images, such as `.jpg`.
        is_there: whether a path is one that is meant; by default, whether there is such a file.

    Attributes:
        root: as given.
        missing: how many paths nothing was found for.
        first_missing: the first of them, as the list has it.

    Example:
        >>> finder = PathFinder("/data", [".jpg"])
        >>> finder.find(r"cat\a")  # doctest: +SKIP
        'cat/a.jpg'
    """

    def __init__(
        self, root: str, endings: Iterable[str] = (), *, is_there: Callable[[str], bool] | None = None
    ) -> None:
        self.root = root
        self._is_there = is_there or self._is_on_disk
        self.missing = 0
        self.first_missing = ""
        self._endings = sorted(endings)
        self._repairs: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def find(self, path: str, other: str | None = None) -> str | None:
        """The path under which the file is; None where there is none.

        Args:
            path: as the list has it, bytes that are no UTF-8 as lone surrogates.
            other: the same in the encoding that the list seems to be in.
        """
        if self._is_there(path):
            return path
        for candidate, repairs in self._candidates(path, other):
            if self._is_there(candidate):
                for repair in repairs:
                    self._repairs[repair] += 1
                    self._examples.setdefault(repair, path)
                return candidate
        self.missing += 1
        self.first_missing = self.first_missing or path
        return None

    def notes(self) -> list[str]:
        """What was mended, each a sentence without a full stop at its end."""
        return [
            f"{count:,} {'path is' if count == 1 else 'paths are'} {repair}, such as {self._examples[repair]!a}"
            for repair, count in self._repairs.items()
        ]

    def place(self, path: str) -> str:
        """A path in full, and what it is relative to, for a message."""
        if os.path.isabs(path):
            return ascii(path)
        return f"{os.path.join(self.root, path)!a} ({path!a}, relative to {self.root!a})"

    def end_that_is_there(self, path: str) -> str | None:
        """The longest end of a path that is a file below the root: what stands before it is of another machine."""
        parts = plain_path(path).split("/")
        ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
        return next((end for end in ends if end and self._is_there(end)), None)

    def _is_on_disk(self, path: str) -> bool:
        try:
            return bool(path) and os.path.exists(os.path.join(self.root, path))
        except ValueError:
            return False

    def _candidates(self, path: str, other: str | None) -> Iterator[tuple[str, list[str]]]:
        starts: list[tuple[str, list[str]]] = [(path, [])]
        if other is not None:
            starts.append((other, [_ENCODING]))
        for start, repairs in starts:
            for text, more in self._rewritten(start, repairs):
                yield text, more
                if not os.path.splitext(text)[1]:
                    for ending in list(self._endings):
                        if self._is_there(text + ending):
                            # All of a list most likely have the same one.
                            self._endings.remove(ending)
                            self._endings.insert(0, ending)
                            yield text + ending, [*more, _ENDING]

    @staticmethod
    def _rewritten(path: str, repairs: list[str]) -> Iterator[tuple[str, list[str]]]:
        texts = [(path, repairs)]
        if path.startswith("./"):
            texts.append((path.removeprefix("./"), [*repairs, _DOT]))
        unquoted = path.strip().removeprefix('"').removesuffix('"')
        if len(unquoted) == len(path.strip()) - 2:
            texts.append((unquoted, [*repairs, _QUOTES]))
        elif path != path.strip():
            texts.append((path.strip(), [*repairs, _BLANKS]))
        texts += [
            (text.replace("\\", "/"), [*more, _BACKSLASH])
            for text, more in list(texts)
            if "\\" in text and foreign_path(text) is None
        ]
        for text, more in texts:
            yield text, more
            for form in ("NFC", "NFD"):
                composed = unicodedata.normalize(form, text)
                if composed != text:
                    yield composed, [*more, _UNICODE]
