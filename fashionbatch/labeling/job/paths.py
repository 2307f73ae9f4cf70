"""The names that belong to an output: its sidecars, and the job directory beside it.

labels.csv.job/
    lock          held by flock while a run is at work
    job.json      what the rows depend on; it is written last, so its being there means that the rest is complete
    manifest      the frozen scan
    kept          for each row the cells of the user's own columns, where there are any
    reused        for each row what is reused of an earlier table, where there is one
    files         the manifest with the files' digests, where they are kept; made with the table
    shards/       a file for each finished shard
    table.json    that the table is complete, and its digest; written before the table gets its name
"""

from __future__ import annotations

from pathlib import Path


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
        self.shards = self.directory / "shards"
        self.table = self.directory / "table.json"

    @property
    def own_names(self) -> tuple[str, ...]:
        """Every name that a run makes in the output's directory: a scan of it must not take them for input."""
        return (self.output.name, self.meta.name, self.files.name, self.directory.name)
