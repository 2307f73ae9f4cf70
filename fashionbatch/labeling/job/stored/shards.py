"""Finished shards in a store, and copies of them in the job directory of this machine.

A shard is done when its object is in the store. Only then is it written here, so what is here is what the store has.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from fashionbatch.labeling.job.shards import DamagedShardError, ShardStore
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.progress import OpenBar

_AT_ONCE: Final = 8


@dataclass(frozen=True, kw_only=True)
class StoredShards(ShardStore):
    """The shards of a job in a store.

    Attributes:
        folder: of the job in the store.
        below: what the paths of the shards' objects begin with.
        keeps_copies: whether what this machine puts into the store stays here, too, for whoever joins it.
    """

    folder: JobFolder
    below: str
    keeps_copies: bool = True

    def is_done(self, shard: int) -> bool:
        """Whether a shard is in the store: one that was damaged there may have been removed, and have a copy here."""
        return self.folder.has(self._name(self.path(shard)))

    def done(self) -> set[int]:
        """The shards that are in the store."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        for each in self.folder.listed(self.below):
            name = PurePosixPath(each.path).name
            number = name.partition(".")[0]
            if number.isdecimal():
                found[int(number)].add(name)
        return {
            shard
            for shard, names in found.items()
            if shard < len(self) and names.issuperset(path.name for path in self.files(shard))
        }

    def content(self, shard: int) -> bytes:
        """As `ShardStore` says: of the copy here, if there is one."""
        if self.path(shard).exists():
            return super().content(shard)
        name = self._name(self.path(shard))
        content = self.folder.read(name)
        if content is None:
            raise DamagedShardError(f"{self.folder.url / name}: is not there any more")
        return content

    def digest(self, shard: int) -> str:
        """As `ShardStore` says."""
        return hashlib.sha256(self.content(shard)).hexdigest()

    def put(self, shard: int, contents: Mapping[Path, bytes]) -> bool:
        """As `ShardStore` says; where another run was first, what it has put there stands.

        Two runs may come to the same shard where one was thought to be lost, or with other parts of the same job. Their
        rows are the same, but for what depends on the moment, such as a file whose decoding took too long.
        """
        *others, table = contents
        for path in others:
            if not self._put_beside(path, contents[path], table):
                return False
        if self.folder.write_new(self._name(table), contents[table]) is None:
            return False
        if self.keeps_copies:
            super().put(shard, contents)
        return True

    def gather(self, bar: OpenBar) -> None:
        """Bring the shards that are not here from the store.

        Raises:
            DamagedShardError: some are damaged there, and not done any more.
            OutputError: they cannot be fetched, or written here.
        """
        missing = [shard for shard in range(len(self)) if not super(StoredShards, self).is_done(shard)]
        if not missing:
            return
        damaged = []
        with ThreadPoolExecutor(_AT_ONCE) as threads, bar("fetching what is done", len(missing), "shard") as advance:
            try:
                for number, error in enumerate(threads.map(self._fetch, missing), 1):
                    advance(number)
                    if error is not None:
                        damaged.append(error)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        if damaged:
            raise damaged[0]

    def remove_damaged(self) -> list[int]:
        """As `ShardStore` says, of those that are here: what the store has is looked at when it is fetched."""
        damaged = []
        for shard in sorted(super().done()):
            try:
                self.require_whole(shard)
            except DamagedShardError:
                damaged.append(shard)
        return damaged

    def _fetch(self, shard: int) -> DamagedShardError | None:
        """Bring a shard here; gives what is wrong with it, and removes it from the store then."""
        try:
            for path in self.files(shard):
                if not self.folder.fetch(self._name(path), path):
                    raise DamagedShardError(f"{self.folder.url / self._name(path)}: is not there any more")
            self.require_whole(shard)
        except DamagedShardError as error:
            self.folder.remove([self._name(self.path(shard))])
            return error
        return None

    def _put_beside(self, path: Path, content: bytes, table: Path) -> bool:
        """Upload what belongs to a shard beside its rows; returns whether the shard is still to be done."""
        name = self._name(path)
        if self.folder.write_new(name, content) is not None or self.folder.read(name) == content:
            return True
        if self.folder.has(self._name(table)):
            return False
        # Of a run that was lost before it came to the rows.
        self.folder.write(name, content, None, retrying=self.folder.lasting)
        return True

    def _name(self, path: Path) -> str:
        return self.below + path.name
