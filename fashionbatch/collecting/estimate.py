"""What a run is going to ask for, and how long that takes at least, before anything is asked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.journal import Journal
from fashionbatch.collecting.queries import Queries
from fashionbatch.collecting.rows import rows_of
from fashionbatch.display_width import counted
from fashionbatch.progress import duration

_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


@dataclass(frozen=True)
class Estimate:
    """What is to come.

    Attributes:
        lacking: how many photos each class still lacks.
        paces: seconds between two pages of each search that is asked, by its name; 0 for one that reads files.
        seconds: what the photos take where all of them lie on one host; less from several, more where some are refused.
    """

    lacking: Mapping[str, int]
    paces: Mapping[str, float]
    seconds: float

    @property
    def photos(self) -> int:
        """How many photos are lacking in all."""
        return sum(self.lacking.values())


def estimate(queries: Queries, output: Path) -> Estimate:
    """Look at what is wanted and at what is there. Nothing is asked, and nothing is written.

    Args:
        queries: what is wanted.
        output: the folder that is collected into; it need not be there.

    Raises:
        DataError, OutputError: the journal of the folder cannot be read.
    """
    rows = rows_of(Journal(CollectedFolder(output).journal))
    there = Counter(row.take.source.label for row in rows if row.outcome == "ok")
    lacking = {label: max(0, count - there[label]) for label, count in queries.wanted.items()}
    specs = {wish.search: queries.searches[wish.search].spec for wish in queries.wishes if lacking[wish.label]}
    paces = {name: spec.pace if spec.hosts else 0.0 for name, spec in specs.items()}
    return Estimate(lacking, paces, sum(lacking.values()) * queries.file.pace)


def plan(queries: Queries, output: Path) -> Iterator[str]:
    """The estimate in words, a line each, and what the user may want to change before a run begins.

    Args:
        queries: what is wanted.
        output: the folder that is collected into.

    Raises:
        DataError, OutputError: as `estimate`.
    """
    found = estimate(queries, output)
    lacking = sum(map(bool, found.lacking.values()))
    searches = [f"{name} (a page every {pace:g} s)" if pace else name for name, pace in found.paces.items()]
    if lacking:
        number, pace = counted(found.photos, "photo"), queries.file.pace
        yield f"to find: {number} for {counted(lacking, 'class', 'classes')}, by {', '.join(searches)}"
        yield f"a host is asked every {pace:g} s: {duration(found.seconds)} if all are on one host, less if on several"
    else:
        yield "to find: nothing; every class has what it wants"
    if not queries.file.contact:
        yield "note: nobody is told who asks; write `contact: you@example.org` into the file, so that sites can"
    if proxies := sorted(name for name in os.environ if name.lower() in _PROXIES and os.environ[name]):
        yield f"note: {proxies[0]} is set and not used: where a proxy connects to cannot be checked"
