"""A store in memory that heeds conditions, tells the time, and can lose the machine that asks it at any request."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.writing import Upload, Written


class LostError(BaseException):
    """In the place of SIGKILL: nothing in the package catches it."""


@dataclass
class Kept:
    """What a store holds, for all who ask it.

    Attributes:
        objects: address -> content, tag, and when it was written.
        now: seconds, by the store's clock.
        requests: what was asked for since `reset`.
        lost_at: the number of the request, from 1, at which the machine is lost; 0 for none.
        is_after: whether the store has done by then what that request asked for.
        refuses: a fault for every request, where there is one.
        put_fault: a fault for every try to write a shard, where there is one.
        heeds_conditions: else it writes all the same.
        knows_conditions: else it says that it does not.
        tells_time: else nobody learns how old an object is.
    """

    objects: dict[str, tuple[bytes, str, float]] = field(default_factory=dict)
    now: float = 1000.0
    requests: list[str] = field(default_factory=list)
    lost_at: int = 0
    is_after: bool = False
    refuses: StoreFaultError | None = None
    put_fault: StoreFaultError | None = None
    heeds_conditions: bool = True
    knows_conditions: bool = True
    tells_time: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)
    LostError: type[LostError] = LostError

    def reset(self, lost_at: int = 0, *, is_after: bool = False) -> None:
        """Another machine asks, a good while later."""
        self.requests.clear()
        self.lost_at, self.is_after = lost_at, is_after
        self.now += 1000.0

    def open(self, url: Url) -> KeptObjects:
        """The objects below an address."""
        return KeptObjects(self, f"{str(url).rstrip('/')}/")

    def names(self, below: str = "") -> list[str]:
        """The addresses of all objects, or of those below one."""
        return sorted(name for name in self.objects if name.startswith(below))

    def ask(self, what: str, *, is_done: bool) -> None:
        """Count a request before it is done, and see whether the machine lives on, before and after that."""
        if not is_done:
            if self.refuses is not None:
                raise self.refuses
            self.requests.append(what)
        number = len(self.requests)
        if self.lost_at and (number > self.lost_at or (number == self.lost_at and self.is_after == is_done)):
            raise LostError(what)


class KeptObjects:
    """The objects below one address."""

    def __init__(self, kept: Kept, root: str) -> None:
        self.kept = kept
        self.root = root

    def pages(self, retrying: Retrying, below: str = "") -> Iterator[list[StoredObject]]:
        self.kept.ask(f"list {below}", is_done=False)
        with self.kept.lock:
            found = [self._object(name) for name in self.kept.names(self.root + below)]
        for start in range(0, len(found), 3):
            yield found[start : start + 3]

    def look(self, path: str, seconds: float) -> StoredObject:
        self.kept.ask(f"look {path}", is_done=False)
        with self.kept.lock:
            self._content(path)
            return self._object(self.root + path)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        self.kept.ask(f"get {path}", is_done=False)
        with self.kept.lock:
            content, now, _ = self._content(path)
        if tag and tag != now:
            raise StoreFaultError("changed", "PreconditionFailed")
        return content if span is None else content[span[0] : span[1]]

    def close(self) -> None:
        pass

    def require_writable(self, path: str, retrying: Retrying) -> None:
        self.kept.ask(f"try {path}", is_done=False)

    def put(self, upload: Upload) -> str:
        upload.goes_on()
        return self.write(
            upload.path, upload.file.read_bytes(), None if upload.replace else "", upload.retrying
        ).outcome

    def write(self, path: str, content: bytes, over: str | None, retrying: Retrying) -> Written:
        if over is not None and not self.kept.knows_conditions:
            return Written("unconditional")
        retrying.call(lambda seconds: self._require_in_order(path))
        what = f"put {path}"
        self.kept.ask(what, is_done=False)
        with self.kept.lock:
            there = self.kept.objects.get(self.root + path)
            wanted = over if over else None
            if over is not None and self.kept.heeds_conditions and wanted != (there and there[1]):
                return Written("taken")
            tag = hashlib.md5(content).hexdigest()
            self.kept.objects[self.root + path] = (content, tag, self.kept.now)
        self.kept.ask(what, is_done=True)
        return Written("written", tag)

    def remove(self, paths: Sequence[str], retrying: Retrying) -> None:
        for path in paths:
            what = f"remove {path}"
            self.kept.ask(what, is_done=False)
            with self.kept.lock:
                self.kept.objects.pop(self.root + path, None)
            self.kept.ask(what, is_done=True)

    def age_s(self, path: str, seconds: float) -> float | None:
        self.kept.ask(f"age {path}", is_done=False)
        with self.kept.lock:
            return self.kept.now - self._content(path)[2] if self.kept.tells_time else None

    def _require_in_order(self, path: str) -> None:
        if "/shards/" in path and self.kept.put_fault is not None:
            raise self.kept.put_fault

    def _content(self, path: str) -> tuple[bytes, str, float]:
        try:
            return self.kept.objects[self.root + path]
        except KeyError:
            raise StoreFaultError("missing", "NoSuchKey") from None

    def _object(self, name: str) -> StoredObject:
        content, tag, when = self.kept.objects[name]
        return StoredObject(name.removeprefix(self.root), len(content), int(when * 1e9), tag)
