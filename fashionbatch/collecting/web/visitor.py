"""Asks for addresses as a guest who is welcome again: in turn, by the house's rules, and with patience that ends."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

from fashionbatch import __version__
from fashionbatch.collecting.web.exchange import (
    Answer,
    Exchange,
    RefusedError,
    UnreachableError,
    UntrustedError,
    check_url,
)
from fashionbatch.collecting.web.pace import Clock, Host, HostBusyError, retry_after_s
from fashionbatch.collecting.web.robots import Robots
from fashionbatch.collecting.web.wishes import PRODUCT, unwanted_by

_ATTEMPTS = 4
_REDIRECTS = 5
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
_BUSY_STATUS = frozenset({429, 503})
_ANOTHER_TIME_STATUS = frozenset({408, 425, 429})
"""Those below 500 that say nothing about the file: the host took too long, or is asked too early or too often."""
_FIRST_PAUSE_S = 2.0
_SLOWEST_S = 60.0
"""The slowest pace that a robots.txt may wish for: some write days."""
_ROBOTS_BYTES = 500 * 1024
"""As much of a robots.txt as RFC 9309 wants to be read."""

KnownRobots: TypeAlias = Callable[[str], str | None]
"""A site, such as `https://photos.example` -> its robots.txt, where that was read already."""
KeepRobots: TypeAlias = Callable[[str, str], None]
"""Is told of a site's robots.txt that was read now."""


def user_agent(contact: str) -> str:
    """Who asks: this program with its version, and the person who runs it, where that is said."""
    return f"{PRODUCT}/{__version__} ({contact or 'contact not given'}) python-httpcore"


class Visitor:
    """The way to the web of one run.

    Args:
        exchange: asks once.
        clock: what paces and pauses are waited by.
        contact: of the person who runs this, a mail address or a page.
        pace: seconds between two requests to a host.
        known_robots: what was read in an earlier part of the run.
        keep_robots: keeps what is read now for a later one.
    """

    def __init__(
        self,
        exchange: Exchange,
        clock: Clock,
        *,
        contact: str = "",
        pace: float = 1.0,
        known_robots: KnownRobots = lambda _: None,
        keep_robots: KeepRobots = lambda _, __: None,
    ) -> None:
        self._exchange, self._clock = exchange, clock
        self._headers = {"User-Agent": user_agent(contact)}
        self._pace = pace
        self._hosts: dict[str, Host] = {}
        self._robots: dict[str, Robots | Exception] = {}
        self._robots_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._known_robots, self._keep_robots = known_robots, keep_robots

    def host(self, url: str, pace: float | None = None) -> Host:
        """The host of an address: one machine to be polite to, whatever port and scheme it is asked by.

        Args:
            url: checked by `check_url`.
            pace: seconds between two requests; the run's own where omitted.
        """
        name = urlsplit(url).hostname or ""
        with self._lock:
            if name not in self._hosts:
                self._hosts[name] = Host(name, self._pace if pace is None else pace, self._clock)
            host = self._hosts[name]
        if pace is not None:
            host.slow_down(pace)
        return host

    def picture(self, url: str, *, max_bytes: int, seconds: float) -> Answer:
        """Get the file of a picture, through redirects, where the site's wishes allow it.

        Raises:
            RefusedError: an address that must not be asked, or that does not answer with a file; for good.
            UnreachableError: it was asked as often as that is done.
            HostBusyError, StoppedError: not now.
        """
        address = check_url(url)
        for _ in range(_REDIRECTS + 1):
            self._require_allowed(address)
            answer = self._ask(address, {"Accept": "image/*,*/*;q=0.5"}, max_bytes=max_bytes, seconds=seconds)
            if wish := unwanted_by(answer.headers):
                raise RefusedError(f"the site keeps it from being collected ({wish})")
            if answer.status not in _REDIRECT_STATUS:
                return _only_ok(answer)
            address = _next(address, answer)
        raise RefusedError(f"more than {_REDIRECTS} redirects")

    def service(self, url: str, headers: Mapping[str, str], *, pace: float, max_bytes: int, seconds: float) -> Answer:
        """Ask the interface of a service. Its terms of use say what is allowed, not a robots.txt; nothing is followed.

        Raises:
            RefusedError, UnreachableError, HostBusyError, StoppedError: as `picture`.
        """
        address = check_url(url)
        self.host(address, pace)
        return _only_ok(self._ask(address, headers, max_bytes=max_bytes, seconds=seconds))

    def _ask(self, address: str, headers: Mapping[str, str], *, max_bytes: int, seconds: float) -> Answer:
        """One address, again where that may help, with longer pauses each time."""
        host = self.host(address)
        pause, reason, busy = _FIRST_PAUSE_S, "", False
        for attempt in range(_ATTEMPTS):
            if attempt:
                host.leave_alone(pause * random.uniform(1.0, 1.5))  # noqa: S311 - spreads requests, hides nothing
                pause *= 2
            with host.turn():
                try:
                    sent = {**self._headers, **headers}
                    answer = self._exchange(address, sent, max_bytes=max_bytes, seconds=seconds)
                except UntrustedError:
                    raise
                except UnreachableError as error:
                    reason, busy = str(error), False
                    continue
                wished = retry_after_s(answer.headers.get("retry-after", ""), self._clock.date())
                if answer.status in _BUSY_STATUS and wished is not None:
                    host.leave_alone(wished)
            if answer.status not in _ANOTHER_TIME_STATUS and answer.status < 500:
                return answer
            reason, busy = f"the host answered with status {answer.status}", answer.status in _BUSY_STATUS
        if busy:
            raise HostBusyError(f"{reason}, {_ATTEMPTS} times")
        raise UnreachableError(f"{reason} (asked {_ATTEMPTS} times)")

    def _require_allowed(self, address: str) -> None:
        parts = urlsplit(address)
        site = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            lock = self._robots_locks.setdefault(site, threading.Lock())
        with lock:
            if site not in self._robots:
                self._robots[site] = self._ask_robots(site)
        robots = self._robots[site]
        if isinstance(robots, Exception):
            raise robots
        if robots.wish:
            raise RefusedError(f"the robots.txt of {parts.netloc} keeps its files from training ({robots.wish})")
        if not robots.allows(address):
            raise RefusedError(f"the robots.txt of {parts.netloc} does not allow it")

    def _ask_robots(self, site: str) -> Robots | Exception:
        """A site's wishes; an error where nobody can say them, which forbids all of it (RFC 9309, 2.3.1.4)."""
        text = self._known_robots(site)
        if text is None:
            try:
                text = self._robots_text(f"{site}/robots.txt")
            except UnreachableError as error:
                return UnreachableError(f"the site's robots.txt cannot be read: {error}")
            except RefusedError as error:
                return RefusedError(f"the site's robots.txt cannot be read: {error}")
            self._keep_robots(site, text)
        robots = Robots(text)
        self.host(site).slow_down(min(robots.pace, _SLOWEST_S))
        return robots

    def _robots_text(self, address: str) -> str:
        for _ in range(_REDIRECTS + 1):
            answer = self._ask(address, {"Accept": "text/plain"}, max_bytes=_ROBOTS_BYTES, seconds=30.0)
            if answer.status not in _REDIRECT_STATUS:
                break
            address = _next(address, answer)
        # A site that has no such file forbids nothing.
        return answer.content.decode("utf-8-sig", "replace") if answer.status == 200 else ""


def _next(address: str, answer: Answer) -> str:
    """Where a redirect leads; it is checked like any other address, and what was sent before is not sent on."""
    target = answer.headers.get("location", "")
    if not target:
        raise RefusedError(f"a redirect (status {answer.status}) that leads nowhere")
    return check_url(urljoin(address, target))


def _only_ok(answer: Answer) -> Answer:
    if answer.status != 200:
        raise RefusedError(f"the host answered with status {answer.status}")
    return answer


__all__ = ["HostBusyError", "KeepRobots", "KnownRobots", "Visitor", "user_agent"]
