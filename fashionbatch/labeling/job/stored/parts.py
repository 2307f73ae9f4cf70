"""A table that is a folder of parts in a store: each appears whole, as soon as its shard is finished.

The parts are copies of the job's shards. What the folder lacks of them is put there when the job is gone on with, and
once more when all are done; only then is the sidecar written, which says that the table is complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.labels.parts import is_part, name_of_part, not_a_folder, require_parts_alone
from fashionbatch.labels.sidecar import SIDECAR_ENDING
from fashionbatch.stores.address import Url
from fashionbatch.stores.objects import StoredObject

_AT_ONCE: Final = 8
_Given = TypeVar("_Given")
_Answer = TypeVar("_Answer")


class FinishedShards(Protocol):
    """What is asked of the shards of a job."""

    def done(self) -> set[int]:
        """The shards that are done."""

    def content(self, shard: int) -> bytes:
        """The rows of a finished shard."""

    def digest(self, shard: int) -> str:
        """Their SHA-256."""


@dataclass(frozen=True)
class StoredParts:
    """The folder of a table in a store, and the parts in it.

    Attributes:
        url: the table.
        folder: what the table lies in.
        replaces: whether parts of an earlier table give way.
        suffix: the ending of each part's name; empty where that is not known yet.
        tags: of the parts that this process has written.
    """

    url: Url
    folder: JobFolder
    replaces: bool = False
    suffix: str = ""
    tags: dict[int, str] = field(default_factory=dict)

    @classmethod
    def at(cls, url: Url, stop_signal: Callable[[], int], *, replaces: bool) -> StoredParts:
        """The folder that an address names. Nothing is asked of the network."""
        return cls(url, JobFolder(url.parent, stop_signal, called=f"the table {url}"), replaces)

    def with_suffix(self, suffix: str) -> StoredParts:
        """The same folder, with the ending of its parts' names."""
        return replace(self, suffix=suffix)

    def require_free(self, is_begun: Callable[[], bool]) -> None:
        """Refuse what is in the way of the table.

        Args:
            is_begun: whether parts that are there may be those of a job that is under way; asked only where it matters.

        Raises:
            OutputError: the place holds something else, or the parts of a table that is not to be replaced.
        """
        if self._found() and not self.replaces and not is_begun():
            raise self._exists()

    def begin(self) -> None:
        """Remove the sidecar and the parts of an earlier table, which `require_free` has let pass.

        Raises:
            OutputError: they cannot be removed, or have come meanwhile.
        """
        found = self._found()
        if found and not self.replaces:
            raise self._exists()
        self._remove_earlier(found)

    def publish(self, shard: int, content: bytes) -> None:
        """Let the rows of a finished shard appear. Where they are already, nothing happens.

        Raises:
            OutputError: the store does not take them, or another run has put others there.
        """
        name = self._name(shard)
        written = self.folder.write_new(name, content)
        if written is None and (self.replaces or self.folder.read(name) is None):
            written = self.folder.write(name, content, None, retrying=self.folder.lasting)
        elif written is None and self.folder.read(name) != content:
            raise self._foreign(name)
        if written is not None and written.tag:
            self.tags[shard] = written.tag

    def catch_up(self, shards: FinishedShards) -> None:
        """Show what is finished of a job that is gone on with: a run may have been killed before it saw to that.

        Raises:
            OutputError: it cannot be done.
        """
        found, done = self._found(), shards.done()
        if self.replaces:
            # It may have been killed, too, before the earlier table was removed.
            right = {self._name(shard) for shard, same in self._compared(done, found, shards) if same}
            self._remove_earlier(found.keys() - right)
            found = {name: each for name, each in found.items() if name in right}
        missing = (shard for shard in sorted(done) if self._name(shard) not in found)
        for _ in _side_by_side(lambda shard: self.publish(shard, shards.content(shard)), missing):
            pass

    def complete(self, shards: FinishedShards, count: int, see: Callable[[int], None]) -> None:
        """See that the folder holds the rows of all shards and nothing else.

        Args:
            shards: all of them are done.
            count: how many there are.
            see: is told how many are seen to.

        Raises:
            OutputError: it cannot be done, or another run has put other rows there.
        """
        found = self._found()
        for number, (shard, same) in enumerate(self._compared(range(count), found, shards), 1):
            see(number)
            if not same:
                self.publish(shard, shards.content(shard))
        strays = found.keys() - {self._name(shard) for shard in range(count)}
        if strays and not self.replaces:
            raise self._foreign(min(strays))
        self.folder.remove(sorted(strays))

    def _compared(
        self, wanted: Iterable[int], found: dict[str, StoredObject], shards: FinishedShards
    ) -> Iterator[tuple[int, bool]]:
        """Whether the folder has the rows of some shards. What this process has written itself is not read again."""

        def is_same(shard: int) -> tuple[int, bool]:
            name = self._name(shard)
            if name not in found:
                return shard, False
            if found[name].token and found[name].token == self.tags.get(shard):
                return shard, True
            content = self.folder.read(name)
            return shard, content is not None and hashlib.sha256(content).hexdigest() == shards.digest(shard)

        return _side_by_side(is_same, wanted)

    def _found(self) -> dict[str, StoredObject]:
        """The parts that are there, by their names.

        Raises:
            OutputError: something else is in their place.
        """
        below = f"{self.url.name}/"
        if self.folder.has(self.url.name):
            raise not_a_folder(self.url)
        found = {}
        for each in self.folder.listed(below):
            name = each.path.removeprefix(below)
            if is_part(name):
                found[each.path] = each
            elif name:
                # At once: a folder of photos may have millions. One without a name stands for the folder itself.
                require_parts_alone(self.url, [name])
        return found

    def _remove_earlier(self, parts: Iterable[str]) -> None:
        """Remove parts, and first the sidecar: it would say of what is left that it is complete."""
        if self.replaces:
            self.folder.remove([self.url.name + SIDECAR_ENDING])
        self.folder.remove(sorted(parts))

    def _name(self, shard: int) -> str:
        return f"{self.url.name}/{name_of_part(shard, self.suffix)}"

    def _exists(self) -> OutputError:
        return OutputError(
            f"{self.url} exists",
            hint="`--overwrite` replaces it when the run begins; runs of one job on several machines need --job with "
            "an address",
        )

    def _foreign(self, name: str) -> OutputError:
        return OutputError(
            f"{self.folder.url / name}: another run has written it meanwhile",
            hint="what is labeled stays; the same command with `--overwrite` replaces it",
        )


def _side_by_side(ask: Callable[[_Given], _Answer], given: Iterable[_Given]) -> Iterator[_Answer]:
    """Ask several things of a store at once; the answers come in order."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="parts") as threads:
        try:
            yield from threads.map(ask, given)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
