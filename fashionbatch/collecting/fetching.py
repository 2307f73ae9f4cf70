"""Fetches the files of hits and says what each is; one is on the disk and in the journal before the next is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from fashionbatch.collecting.contents import digest_of, look_at
from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.journal import Fetched, Journal
from fashionbatch.collecting.lanes import side_by_side
from fashionbatch.collecting.licences import refusal
from fashionbatch.collecting.queries import Limits
from fashionbatch.collecting.web.exchange import RefusedError, UnreachableError, check_url
from fashionbatch.collecting.web.pace import Clock, HostBusyError
from fashionbatch.collecting.web.visitor import Visitor
from fashionbatch.errors import ImageError
from fashionbatch.specs import SearchHit


class Fetcher:
    """Gets files.

    Args:
        visitor: the way to the web.
        folder: where they go.
        journal: what is known.
        limits: what a photo may cost, and must have.
        clock: for the date of each.
        tick: called several times a second while files come.

    Attributes:
        busy: hosts that want to be left alone for the rest of this run.
    """

    def __init__(
        self,
        visitor: Visitor,
        *,
        folder: CollectedFolder,
        journal: Journal,
        limits: Limits,
        clock: Clock,
        tick: Callable[[], object],
    ) -> None:
        self._visitor, self._folder, self._journal = visitor, folder, journal
        self._limits, self._clock, self._tick = limits, clock, tick
        self.busy: set[str] = set()

    def is_wanted(self, hit: SearchHit) -> bool:
        """Whether the licence of a hit lets it be fetched."""
        allowed = self._journal.allowed
        return allowed is None or refusal(hit.licence, allowed) is None

    def is_busy(self, hit: SearchHit) -> bool:
        """Whether the hit's host wants to be left alone."""
        return host_of(hit.url) in self.busy

    def fetch(self, hits: Sequence[SearchHit]) -> None:
        """Get the files that are wanted and not known yet: hosts side by side, the files of one after each other.

        Raises:
            StoppedError: the run is to end.
            OutputError: a file cannot be written.
        """
        lanes: dict[str, list[str]] = defaultdict(list)
        for url in dict.fromkeys(hit.url for hit in hits if self.is_wanted(hit)):
            if url not in self._journal.fetched:
                lanes[host_of(url)].append(url)
        side_by_side([partial(self._fetch_all, urls) for urls in lanes.values()], tick=self._tick)

    def _fetch_all(self, urls: Sequence[str]) -> None:
        for url in urls:
            try:
                fetched = self._fetch_one(url)
            except HostBusyError:
                self.busy.add(host_of(url))
                return
            self._journal.add_fetched(url, replace(fetched, when=f"{self._clock.date():%Y-%m-%dT%H:%M:%SZ}"))

    def _fetch_one(self, url: str) -> Fetched:
        content = self._folder.stored(url)
        if content is None:
            most = int(self._limits.megabytes * 1e6)
            try:
                content = self._visitor.picture(url, max_bytes=most, seconds=self._limits.seconds).content
            except RefusedError as error:
                return Fetched(outcome="refused", reason=str(error))
            except UnreachableError as error:
                return Fetched(outcome="failed", reason=str(error))
            # Before anything else is done: decoding may take seconds, in which a run may be killed.
            self._folder.store(url, content)
        return self._judged(content)

    def _judged(self, content: bytes) -> Fetched:
        """What a file is."""
        try:
            ending, look = look_at(content, pixels=int(self._limits.megapixels * 1e6))
        except ImageError as error:
            return Fetched(outcome="refused", reason=f"no photo that can be used: {error.message}")
        fewest = self._limits.shortest_side
        if min(look.width, look.height) < fewest:
            small = f"{look.width}x{look.height} pixels; the shorter side must have {fewest}"
            return Fetched(outcome="refused", reason=small)
        return Fetched(
            outcome="ok",
            digest=digest_of(content),
            ending=ending,
            size=len(content),
            width=look.width,
            height=look.height,
            print=f"{look.print:016x}",
            thumbnail=look.packed(),
        )


def host_of(url: str) -> str:
    """The host of an address; empty where the address is not valid, which asking finds out."""
    try:
        return urlsplit(check_url(url)).hostname or ""
    except RefusedError:
        return ""
