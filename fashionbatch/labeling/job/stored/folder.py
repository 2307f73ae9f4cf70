"""The objects of one job in a store: what is asked of them, with what goes wrong as an error for the user."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.specs import StopSignal
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fetching import fetch_object
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Patience, Retrying
from fashionbatch.stores.writable import open_writable
from fashionbatch.stores.writing import Upload, WritableObjects, Written

_LASTING: Final = Patience(tries=90, longest_pause_s=30.0, try_s=600.0, total_s=1800.0)
"""For what hours of labeling have made: a store may be out of order for minutes."""
_SLICE_S: Final = 0.1
_LOOKS: Final = 5


class Found(NamedTuple):
    """A small object as it is.

    Attributes:
        content: its bytes.
        tag: changes with its content; empty where the store tells none.
    """

    content: bytes
    tag: str


class JobFolder:
    """The objects of one job.

    Args:
        url: what their paths are below.
        stop_signal: the number of the signal that asks for an end, 0 while there is none: no pause between two requests
            outlasts it.
        called: what messages call it; None for the job.
        open_objects: opens what lies below an address; anything but the default is for tests.
        pause: waits so many seconds, as `time.sleep`; likewise.

    Attributes:
        url: what their paths are below.
        heeds_absence: whether the store heeds the condition that there is no object yet.
        lasting: asks again for half an hour, what must not be lost because a store is out of order for a while.
        heeds_tags: whether it heeds the condition that an object is still the one that was seen.
    """

    def __init__(
        self,
        url: Url,
        stop_signal: StopSignal = lambda: 0,
        *,
        called: str | None = None,
        open_objects: Callable[[Url], WritableObjects] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self.heeds_absence = True
        self.heeds_tags = True
        self._stop_signal = stop_signal
        self._called = called or f"the job in {url}"
        self._open = open_objects or open_writable
        self._pause = pause
        self._usual = Retrying(sleep=self.wait)
        self.lasting = Retrying(_LASTING, sleep=self.wait)

    def read(self, path: str) -> bytes | None:
        """What an object holds; None where there is none.

        Raises:
            OutputError: the store does not give it.
        """
        with self._errors():
            try:
                return self._usual.call(lambda seconds: self._objects.get(path, "", None, seconds))
            except StoreFaultError as fault:
                if fault.kind == "missing":
                    return None
                raise

    def find(self, path: str) -> Found | None:
        """What an object holds, and the tag of just that; None where there is none.

        Raises:
            OutputError: the store does not give it.
        """
        with self._errors():
            for _ in range(_LOOKS):
                try:
                    tag = self._usual.call(lambda seconds: self._objects.look(path, seconds)).token
                    content = self._usual.call(lambda seconds, tag=tag: self._objects.get(path, tag, None, seconds))  # type: ignore[misc]
                    return Found(content, tag)
                except StoreFaultError as fault:
                    if fault.kind == "missing":
                        return None
                    if fault.kind != "changed":
                        raise
            raise StoreFaultError("failed", "FileChanged: it is written to again and again")

    def has(self, path: str) -> bool:
        """Whether there is an object.

        Raises:
            OutputError: the store does not tell.
        """
        with self._errors():
            try:
                self._usual.call(lambda seconds: self._objects.look(path, seconds))
            except StoreFaultError as fault:
                if fault.kind == "missing":
                    return False
                raise
        return True

    def write(self, path: str, content: bytes, over: str | None, *, retrying: Retrying | None = None) -> Written:
        """Make bytes an object, as `WritableObjects.write` says.

        Raises:
            OutputError: the store does not take it.
        """
        with self._errors():
            return self._objects.write(path, content, over, retrying or self._usual)

    def write_new(self, path: str, content: bytes) -> Written | None:
        """Make bytes an object that must not be there yet; None where there is one, perhaps by a try of this very call.

        Raises:
            OutputError: the store does not take it.
        """
        if self.heeds_absence:
            written = self.write(path, content, "", retrying=self.lasting)
            if written.outcome != "unconditional":
                return written if written.outcome == "written" else None
        if self.read(path) is not None:
            return None
        return self.write(path, content, None, retrying=self.lasting)

    def upload(self, file: Path, path: str, note: Path) -> None:
        """Make a file of this machine an object.

        Args:
            file: the file.
            path: of the object.
            note: as of `Upload`.

        Raises:
            OutputError: the store does not take it.
        """
        with self._errors():
            self._objects.put(Upload(file, path, True, note, self._go_on, self.lasting))

    def fetch(self, path: str, target: Path) -> bool:
        """Bring an object to this machine, whole or not at all; returns whether there is one.

        Raises:
            OutputError: the store does not give it, or it cannot be written here.
        """
        with self._errors(), disk.output_errors(target):
            return fetch_object(self._objects, path, target, self.lasting)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove objects, as far as they are there.

        Raises:
            OutputError: the store does not do it.
        """
        with self._errors():
            self._objects.remove(paths, self.lasting)

    def listed(self, below: str = "") -> Iterator[StoredObject]:
        """The objects whose paths begin with `below`: empty, or a path that ends with a slash.

        Raises:
            OutputError: the store does not list them.
        """
        with self._errors():
            try:
                for page in self._objects.pages(self._usual, below):
                    yield from page
            except StoreFaultError as fault:
                # What has no objects is not there: a bucket that is missing would have been told of before.
                if fault.kind != "missing":
                    raise

    def age_s(self, path: str) -> float | None:
        """Seconds since an object was written, by the store's clock; None where it is not told, or there is none."""
        with self._errors():
            try:
                return self._usual.call(lambda seconds: self._objects.age_s(path, seconds))
            except StoreFaultError as fault:
                if fault.kind == "missing":
                    return None
                raise

    def wait(self, seconds: float) -> None:
        """Wait, unless an end is asked for.

        Raises:
            InterruptedRunError: it is.
        """
        while seconds > 0:
            self._go_on()
            self._pause(min(seconds, _SLICE_S))
            seconds -= _SLICE_S
        self._go_on()

    def _go_on(self) -> None:
        if self._stop_signal():
            raise InterruptedRunError(
                f"interrupted while {self._called} was waited for",
                signal_number=self._stop_signal(),
                hint="start the same command again: it goes on from there",
            )

    @cached_property
    def _objects(self) -> WritableObjects:
        return self._open(self.url)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except StoreFaultError as fault:
            raise OutputError(f"{self._called}: {fault.reason}", hint=fault.hint) from fault
