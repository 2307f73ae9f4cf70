"""The names that belong to an output: its sidecars, and the job directory beside it.

labels.csv.job/
    lock          held by flock while a run is at work
    job.json      what the rows depend on; it is written last, so its being there means that the rest is complete
    manifest      the frozen scan
    kept          for each row the cells of the user's own columns, where there are any
    reused        for each row what is reused of an earlier table, where there is one
    files         the manifest with the files' digests, where they are kept; made with the table
    unpacked/     what has no places to read at: archives that are compressed as a whole, such as `.tar.gz`, as plain
                  tars, and the images of a Parquet file, one behind the other
    shards/       a file for each finished shard
    table.json    that the table is complete, and its digest; written before the table gets its name

Where the job lies in a store, the directory is this machine's copy of it, and holds besides:

    begun.json    which job of the store this is a copy of
    upload        what has been begun in the store, while a large file of the job is uploaded
    lock.owner    stands for this directory in the store's leases
"""

from __future__ import annotations

import re
from pathlib import Path

from fashionbatch.disk import Contents

_LOCKS = Contents(files=("lock", "lock.setup", "lock.owner"), patterns=(re.compile(r"lock\.[0-9]+-of-[0-9]+"),))
_SHARDS = Contents(patterns=(re.compile(r"[0-9]{6,}\.(rows|features|json)"),))
_UNPACKED = Contents(patterns=(re.compile(r"[0-9]{6,}\.content"),))
_TABLE = "table.json"
SCRATCH_DATABASE = "reuse.sqlite"
"""Where the rows of an earlier table are looked up; it is there only while that is done."""

SORT_PREFIX, SORT_SUFFIX = ".sort.", ".tmp"
"""Of the files in which a scan is sorted; they lose their names at once."""


class JobPaths:
    """The names that belong to an output.

    Args:
        output: the table.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.meta = output.with_name(output.name + ".meta.json")
        self.files = output.with_name(output.name + ".files")
        self.directory = output.with_name(output.name + ".job")
        self.lock = self.directory / "lock"
        self.job = self.directory / "job.json"
        self.manifest = self.directory / "manifest"
        self.kept = self.directory / "kept"
        self.reused = self.directory / "reused"
        self.hashed = self.directory / "files"
        self.unpacked = unpacked_beside(self.manifest)
        self.shards = self.directory / "shards"
        self.table = self.directory / _TABLE
        self.begun = self.directory / "begun.json"
        self.upload = self.directory / "upload"
        self.owner = self.directory / "lock.owner"

    @property
    def locks(self) -> Contents:
        """The locks in the job directory."""
        return _LOCKS

    @property
    def contents(self) -> Contents:
        """What is in the job directory besides locks."""
        kept = (self.job, self.manifest, self.kept, self.reused, self.hashed, self.table, self.begun, self.upload)
        return Contents(
            files=(*(path.name for path in kept), SCRATCH_DATABASE),
            patterns=(re.compile(rf"{re.escape(SORT_PREFIX)}[a-z0-9_]+{re.escape(SORT_SUFFIX)}"),),
            folders={self.shards.name: _SHARDS, self.unpacked.name: _UNPACKED},
            staged=(self.output.name, self.meta.name),
        )

    @property
    def all_contents(self) -> Contents:
        """Everything that the job directory may hold."""
        mine = self.contents
        return Contents(
            files=(*mine.files, *_LOCKS.files),
            patterns=(*mine.patterns, *_LOCKS.patterns),
            folders=mine.folders,
            staged=mine.staged,
        )

    @property
    def own_names(self) -> tuple[str, ...]:
        """Every name that a run makes in the output's directory: a scan of it must not take them for input."""
        return (self.output.name, self.meta.name, self.files.name, self.directory.name)


def unpacked_beside(manifest: Path) -> Path:
    """Where a scan unpacks archives that are compressed as a whole: beside the manifest that it writes."""
    return manifest.with_name("unpacked")
