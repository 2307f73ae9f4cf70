"""Small members that lie side by side in an archive of a store, and are fetched by one request."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from fashionbatch.stores.archives.content import span_of
from fashionbatch.stores.archives.members import UNPACKED, Place, place_of
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.opening import WantedFile

_LONGEST: Final = 1 << 20
_GAP: Final = 64 << 10
"""Bytes between two members, such as texts that belong to photos, which cost less than a request of their own."""

_OF_ALL: Final = frozenset({"changed", "missing"})
"""Faults that the archive has, and not the request."""


class Together:
    """A stretch of an archive in which some members lie; whoever asks first fetches it.

    Args:
        start: where it begins.
        stop: where it ends.
    """

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self._lock = threading.Lock()
        self._content: bytes | None = None
        self._fault: StoreFaultError | None = None

    def part(self, start: int, stop: int, fetch: Callable[[int, int], bytes]) -> bytes | None:
        """Bytes of it; None where it does not have them, or could not be fetched as a whole.

        Args:
            start: in the archive.
            stop: likewise.
            fetch: gets the bytes from the first up to the second number.

        Raises:
            StoreFaultError: the archive has changed or gone.
        """
        if not self.start <= start <= stop <= self.stop:
            return None
        with self._lock:
            if self._content is None and self._fault is None:
                try:
                    self._content = fetch(self.start, self.stop)
                except StoreFaultError as fault:
                    self._fault = fault
        if self._fault is not None:
            if self._fault.kind in _OF_ALL:
                raise StoreFaultError(self._fault.kind, self._fault.reason, self._fault.hint)
            return None
        assert self._content is not None
        return self._content[start - self.start : stop - self.start]


class _Lying(NamedTuple):
    archive: bytes
    start: int
    stop: int
    path: str


def found_together(files: Sequence[WantedFile]) -> Iterator[tuple[Together, list[str]]]:
    """Each stretch with several of some files, and their paths."""
    stretch: list[_Lying] = []
    for lying in sorted(_lying(files)):
        if stretch and not _goes_on(stretch, lying):
            yield from _several(stretch)
            stretch = []
        stretch.append(lying)
    yield from _several(stretch)


def _lying(files: Sequence[WantedFile]) -> Iterator[_Lying]:
    for file in files:
        place = place_of(file.token)
        if isinstance(place, Place) and place.kind != UNPACKED and file.size > 0:
            start, stop = span_of(place, file.size)
            yield _Lying(os.fsencode(file.path)[: place.archive], start, min(stop, place.size), file.path)


def _goes_on(stretch: Sequence[_Lying], lying: _Lying) -> bool:
    stop = max(each.stop for each in stretch)
    is_near = lying.archive == stretch[0].archive and lying.start - stop <= _GAP
    return is_near and max(stop, lying.stop) - stretch[0].start <= _LONGEST


def _several(stretch: Sequence[_Lying]) -> Iterator[tuple[Together, list[str]]]:
    if len(stretch) > 1:
        stop = max(each.stop for each in stretch)
        yield Together(stretch[0].start, stop), [each.path for each in stretch]
