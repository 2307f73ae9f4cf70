"""The folder that is collected into: where each thing lies.

    photos/dress/openverse_4711_0f3a9c21.jpg    a photo that is kept, in its class's folder
    photos/collected.csv                        one row a hit
    photos/.collected/journal.jsonl             what was asked and came back
    photos/.collected/store/                    answers that came whole and have not got their place yet
    photos/.collected/aside/dress/              near duplicates, and what the user threw out
    photos/.collected/sheets/                   contact sheets

Names that begin with a dot are left out by training and labeling.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from fashionbatch import disk
from fashionbatch.errors import DataError, OutputError
from fashionbatch.left_behind import PROVENANCE

_OWN = ".collected"


class CollectedFolder:
    """The names in one folder.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own = path / _OWN
        self.table = path / PROVENANCE
        self.journal = self.own / "journal.jsonl"
        self.sheets = self.own / "sheets"
        self._store = self.own / "store"
        self._aside = self.own / "aside"

    def require_collected(self) -> None:
        """Insist on a folder that was collected into.

        Raises:
            DataError: it was not.
        """
        if not self.journal.is_file():
            raise DataError(
                f"nothing was collected into {self.path}", hint="give -o the folder that `data collect` was given"
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The folder for the time of the block, made where it is missing; nobody else collects into it meanwhile.

        Raises:
            OutputError: another process does, or it cannot be written.
        """
        with disk.output_errors(self.path):
            disk.make_directory(self._store)
            try:
                lock = disk.Lock(self.own / "lock")
            except disk.LockedError as locked:
                who = f" ({locked.holder})" if locked.holder else ""
                raise OutputError(f"{self.path}: another process is collecting into it{who}") from None
        try:
            disk.remove_leftovers_in(self._store)
            disk.remove_leftovers_in(self.path)
            yield
        finally:
            lock.release()

    def in_class(self, file: str) -> Path:
        """Where a kept photo lies.

        Args:
            file: its name below the folder, `dress/4711.jpg`.
        """
        return self.path / file

    def in_aside(self, file: str) -> Path:
        """Where a photo lies that was put aside."""
        return self._aside / file

    def _stored(self, url: str) -> Path:
        return self._store / _stored_name(url)

    def stored(self, url: str) -> bytes | None:
        """The file of an address that came whole and was not judged or placed yet; None where there is none.

        Raises:
            OutputError: it cannot be read.
        """
        path = self._stored(url)
        try:
            with disk.open_regular(path) as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"cannot read {path}: {disk.why_unreadable(error)}") from None

    def store(self, url: str, content: bytes) -> None:
        """Keep the file of an address, so that nothing that comes after makes it necessary to ask again.

        Raises:
            OutputError: it cannot be written.
        """
        path = self._stored(url)
        with disk.output_errors(path):
            disk.write_file(path, content)

    def clear_store(self, waiting: Iterable[str]) -> None:
        """Remove files that get no place.

        Args:
            waiting: addresses whose files are still to be judged.

        Raises:
            OutputError: one cannot be removed.
        """
        kept = set(map(_stored_name, waiting))
        with disk.output_errors(self._store):
            for path in self._store.iterdir():
                if path.name not in kept:
                    disk.remove(path)

    def put(self, file: str, url: str | None, *, aside: bool) -> bool:
        """Bring a photo to its place, wherever it is now; False where it is nowhere any more.

        Args:
            file: its name below the folder.
            url: where it came from, if it may be taken out of the store.
            aside: whether its place is where photos are put aside.

        Raises:
            OutputError: it cannot be moved.
        """
        wanted, other = self.in_class(file), self.in_aside(file)
        if aside:
            wanted, other = other, wanted
        if wanted.exists():
            return True
        for place in (other, None if url is None else self._stored(url)):
            if place is not None and place.exists():
                with disk.output_errors(wanted):
                    disk.make_directory(wanted.parent)
                    disk.rename(place, wanted, replace=False)
                return True
        return False


def _stored_name(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:40]
