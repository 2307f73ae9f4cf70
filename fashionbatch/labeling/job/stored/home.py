"""A job that lies in a store, of which the job directory of each machine is a copy.

s3://bucket/jobs/0123456789abcdef/      named for the table's address
    begun.json        which job is under way: its name and the digests of its files; written last, if there is none yet
    1f2e3d4c5b6a7988/ the job of that name
        job.json, manifest, kept, reused, unpacked/
        shards/       a shard is done if its rows are there
    table.json        that the table was put together somewhere, and is being delivered
    locks/            who is at work: see `fashionbatch.labeling.job.stored.lease`

A kill at any moment leaves one of these: no `begun.json`, so that nothing below a job's name counts; a job that goes on
from its shards; a job with `table.json`, whose table is put together again, is the same, and is delivered as far as it
was not; or `table.json` alone: the table was delivered, and what is left goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from fashionbatch import disk
from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError
from fashionbatch.labeling.job.home import JobHome
from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job, TableRecord, discard, parsed, read_job
from fashionbatch.labeling.job.shards import ShardPart, ShardStore
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.labeling.job.stored.lease import ALL, FOLDER, SETUP, Lease, Leases, Times
from fashionbatch.labeling.job.stored.parts import StoredParts
from fashionbatch.labeling.job.stored.shards import StoredShards
from fashionbatch.labels.records import Record, Sha256
from fashionbatch.labels.sidecar import Sidecar
from fashionbatch.specs import StopSignal
from fashionbatch.stores.address import Location

BEGUN: Final = "begun.json"
TABLE: Final = "table.json"
SHARDS: Final = "shards/"
_LARGEST_OWNER: Final = 100
_LARGEST_TABLE: Final = 1 << 26
_FileName = Annotated[str, StringConstraints(pattern=r"^(job\.json|manifest|kept|reused|unpacked/[0-9]{6,}\.content)$")]


class Begun(Record):
    """The whole of `begun.json`: the job that is under way.

    Attributes:
        format: of a job in a store.
        name: below which the job lies.
        files: its files -> their SHA-256.
    """

    format: Literal[1]
    name: str = Field(pattern="^[0-9a-f]{16}$")
    files: Mapping[_FileName, Sha256]


class StoredHome(JobHome):
    """A job in a store.

    Args:
        paths: of the output, where it is made on this machine.
        folder: of the job in the store; it is asked under the same stop signal.
        stop_signal: as of `JobHome`.
        say: takes a line for the user.
        parts: as of `JobHome`.
        times: how long leases last.
        keeps_copies: whether the shards that this machine finishes are kept here, too.
    """

    def __init__(
        self,
        paths: JobPaths,
        folder: JobFolder,
        stop_signal: StopSignal,
        say: Callable[[str], None],
        *,
        parts: StoredParts | None = None,
        times: Times | None = None,
        keeps_copies: bool = True,
    ) -> None:
        super().__init__(paths, self._signal_or_loss, parts=parts)
        self._given_signal = stop_signal
        self._folder = folder
        self._say = say
        self._times = times
        self._keeps_copies = keeps_copies
        self._leases: Leases | None = None
        self._lease: Lease | None = None
        self._begun: Begun | None = None
        self._begun_content: bytes | None = None
        self._table: TableRecord | None = None
        self._new_name = secrets.token_hex(8)
        self._uploaded: bytes | None = None
        self._is_discarded = False
        self._is_part_done = False

    @property
    def place(self) -> Location:
        """As `JobHome` says."""
        return self._folder.url

    @property
    def delivering(self) -> Sidecar | None:
        """As `JobHome` says."""
        return self._table.meta if self._table is not None and self._begun is not None else None

    @contextlib.contextmanager
    def held(self, part: str | None = None) -> Iterator[None]:
        """As `JobHome` says: by a lock on this machine, and by leases in the store."""
        lock = self._lock = JobLock(self.paths, part)
        try:
            self._leases = Leases(self._folder, _owner_of(self.paths), self._say, times=self._times)
            self._leases.probe()
            self._lease = self._leases.take(part or ALL)
            others = [name for name in self._leases.names() if name not in {ALL, SETUP}] if part is None else [ALL]
            self._leases.require_none(others)
            yield
        except InterruptedRunError as error:
            if self._lease is not None and self._lease.is_lost:
                raise self._lease.loss() from error
            raise
        finally:
            self._let_go()
            lock.release()

    @contextlib.contextmanager
    def setting_up(self) -> Iterator[None]:
        """As `JobHome` says."""
        assert self._leases is not None
        with super().setting_up():
            lease = self._leases.take(SETUP, in_turn=True)
            try:
                yield
            finally:
                lease.release(remove=True)

    def refresh(self) -> None:
        """As `JobHome` says: a copy of a job that is no more goes."""
        content = self._folder.read(BEGUN)
        self._begun_content = content
        self._begun = None if content is None else parsed(Begun, content, self._folder.url / BEGUN)
        table = self._folder.read(TABLE)
        self._table = None if table is None else parsed(TableRecord, table, self._folder.url / TABLE)
        if content is None or content != _content(self.paths.begun):
            discard(self.paths)

    def finished(self) -> Sidecar | None:
        """As `JobHome` says."""
        return self._table.meta if self._table is not None and self._begun is None else None

    def find(self) -> Job | None:
        """As `JobHome` says: what the copy here lacks is fetched."""
        self.refresh()
        begun = self._begun
        if begun is None:
            return None
        if not self.paths.job.exists():
            self._fetch(begun)
        return read_job(self.paths)

    def begin(self, job: Job) -> None:
        """As `JobHome` says: of two runs the first wins."""
        self._write(job)
        files = self._files()
        begun = Begun(format=1, name=self._new_name, files={name: _digest(path) for name, path in files.items()})
        content = self._uploaded = begun.to_json()
        for name, path in files.items():
            self._folder.upload(path, f"{begun.name}/{name}", self.paths.upload)
        if not self._begin(content):
            raise OutputError(
                f"another run has begun the job in {self._folder.url} meanwhile",
                hint="start the same command again: it takes part in that job",
            )
        disk.write_file(self.paths.begun, content)
        self._begun = begun
        self._begin_parts(job)

    def shards(self, bounds: Sequence[int], parts: Sequence[ShardPart], suffix: str | None = None) -> ShardStore:
        """As `JobHome` says."""
        below = f"{self._new_name if self._begun is None else self._begun.name}/{SHARDS}"
        return StoredShards(
            self.paths.shards,
            bounds,
            parts,
            stored=self.stored_parts(suffix),
            folder=self._folder,
            below=below,
            keeps_copies=self._keeps_copies,
        )

    def assembled(self) -> None:
        """As `JobHome` says."""
        self._require_lease()
        content = disk.read_regular(self.paths.table, _LARGEST_TABLE, follow_links=False)
        self._folder.write(TABLE, content, None, retrying=self._folder.lasting)

    def abandon(self) -> None:
        """As `JobHome` says; a job that another run has begun stays."""
        discard(self.paths)
        if self._uploaded is not None:
            if self._folder.read(BEGUN) == self._uploaded:
                self._folder.remove([BEGUN])
            self._begun = None
            self._folder.remove([each.path for each in self._folder.listed(f"{self._new_name}/")])

    def discard(self) -> None:
        """As `JobHome` says: `begun.json` first, `table.json` after the copy here."""
        self._require_lease()
        self._folder.remove([BEGUN])
        self._begun = None
        paths = [each.path for each in self._folder.listed()]
        self._folder.remove([path for path in paths if path != TABLE and not path.startswith(FOLDER)])
        discard(self.paths)
        self._folder.remove([TABLE])
        self._table = None
        self._is_discarded = True

    def part_is_done(self) -> None:
        """As `JobHome` says: all of it is in the store, unless other parts are at work with the copy here."""
        assert self._lock is not None
        self._is_part_done = True
        if self._lock.is_alone():
            # The part is done all the same.
            with contextlib.suppress(OutputError):
                discard(self.paths)

    def _signal_or_loss(self) -> int:
        is_lost = self._lease is not None and self._lease.is_lost
        return self._given_signal() or (signal.SIGTERM if is_lost else 0)

    def _require_lease(self) -> None:
        if self._lease is not None:
            self._lease.require()

    def _let_go(self) -> None:
        """Release the leases; after a job that was discarded nothing stays."""
        if self._lease is None:
            return
        # Whoever joins the parts has to look at every lease that stays.
        self._lease.release(remove=self._begun is None or self._is_part_done)
        if self._is_discarded and self._begun is None and not self._lease.is_lost:
            with contextlib.suppress(FashionBatchError):
                self._folder.remove([each.path for each in self._folder.listed(FOLDER)])
        self._lease = None

    def _files(self) -> dict[str, Path]:
        """The files of a job that is about to begin: name below the job's -> path here."""
        paths = self.paths
        unpacked = sorted(paths.unpacked.iterdir()) if paths.unpacked.is_dir() else []
        found = [path for path in (paths.manifest, paths.kept, paths.reused) if path.exists()]
        return {path.relative_to(paths.directory).as_posix(): path for path in (*found, *unpacked, paths.job)}

    def _begin(self, content: bytes) -> bool:
        """Write `begun.json` if there is none; returns whether it is what was written."""
        outcome = self._folder.write(BEGUN, content, "").outcome if self._folder.heeds_absence else "unconditional"
        if outcome == "unconditional" and self._folder.read(BEGUN) is None:
            self._folder.write(BEGUN, content, None)
        return outcome == "written" or self._folder.read(BEGUN) == content

    def _fetch(self, begun: Begun) -> None:
        """Make the job directory a copy of the job, `job.json` last: with it the copy is complete."""
        paths = self.paths
        discard(paths)
        with disk.output_errors(paths.directory):
            paths.shards.mkdir(parents=True, exist_ok=True)
            if any(name.startswith("unpacked/") for name in begun.files):
                paths.unpacked.mkdir(exist_ok=True)
        for name in sorted(begun.files, key=lambda name: name == paths.job.name):
            if name == paths.job.name:
                disk.write_file(paths.begun, self._begun_content or b"")
            path = paths.directory / name
            place = f"{begun.name}/{name}"
            if not self._folder.fetch(place, path) or _digest(path) != begun.files[name]:
                discard(paths)
                raise OutputError(
                    f"{self._folder.url / place}: is missing or damaged", hint="`--restart` begins the job anew"
                )


def _owner_of(paths: JobPaths) -> str:
    """What stands for this job directory; made when it is asked for the first time."""
    with contextlib.suppress(OSError):
        known = disk.read_regular(paths.owner, _LARGEST_OWNER, follow_links=False).decode("ascii", "replace")
        if re.fullmatch("[0-9a-f]{16}", known):
            return known
    owner = secrets.token_hex(8)
    disk.write_file(paths.owner, owner.encode())
    return owner


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(path: Path) -> str:
    with disk.output_errors(path), disk.open_regular(path, follow_links=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
