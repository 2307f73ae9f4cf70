"""Collects photos: rounds of asking searches, choosing hits, fetching files and judging them, until enough are kept."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fashionbatch.collecting.applying import Report, finished
from fashionbatch.collecting.asking import ask_page
from fashionbatch.collecting.fetching import Fetcher
from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.journal import Journal, Source, Take
from fashionbatch.collecting.lanes import side_by_side
from fashionbatch.collecting.queries import Queries, Wish
from fashionbatch.collecting.rows import place, rows_of
from fashionbatch.collecting.table import apply_keeps, write_table
from fashionbatch.collecting.web.exchange import Exchange
from fashionbatch.collecting.web.pace import Clock, HostBusyError, StoppedError
from fashionbatch.collecting.web.visitor import Visitor
from fashionbatch.errors import FashionBatchError, InterruptedRunError
from fashionbatch.progress import OpenBar, no_bar

_PAGES_FOR_ONE = 2
_MORE_PAGES = 20
"""A search is given up after two pages for each photo that is wanted, and twenty more."""


def collect(
    queries: Queries,
    output: Path,
    *,
    clock: Clock,
    exchange: Exchange,
    any_licence: bool = False,
    retry_failed: bool = False,
    bar: OpenBar = no_bar,
    stop_signal: Callable[[], int] = lambda: 0,
) -> Report:
    """Collect photos into a folder, or go on where an earlier run stopped.

    Args:
        queries: what is wanted.
        output: the folder.
        clock: what paces and pauses are waited by; it raises StoppedError soon after `stop_signal` gives a number.
        exchange: the way to the web.
        any_licence: whether a photo is taken whatever its licence says.
        retry_failed: whether addresses that failed in an earlier run are asked for again.
        bar: shows how many photos of those that are wanted are there.
        stop_signal: the number of the signal that asks for an end; 0 while none does.

    Raises:
        InterruptedRunError: the signal came. What was fetched stays, and the same call goes on.
        DataError: the table in the folder cannot be read.
        OutputError: the folder cannot be written, or another process collects into it.
    """
    folder = CollectedFolder(output)
    with folder.held():
        journal = Journal(folder.journal, retry_failed=retry_failed)
        apply_keeps(folder, journal, folder.table)
        journal.add_allowed(None if any_licence else queries.licences)
        run = _Run(queries, folder=folder, journal=journal, clock=clock, exchange=exchange, stop_signal=stop_signal)
        try:
            run.go(bar)
        except StoppedError:
            raise InterruptedRunError(
                "interrupted; what was fetched stays",
                signal_number=stop_signal() or signal.SIGINT,
                hint="the same command goes on where this one stopped",
            ) from None
        finally:
            # Whatever ended it: what is there is in its place, and the table says so.
            write_table(folder.table, place(folder, rows_of(journal)))
        return finished(folder, journal, wanted=queries.wanted, notes=run.notes)


class _Run:
    """The rounds of one run."""

    def __init__(
        self,
        queries: Queries,
        *,
        folder: CollectedFolder,
        journal: Journal,
        clock: Clock,
        exchange: Exchange,
        stop_signal: Callable[[], int],
    ) -> None:
        self._queries, self._folder, self._journal, self._tick = queries, folder, journal, stop_signal
        self._visitor = Visitor(
            exchange,
            clock,
            contact=queries.file.contact,
            pace=queries.file.pace,
            known_robots=journal.robots,
            keep_robots=journal.add_robots,
        )
        self._fetcher = Fetcher(
            self._visitor,
            folder=folder,
            journal=journal,
            limits=queries.file.limits,
            clock=clock,
            tick=stop_signal,
        )
        self._over: set[Source] = set()
        self.notes: list[str] = []

    def go(self, bar: OpenBar) -> None:
        """Round after round, until every wish is met or its search gives no more."""
        with bar("collecting", sum(self._queries.wanted.values()), "photo") as advance:
            # What was chosen before an earlier run ended comes first.
            self._fetcher.fetch([take.hit for take in self._journal.takes])
            while True:
                kept = self._kept()
                wishes = self._with_shortfalls(kept)
                advance(sum(min(kept[Source.of(wish)], wish.count) for wish in wishes))
                lacking = [wish for wish in wishes if kept[Source.of(wish)] < wish.count]
                self._ask([wish for wish in lacking if self._may_ask(wish)])
                takes = [take for wish in lacking for take in self._choose(wish, kept)]
                self._journal.add_takes(takes)
                self._fetcher.fetch([take.hit for take in takes])
                if not takes and not any(map(self._may_ask, lacking)):
                    break
        for host in sorted(self._fetcher.busy):
            self.notes.append(f"{host} asked to be left alone; start the same command again later")

    def _with_shortfalls(self, kept: Mapping[Source, int]) -> list[Wish]:
        """The wishes; what a query can give no more is wanted of another one that shares its class's count."""
        wishes = list(self._queries.wishes)
        for number, wish in enumerate(wishes):
            short = wish.count - kept[Source.of(wish)]
            if not wish.shares or short <= 0 or not self._is_exhausted(Source.of(wish)):
                continue
            for other, heir in enumerate(wishes):
                if heir.shares and heir.label == wish.label and not self._is_exhausted(Source.of(heir)):
                    wishes[number] = replace(wish, count=wish.count - short)
                    wishes[other] = replace(heir, count=heir.count + short)
                    break
        return wishes

    def _is_exhausted(self, source: Source) -> bool:
        is_over = source in self._over or self._journal.is_over(source)
        return is_over and not self._journal.has_untaken(source)

    def _kept(self) -> dict[Source, int]:
        found: dict[Source, int] = defaultdict(int)
        for row in place(self._folder, rows_of(self._journal)):
            found[row.take.source] += row.outcome == "ok"
        return found

    # ------------------------------------------------------------------------------------------------ searches

    def _may_ask(self, wish: Wish) -> bool:
        """Whether a page may help: every hit that is known was chosen, and there is a next page."""
        source = Source.of(wish)
        if source in self._over or self._journal.is_over(source) or self._journal.has_untaken(source):
            return False
        if self._journal.pages(source) >= _PAGES_FOR_ONE * wish.count + _MORE_PAGES:
            self._give_up(wish, f"given up after {self._journal.pages(source)} pages")
            return False
        return True

    def _ask(self, wishes: Sequence[Wish]) -> None:
        """A page for each wish: searches side by side, the wishes of one after each other."""
        by_search: dict[str, list[Wish]] = defaultdict(list)
        for wish in wishes:
            by_search[wish.search].append(wish)
        lanes = [partial(self._pages_of, own) for own in by_search.values()]
        ends = dict(pair for pairs in side_by_side(lanes, tick=self._tick) for pair in pairs)
        for wish in wishes:
            if wish in ends:  # in this order whoever answered first
                self._give_up(wish, ends[wish])

    def _pages_of(self, wishes: Sequence[Wish]) -> list[tuple[Wish, str]]:
        """Ask for the page of each wish, which is in the journal before the next is asked for.

        Returns:
            The wishes whose search gives no more, each with why.
        """
        ends: list[tuple[Wish, str]] = []
        for wish in wishes:
            source = Source.of(wish)
            searching, cursor = self._queries.searches[wish.search], self._journal.cursor(source)
            try:
                page = ask_page(searching, wish.query, cursor, self._visitor, self._queries.base)
            except HostBusyError as error:
                ends.append((wish, f"{error}; start the same command again later"))
                continue
            except FashionBatchError as error:
                ends.append((wish, error.message))
                continue
            following = page.cursor
            if following is not None and self._journal.knows_cursor(source, following):
                following = None
                ends.append((wish, "its pages go round in a circle, and give no more"))
            self._journal.add_page(source, page.hits, following)
        return ends

    def _give_up(self, wish: Wish, why: str) -> None:
        self._over.add(Source.of(wish))
        self.notes.append(f"{wish.label}: {wish.search}, {wish.query!r}: {why}")

    def _choose(self, wish: Wish, kept: dict[Source, int]) -> Iterator[Take]:
        """Hits that may be what is lacking; those that are refused without being asked for come along."""
        source = Source.of(wish)
        lacking = wish.count - kept[source]
        for hit in self._journal.untaken(source):
            if lacking <= 0 or self._fetcher.is_busy(hit):
                return
            lacking -= self._fetcher.is_wanted(hit)
            yield Take(source, hit)
