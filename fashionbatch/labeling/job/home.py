"""Where a job lies, as the stations of labeling see it: what they do with it is the same wherever that is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job, discard, parted_table, read_job, write_job
from fashionbatch.labeling.job.shards import ShardPart, ShardStore
from fashionbatch.labels.parts import PartedTable
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.specs import StopSignal
from fashionbatch.stores.address import Location

if TYPE_CHECKING:
    from fashionbatch.labeling.job.stored.parts import StoredParts


class JobHome:
    """A job that lies in the job directory and nowhere else.

    Args:
        paths: of the output.
        stop_signal: the number of the signal that asks for an end, 0 while there is none.
        parts: where the table belongs in a store, the folder that it may be there.

    Attributes:
        paths: of the output.
        parts: as given.
        stop_signal: as given; where others can take a job away, it asks for an end after that, too.
    """

    def __init__(
        self, paths: JobPaths, stop_signal: StopSignal = lambda: 0, *, parts: StoredParts | None = None
    ) -> None:
        self.paths = paths
        self.parts = parts
        self.stop_signal = stop_signal
        self._lock: JobLock | None = None

    @property
    def place(self) -> Location:
        """Where the job lies, for messages."""
        return self.paths.directory

    @property
    def delivering(self) -> Sidecar | None:
        """The sidecar of a table that an earlier run, perhaps elsewhere, has made of the job, and did not deliver."""
        return None

    @contextlib.contextmanager
    def held(self, part: str | None = None) -> Iterator[None]:
        """Keep other runs away. What an earlier one left is then as this machine has to take it.

        Args:
            part: what distinguishes a part from the others, such as `2-of-8`; None for a run that does all.

        Raises:
            OutputError: another run is at work, or it has taken the job over meanwhile.
        """
        lock = self._lock = JobLock(self.paths, part)
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def setting_up(self) -> Iterator[None]:
        """Keep other parts waiting while one of them, which holds the job, makes it.

        Raises:
            InterruptedRunError: there was a signal while another part was making it.
        """
        assert self._lock is not None
        with self._lock.setting_up(self.stop_signal):
            yield

    def refresh(self) -> None:
        """Let this machine know what has become of the job elsewhere.

        Raises:
            OutputError: that cannot be found out.
        """

    def finished(self) -> Sidecar | None:
        """The sidecar of a table that was delivered by a run that was stopped while it removed the job."""
        return None

    def find(self) -> Job | None:
        """The job that is under way, with all that belongs to it in the job directory but for shards; None for none.

        Raises:
            OutputError: it is damaged or of another version.
        """
        return read_job(self.paths)

    def begin(self, job: Job) -> None:
        """Begin a job whose directory has all else: from now on it exists.

        Raises:
            OutputError: it could not be written, or another run has begun one meanwhile.
        """
        self._write(job)
        self._begin_parts(job)

    def shards(self, bounds: Sequence[int], parts: Sequence[ShardPart], suffix: str | None = None) -> ShardStore:
        """The shards of a job, which is perhaps not begun yet; see `ShardStore`.

        Args:
            bounds: where each shard begins, and where the last one ends.
            parts: what each shard carries.
            suffix: the ending of the parts' names, where finished shards are to be seen as parts of the table.
        """
        stored = self.stored_parts(suffix)
        table = PartedTable(self.paths.output, suffix) if suffix is not None and stored is None else None
        return ShardStore(self.paths.shards, bounds, parts, table=table, stored=stored)

    def stored_parts(self, suffix: str | None) -> StoredParts | None:
        """The folder in a store that the table is, where it is one.

        Args:
            suffix: the ending of the parts' names; None where the table is one file.
        """
        return None if suffix is None or self.parts is None else self.parts.with_suffix(suffix)

    def _write(self, job: Job) -> None:
        """Put the description of a job into its directory; see `write_job`."""
        write_job(self.paths, job, parted_table(self.paths, job.options) if self.parts is None else None)

    def _begin_parts(self, job: Job) -> None:
        """Make room in a store for a table that is a folder there: only now, when the job has what of it is reused."""
        stored = self.stored_parts(job.options.partitioned)
        if stored is not None:
            stored.begin()

    def assembled(self) -> None:
        """Note that the table is complete, before it is delivered.

        Raises:
            OutputError: that cannot be noted, or another run has taken the job over.
        """

    def abandon(self) -> None:
        """Remove what was made for a job that could not be begun.

        Raises:
            OutputError: it cannot be removed.
        """
        discard(self.paths)

    def discard(self) -> None:
        """Remove the job and its shards: nothing of them is needed any more, or they are given up.

        Raises:
            OutputError: they cannot be removed.
        """
        discard(self.paths)

    def part_is_done(self) -> None:
        """Remove what is not needed here any more once a part is done."""
