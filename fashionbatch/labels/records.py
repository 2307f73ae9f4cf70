"""What a table's sidecar and the description of a job have in common: typed, and checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from fashionbatch.display_width import counted

Match: TypeAlias = Literal["time", "sha256"]
"""What makes a file the same as before: its size and time, or its content."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is {brief(value)} where text is expected")
    return value


def _plain_name(name: str) -> str:
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise ValueError(f"{brief(name)} is no plain file name")
    return name


def _path(path: str) -> str:
    if not path or "\0" in path:
        raise ValueError(f"{brief(path)} is no path")
    return path


def _name_of_embeddings(name: str) -> str:
    if not name.lower().endswith((".npy", ".parquet")):
        raise ValueError(f"{brief(name)} is no name of a .npy or .parquet file")
    return name


# pydantic's own text refuses lone surrogates, which is how Python writes a file name's bytes that are not UTF-8.
Text: TypeAlias = Annotated[str, PlainValidator(_text)]
"""Text that may hold a file name of any bytes."""

PlainName: TypeAlias = Annotated[Text, AfterValidator(_plain_name)]
"""A file's name without a folder."""

PathText: TypeAlias = Annotated[Text, AfterValidator(_path)]
"""A path that an operating system would take; whether it may be used is the reader's to decide."""

Sha256: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""A digest in lower-case hexadecimal digits."""

Count: TypeAlias = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """An object in a sidecar or in a job's description.

    What was read is written again as it was: keys that this version does not know are kept, and fields that were not
    given are not written. So an optional field that is new changes no file of those who do not use it.
    """

    # Built when it is first used: a run needs the sidecar only at its end, and most commands need none of them.
    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def of_json(cls, document: object) -> Self:
        """Check what `json.loads` gave.

        Raises:
            ValueError: it is something else; the message says in one line where and what.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{where}: {message}" if where else message) from None

    def as_json(self) -> dict[str, Any]:
        """The JSON object, in Python's own types."""
        document: dict[str, Any] = json.loads(self.to_json())
        return document

    def to_json(self) -> bytes:
        """The bytes of the JSON object: ASCII, so that file names of any bytes stay what they are."""
        return (json.dumps(self.model_dump(exclude_unset=True), indent=1) + "\n").encode("ascii")


class BundleReference(Record):
    """A bundle that labels come from.

    Attributes:
        name: as its manifest has it.
        digest: SHA-256 of its `bundle.json`, which stands for all of it.
    """

    name: str
    digest: Sha256


class TableOptions(Record):
    """What was asked for and decides which rows there are and what is in them.

    Attributes:
        format: the name of the writer.
        format_parameters: the writer's, where it has any.
        topk: how many of the most likely classes are named.
        probabilities: whether there is a column for each class.
        threshold: below it a label is empty.
        spreadsheet_safe: whether text that looks like a formula has an apostrophe before it.
        accept_truncated: the share of its rows that an image may lack; None for what the bundle says.
        all_files: whether files without an image ending were taken, too.
        hidden: whether hidden files and what systems leave were taken, too.
        follow_links: whether links to folders were gone into.
        include: glob patterns of which a path matched one; none means all.
        exclude: glob patterns of which a path matched none.
        limit: only so many files were taken.
        files_from: the list of files that took the place of the scan.
        path_column: its column of paths; None for a plain list.
        keep: its columns that the table took over.
        null: whether paths in a plain list ended with a NUL byte.
        encoding: of the list, where it was given.
        previous: an earlier table whose rows were taken over.
        match: what made a file the same as in that one.
        retry_errors: whether only rows with the status `ok` were taken over.
        embeddings: the file of the features, seen from the table's folder; compared, and never opened.
        partitioned: the ending of each part's name, where the table is a folder of parts.
    """

    format: str
    format_parameters: Mapping[str, Any] = Field(default_factory=dict)
    topk: int = 1
    probabilities: bool = False
    threshold: float | None = None
    spreadsheet_safe: bool = False
    accept_truncated: float | None = None
    all_files: bool = False
    hidden: bool = False
    follow_links: bool = False
    include: Sequence[Text] = ()
    exclude: Sequence[Text] = ()
    limit: int | None = None
    files_from: Text | None = None
    path_column: Text | None = None
    keep: Sequence[Text] = ()
    null: bool = False
    encoding: str | None = None
    previous: Text | None = None
    match: Match = "time"
    retry_errors: bool = False
    embeddings: Text | None = None
    partitioned: str | None = Field(default=None, pattern=r"^\.[a-z0-9_.]+$")


class Compute(Record):
    """What computed, as far as the numbers depend on it.

    Attributes:
        runtime: its name.
        version: of the runtime.
        device: such as `cpu`.
        precision: of the arithmetic, one for each bundle.
        batch_size: images at once.
        instruction_set: the widest vector instructions of the CPU.
        parameters: the runtime's, where it has any.
    """

    runtime: str
    version: str
    device: str
    precision: Sequence[str]
    batch_size: int = Field(ge=1)
    instruction_set: str
    parameters: Mapping[str, Any] = Field(default_factory=dict)


class PrecisionRecord(Record):
    """What a bundle's network was computed in, and why. No row depends on the reason.

    Attributes:
        precision: of the arithmetic.
        reason: why that one, in words.
        rates: images a second in each precision, where they were timed on the machine that began the job.
    """

    precision: str
    reason: Text
    rates: Mapping[str, float] = Field(default_factory=dict)


class DecodingRecord(Record):
    """How image files were decoded.

    Attributes:
        policy: the version of `fashionbatch.images.POLICY`.
        pillow: the version of Pillow.
    """

    policy: int
    pillow: str


class ListRecord(Record):
    """What a list in a store was when it was read.

    Attributes:
        address: of the list, without credentials.
        bytes: its size; -1 where the store does not say it.
        tag: changes with its content, such as an ETag; empty where there is none.
    """

    address: Text
    bytes: int
    tag: Text


class FilesRecord(Record):
    """What the scan of the folder, or the list that took its place, gave.

    Attributes:
        rows: files that the table has.
        bytes: their sizes together.
        digest: SHA-256 of the list of files: of the job's while it runs, of `TABLE.files` in a sidecar.
        hidden: files and folders that are hidden or left by a system.
        special: sockets, pipes and devices.
        directory_links: links to directories, which were not followed.
        links: links in archives.
        excluded: files left out by include and exclude patterns.
        other: ending -> files that were left out since it is not that of an image.
        unreadable: folders that could not be listed, each with the reason (the first ones).
        unreadable_count: how many such folders there were.
        limited: whether `limit` ended the scan.
        lists: those in a store, as they were when they were read.
    """

    rows: Count
    bytes: Count
    digest: Sha256
    hidden: Count = 0
    special: Count = 0
    directory_links: Count = 0
    links: Count = 0
    excluded: Count = 0
    other: Mapping[Text, Count] = Field(default_factory=dict)
    unreadable: Sequence[Sequence[Text]] = ()
    unreadable_count: Count = 0
    limited: bool = False
    lists: Sequence[ListRecord] = ()


class ReuseCounts(Record):
    """How the files of a job compare with an earlier table.

    Attributes:
        reused: rows that are taken over.
        new: files that the earlier table does not have.
        changed: files of another size or time, or of another content.
        retried: files that are the same but had no label, or were not read.
        gone: rows of the earlier table whose files are no more.
        compared: files of the same size whose content decides, when they are looked at; none in a sidecar.
    """

    reused: Count = 0
    new: Count = 0
    changed: Count = 0
    retried: Count = 0
    gone: Count = 0
    compared: Count = 0

    def after_comparison(self, same: int) -> ReuseCounts:
        """The counts when all files were looked at and `same` of the compared ones had the same content."""
        return ReuseCounts(
            reused=self.reused + same,
            new=self.new,
            changed=self.changed + self.compared - same,
            retried=self.retried,
            gone=self.gone,
        )

    def __str__(self) -> str:
        content = f", {self.compared:,} of the same size, whose content decides" if self.compared else ""
        return (
            f"{counted(self.reused, 'row')} reused, {counted(self.new, 'file')} new, {self.changed:,} changed, "
            f"{self.retried:,} tried again, {self.gone:,} gone{content}"
        )


class EmbeddingsRecord(Record):
    """The file of the features, as a job describes it.

    Attributes:
        file: its name, without a folder: who reads this says where it is, or it is beside the table.
        format: `npy` or `parquet`.
        tensor: the operation of the graph that gives the features.
        port: which of its outputs.
        size: features of an image.
    """

    file: Annotated[PlainName, AfterValidator(_name_of_embeddings)]
    format: str
    tensor: str
    port: Count
    size: int = Field(ge=1)


def brief(value: object) -> str:
    """A value for a message: in ASCII, since it comes from a stranger's file, and not too long."""
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
