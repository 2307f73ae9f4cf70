"""Tells a file that cannot be had from a store that gives nothing any more: the one is a row, the other ends a run.

A request that failed for good says nothing about the next one. So before a file gets the blame, the store is asked for
something that it gave before: for the last file that was read, or for the beginning of the list.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import Objects
from fashionbatch.stores.opening import StoreOutError
from fashionbatch.stores.retrying import Patience, Retrying

_LOOKING: Final = Patience(tries=100, try_s=20.0, total_s=300.0)
"""A run of hours outlives a router that is started anew, and a store that is."""
_HOSTS: Final = 4

_MENDED: Final = "start the same command again: it goes on where this run stopped"
_HINTS: Final = {
    "credentials": f"when the credentials are renewed, {_MENDED}",
    "denied": f"when the credentials allow reading it again, {_MENDED}",
    "bucket": f"when it is there again, {_MENDED}",
}
_MAY_COME_BACK: Final = frozenset({"failed", "credentials"})
_REFUSALS: Final = frozenset({"credentials", "denied"})
_ANSWERS: Final = frozenset({"missing", "changed"})
"""Faults that only a store that works can tell of."""


class Watch(ABC):
    """Keeps what a store has given, and asks for it again where another file cannot be had.

    Its methods are called by several threads at once, of which one asks and the others wait for what it finds.

    Args:
        where: the store, for messages.
        retrying: how long it is asked.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(
        self, where: str, retrying: Retrying | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._where = where
        self._retrying = retrying or Retrying(_LOOKING)
        self._clock = clock
        self._answered = -1.0
        self._one_at_a_time = threading.Lock()

    def was_read(self, objects: Objects, path: str, began: float) -> None:
        """A file was read, by a request that began then."""
        self._answered = max(self._answered, began)
        self._keep(objects, path)

    def require_answers(self, fault: StoreFaultError, since: float) -> bool:
        """See that the store still gives anything, after a request that began then has failed for good.

        Returns:
            Whether the file may be had by now: the store did not answer or knew the credentials no more; now it does.

        Raises:
            StoreOutError: it gives nothing.
        """
        if fault.kind in _ANSWERS:
            return False
        with self._one_at_a_time:
            if self._answered > since:
                # Others have seen it come back, perhaps after this file was asked for the last time.
                return fault.kind in _MAY_COME_BACK
            began = self._clock()
            if self._gives_nothing(fault):
                told = self._in_words(fault)
                reason = f"{self._where}: nothing can be read there any more: {told.reason}"
                raise StoreOutError(reason, self._hint(told))
            self._answered = began
        return fault.kind in _MAY_COME_BACK

    def _hint(self, fault: StoreFaultError) -> str:
        """What the user can do when nothing can be had."""
        return _HINTS.get(fault.kind, f"when it answers again, {_MENDED}")

    def _fault_of(self, ask: Callable[[float], object]) -> str:
        """What kind of fault comes of a question; empty where it is answered."""
        try:
            self._retrying.call(ask)
        except StoreFaultError as fault:
            return fault.kind
        return ""

    def _in_words(self, fault: StoreFaultError) -> StoreFaultError:
        """What the store says of a fault, once it is known that it gives nothing."""
        return fault

    @abstractmethod
    def _keep(self, objects: Objects, path: str) -> None:
        """Remember a file that was read."""

    @abstractmethod
    def _gives_nothing(self, fault: StoreFaultError) -> bool:
        """Whether nothing can be had from the store, after this fault."""


class StoreWatch(Watch):
    """Watches one store, such as a bucket.

    Args:
        objects: the store's.
        where: as of `Watch`.
        is_listed: whether the files come from its own list, which can be asked for again. Else somebody else has named
            them, who may be wrong about the bucket or about what may be read in it.
        retrying: as of `Watch`.
        clock: as of `Watch`.
    """

    def __init__(
        self,
        objects: Objects,
        where: str,
        *,
        is_listed: bool,
        retrying: Retrying | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(where, retrying, clock)
        self._objects = objects
        self._is_listed = is_listed
        self._last: tuple[Objects, str] | None = None

    def _keep(self, objects: Objects, path: str) -> None:
        self._last = objects, path

    def _gives_nothing(self, fault: StoreFaultError) -> bool:
        if self._last is not None:
            objects, path = self._last
            kind = self._fault_of(partial(objects.look, path))
            if kind not in _ANSWERS:
                return bool(kind)
        kind = self._fault_of(self._objects.look_at_list)
        if self._is_listed:
            return bool(kind) and kind not in _ANSWERS
        return kind == "failed" or (kind == fault.kind == "credentials")

    def _in_words(self, fault: StoreFaultError) -> StoreFaultError:
        """With what it refuses of a mere look, such as one with expired credentials, a store sends no words."""
        if fault.kind != "failed":
            return fault
        once = replace(self._retrying, patience=replace(self._retrying.patience, tries=1))
        try:
            once.call(self._objects.look_at_list)
        except StoreFaultError as told:
            return told if told.kind in _REFUSALS else fault
        return fault


class ArchiveWatch(StoreWatch):
    """Watches the archives below one address, all of which the scan has read.

    So one that is refused at once is no fault of its members: a right was taken away, or a signature has expired.

    Args:
        objects: the store's.
        where: as of `Watch`.
        has_query: whether the address has a query, which may be such a signature.
        retrying: as of `Watch`.
    """

    def __init__(self, objects: Objects, where: str, *, has_query: bool, retrying: Retrying | None = None) -> None:
        super().__init__(objects, where, is_listed=False, retrying=retrying)
        self._has_query = has_query

    def _hint(self, fault: StoreFaultError) -> str:
        if self._has_query and fault.kind in _REFUSALS:
            return f"has the signature in the address expired? With a new one, {_MENDED}"
        return super()._hint(fault)

    def _gives_nothing(self, fault: StoreFaultError) -> bool:
        return super()._gives_nothing(fault) or (self._last is None and fault.kind in {*_REFUSALS, "bucket"})


class WebWatch(Watch):
    """Watches the hosts that a list of addresses names: each may have gone, but not all that have answered before."""

    def __init__(self, retrying: Retrying | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("the list's addresses", retrying, clock)
        self._files: OrderedDict[int, tuple[Objects, str]] = OrderedDict()
        self._files_lock = threading.Lock()

    def _keep(self, objects: Objects, path: str) -> None:
        with self._files_lock:
            self._files.pop(id(objects), None)
            self._files[id(objects)] = objects, path
            if len(self._files) > _HOSTS:
                self._files.popitem(last=False)

    def _gives_nothing(self, fault: StoreFaultError) -> bool:
        if fault.kind != "failed":
            return False
        with self._files_lock:
            files = list(self._files.values())
        return bool(files) and all(self._fault_of(partial(objects.look, path)) == "failed" for objects, path in files)
