"""From the journal to one row a hit: what became of it, and of which photo it is a copy.

The rows follow from the journal alone, in the order in which hits were chosen: a run that was killed and resumed gives
the same ones, and a photo that is kept never becomes the copy of a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

from fashionbatch.collecting.contents import Album, Look, unpacked
from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.journal import Fetched, Journal, Take
from fashionbatch.collecting.licences import refusal

RowOutcome = Literal["ok", "duplicate", "aside", "refused", "failed", "later"]
OUTCOMES: Sequence[RowOutcome] = ("ok", "duplicate", "aside", "refused", "failed", "later")
_LONGEST_ID = 40


@dataclass(frozen=True)
class Row:
    """What became of a hit.

    Attributes:
        take: the hit.
        outcome: `ok` is in its class's folder; `duplicate` is a copy of a photo that came before; `aside` the user put
            aside; `refused` and `failed` as in the journal; `later` was not asked for yet.
        reason: for people; empty with `ok`.
        fetched: what came of its address; None where it was not asked for.
        file: the photo's name below the folder; empty where there is none of its own.
    """

    take: Take
    outcome: RowOutcome
    reason: str = ""
    fetched: Fetched | None = None
    file: str = ""


def rows_of(journal: Journal) -> list[Row]:
    """A row for each hit that was chosen."""
    judge = _Judge(journal)
    return [judge.row(take) for take in journal.takes]


class _Judge:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._album = Album()
        self._by_digest: dict[str, str] = {}

    def row(self, take: Take) -> Row:
        """The row of the next hit."""
        fetched = self._journal.fetched.get(take.hit.url)
        allowed = self._journal.allowed
        if allowed is not None and (reason := refusal(take.hit.licence, allowed)):
            # One that was taken when other licences were allowed is put aside now.
            return Row(take, "refused", reason, fetched, name_of(take, fetched) if _is_photo(fetched) else "")
        if fetched is None:
            return Row(take, "later", "not asked for yet; the same command goes on")
        return self._photo(take, fetched) if fetched.outcome == "ok" else _without_photo(take, fetched)

    def _photo(self, take: Take, fetched: Fetched) -> Row:
        if first := self._by_digest.get(fetched.digest):
            return Row(take, "duplicate", f"the same file as {first}", fetched)
        file = name_of(take, fetched)
        self._by_digest[fetched.digest] = file
        look = Look(int(fetched.print, 16), unpacked(fetched.thumbnail), fetched.width, fetched.height)
        first = self._album.copy_of(look)
        if first is not None and not self._journal.keeps.get(file, False):
            return Row(take, "duplicate", f"nearly the same picture as {first}", fetched, file)
        self._album.add(file, look)
        if not self._journal.keeps.get(file, True):
            return Row(take, "aside", "the column keep says no", fetched, file)
        return Row(take, "ok", "", fetched, file)


def name_of(take: Take, fetched: Fetched) -> str:
    """The name of a photo below the folder: its class, where it comes from, and a part of its digest.

    The ending is made from the content. What a service calls the photo is a part of the name as far as a name may be.
    """
    told = "".join(char if char.isascii() and char.isalnum() else "-" for char in take.hit.id).strip("-")
    search = take.source.search.rpartition("/")[2]
    parts = [search, told[:_LONGEST_ID].strip("-"), fetched.digest[:12]]
    return f"{take.source.label}/{'_'.join(part for part in parts if part)}{fetched.ending}"


def place(folder: CollectedFolder, rows: Sequence[Row]) -> list[Row]:
    """Bring every photo to where its row says; the rows of those that somebody has taken out by hand say so.

    Raises:
        OutputError: a photo cannot be moved.
    """
    placed = []
    for row in rows:
        own = row
        if row.file and row.fetched is not None:
            # A photo that is refused may be another class's, whose hit has a licence: it is not taken out of the store.
            url = None if row.outcome == "refused" else row.take.hit.url
            there = folder.put(row.file, url, aside=row.outcome != "ok")
            if not there and row.outcome == "ok":
                own = replace(row, outcome="aside", reason="somebody took it out of the folder")
        placed.append(own)
    folder.clear_store(row.take.hit.url for row in rows if row.fetched is None)
    return placed


def _without_photo(take: Take, fetched: Fetched) -> Row:
    assert fetched.outcome != "ok"
    return Row(take, fetched.outcome, fetched.reason, fetched)


def _is_photo(fetched: Fetched | None) -> TypeGuard[Fetched]:
    return fetched is not None and fetched.outcome == "ok"


def counts(rows: Sequence[Row]) -> dict[str, dict[RowOutcome, int]]:
    """How many hits of each class had each outcome."""
    found: dict[str, dict[RowOutcome, int]] = {}
    for row in rows:
        own = found.setdefault(row.take.source.label, dict.fromkeys(OUTCOMES, 0))
        own[row.outcome] += 1
    return found
