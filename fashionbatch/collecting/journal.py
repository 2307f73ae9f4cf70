"""What a run has asked for and got, line by line in a file that only grows: what stands in it is never asked for again.

Each line is on the disk before anything is done that rests on it. A process that is killed leaves at most a part of
the last line, which readers leave out.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from fashionbatch import disk
from fashionbatch.collecting.queries import Wish
from fashionbatch.errors import DataError, OutputError
from fashionbatch.specs import SearchHit

Outcome = Literal["ok", "refused", "failed"]
_VERSION = 1


class Source(NamedTuple):
    """Where hits come from."""

    label: str
    search: str
    query: str

    @classmethod
    def of(cls, wish: Wish) -> Source:
        """The source of a wish."""
        return cls(wish.label, str(wish.search), wish.query)


class Take(NamedTuple):
    """A hit that was chosen, in the order in which hits were chosen."""

    source: Source
    hit: SearchHit


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What came of an address.

    Attributes:
        outcome: `ok` where it gave a photo, `refused` for good, `failed` where another day may be better.
        reason: for people; empty with `ok`.
        when: date and time in UTC.
        digest: SHA-256 of the file, in hexadecimal.
        ending: of its name, by its content, such as `.jpg`.
        size: bytes.
        width: pixels, upright.
        height: the same.
        print: the perceptual hash, 16 hexadecimal digits.
        thumbnail: 16x16 RGB pixels in base64.
    """

    outcome: Outcome
    reason: str = ""
    when: str = ""
    digest: str = ""
    ending: str = ""
    size: int = 0
    width: int = 0
    height: int = 0
    print: str = ""
    thumbnail: str = ""


_Name: TypeAlias = tuple[str, str]
"""What tells a hit of a source from its others: its id and its address."""


@dataclass
class _Pages:
    waiting: dict[_Name, SearchHit] = field(default_factory=dict)
    known: set[_Name] = field(default_factory=set)
    cursors: set[str] = field(default_factory=set)
    asked: int = 0
    cursor: str | None = None
    is_over: bool = False


class Journal:
    """The journal of one folder; several threads may write to it.

    Args:
        path: the file, made with the first line.
        retry_failed: whether what `failed` before may be asked for again.

    Raises:
        OutputError: the file cannot be read.
        DataError: a newer release wrote it, or it is damaged.

    Attributes:
        takes: every hit that was chosen, in order.
        fetched: by address.
        keeps: what the user wrote of a file, by its name below the folder: whether it belongs there.
        allowed: short names of the licences that are taken; None takes any.
    """

    def __init__(self, path: Path, *, retry_failed: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._pages: dict[Source, _Pages] = {}
        self._robots: dict[str, str] = {}
        self.takes: list[Take] = []
        self.fetched: dict[str, Fetched] = {}
        self.keeps: dict[str, bool] = {}
        self.allowed: frozenset[str] | None = frozenset()
        self._is_begun = False
        for number, record in _records(path):
            try:
                self._read(record)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise DataError(
                    f"{path}:{number}: this line is not one that FashionBatch writes",
                    hint="put back the file as it was, or collect into another folder",
                ) from None
            self._is_begun = True
        if retry_failed:
            self.fetched = {url: one for url, one in self.fetched.items() if one.outcome != "failed"}

    # ------------------------------------------------------------------------------------------------ what is known

    def untaken(self, source: Source) -> list[SearchHit]:
        """The hits of a source that nobody has chosen yet, in order."""
        return list(self._of(source).waiting.values())

    def has_untaken(self, source: Source) -> bool:
        """Whether there are any."""
        return bool(self._of(source).waiting)

    def knows_cursor(self, source: Source, cursor: str) -> bool:
        """Whether a page of the source was asked for by this cursor, or will be next."""
        return cursor in self._of(source).cursors

    def cursor(self, source: Source) -> str | None:
        """What to ask the next page by; None for the first one."""
        return self._of(source).cursor

    def is_over(self, source: Source) -> bool:
        """Whether the last page was given."""
        return self._of(source).is_over

    def pages(self, source: Source) -> int:
        """How many pages were given."""
        return self._of(source).asked

    def robots(self, site: str) -> str | None:
        """A site's robots.txt, None where it was not read yet."""
        return self._robots.get(site)

    # ------------------------------------------------------------------------------------------------ what is new

    def add_page(self, source: Source, hits: Sequence[SearchHit], cursor: str | None) -> None:
        """Note a page of a search."""
        found = [asdict(hit) for hit in hits]
        self._write({"is": "page", "source": source, "hits": found, "next": cursor})

    def add_takes(self, takes: Sequence[Take]) -> None:
        """Note which hits were chosen."""
        if takes:
            chosen = [{"source": take.source, "hit": asdict(take.hit)} for take in takes]
            self._write({"is": "takes", "takes": chosen})

    def add_fetched(self, url: str, fetched: Fetched) -> None:
        """Note what came of an address; a file that it names is on the disk."""
        self._write({"is": "fetched", "url": url, **asdict(fetched)})

    def add_robots(self, site: str, text: str) -> None:
        """Note a site's robots.txt."""
        self._write({"is": "robots", "site": site, "text": text})

    def add_allowed(self, licences: frozenset[str] | None) -> None:
        """Note which licences are taken from now on."""
        if licences != self.allowed:
            self._write({"is": "allowed", "licences": None if licences is None else sorted(licences)})

    def add_keep(self, file: str, keep: bool) -> None:
        """Note what the user wrote of a file."""
        self._write({"is": "keep", "file": file, "keep": keep})

    # ------------------------------------------------------------------------------------------------ lines

    def _write(self, record: dict[str, Any]) -> None:
        line = _line_of(record)
        with self._lock:
            if not self._is_begun:
                disk.append_line(self._path, _FIRST_LINE)
                self._is_begun = True
            disk.append_line(self._path, line)
            self._read(json.loads(line))

    def _read(self, record: dict[str, Any]) -> None:
        what = record.pop("is")
        if what == "journal":
            self._require_readable(record["version"])
        elif what == "page":
            self._read_page(record)
        elif what == "takes":
            for one in record["takes"]:
                take = Take(Source(*one["source"]), SearchHit(**one["hit"]))
                self._of(take.source).waiting.pop(_name_of(take.hit), None)
                self.takes.append(take)
        elif what == "fetched":
            url = record.pop("url")
            self.fetched[url] = Fetched(**record)
        elif what == "robots":
            self._robots[record["site"]] = record["text"]
        elif what == "allowed":
            self.allowed = None if record["licences"] is None else frozenset(record["licences"])
        elif what == "keep":
            self.keeps[record["file"]] = record["keep"]
        else:
            raise ValueError(what)

    def _read_page(self, record: dict[str, Any]) -> None:
        pages = self._of(Source(*record["source"]))
        for hit in (SearchHit(**one) for one in record["hits"]):
            if _name_of(hit) not in pages.known:
                pages.known.add(_name_of(hit))
                pages.waiting[_name_of(hit)] = hit
        pages.asked += 1
        pages.cursor, pages.is_over = record["next"], record["next"] is None
        pages.cursors.add(record["next"])

    def _require_readable(self, version: object) -> None:
        if version != _VERSION:
            raise DataError(
                f"{self._path}: written by a newer FashionBatch (journal {version!r}); this one reads {_VERSION}",
                hint="update FashionBatch",
            )

    def _of(self, source: Source) -> _Pages:
        return self._pages.setdefault(source, _Pages())


def _line_of(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii")


_FIRST_LINE = _line_of({"is": "journal", "version": _VERSION})


def _name_of(hit: SearchHit) -> _Name:
    return hit.id, hit.url


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole lines, each with its number."""
    try:
        with disk.open_regular(path) as file:
            for number, line in enumerate(file, 1):
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # a part of a line, of a process that was killed
                yield number, record
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"cannot read {path}: {disk.why_unreadable(error)}") from None
