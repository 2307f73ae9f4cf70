"""Lists in Parquet: a column of paths and addresses, or of the images themselves, as datasets on the web have them.

Images are copied once, one behind the other, into a file beside the manifest: Parquet has no places to read one at, and
a group of its rows may take gigabytes. Decode workers read them there, as they read archives that were unpacked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from fashionbatch import disk
from fashionbatch.csvtext import PATH_COLUMNS
from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.labeling.job.manifest import LONGEST_PATH, UNKNOWN
from fashionbatch.labeling.job.paths import unpacked_beside
from fashionbatch.labeling.source.list_file import ListFile, ReadList, parquet_files
from fashionbatch.labeling.source.listing import Finding, Listed
from fashionbatch.labeling.source.request import ListOptions
from fashionbatch.names import suggestion
from fashionbatch.stores.archives.members import LARGEST_MEMBER, UNPACKED, Place, refusal_token
from fashionbatch.stores.archives.unpacking import require_room, unpacked_name

_BUFFER_BYTES: Final = 4 << 20
"""Of a column that is read at once; without it, pyarrow reads all of a column in a group of rows."""

_ROWS: Final = 10_000
_IMAGES: Final = 8
_ROOM_EVERY: Final = 64 << 20
_SHOWN: Final = 12
_BYTES, _PATH = "bytes", "path"


@contextlib.contextmanager
def open_parquet_list(folder: bytes, options: ListOptions, manifest: Path) -> Iterator[ParquetListing]:
    """A list in one or several Parquet files.

    Args:
        folder: what relative paths are relative to.
        options: how it is read.
        manifest: beside it go the images, where the list holds them.

    Raises:
        DataError: a file is missing or damaged, or the files have not the columns that are asked for.
        FashionBatchError: pyarrow is not installed.
    """
    listing = ParquetListing(folder, options)
    if not listing.has_images:
        yield listing
        return
    images = unpacked_beside(manifest)
    images.mkdir(exist_ok=True)
    with disk.write_new(images / unpacked_name(0)) as into:
        listing.spool = _Spool(into, images)
        yield listing


def count_images(options: ListOptions) -> tuple[int, int] | None:
    """How many images a list itself holds, and about how many bytes they take; None where it names files.

    Raises:
        DataError, FashionBatchError: as `open_parquet_list`.
    """
    files = parquet_files(options)
    columns = _Columns.of(files[0], options)
    if not columns.has_images:
        return None
    rows = size = 0
    for file in files:
        with _opened(file) as opened:
            told = opened.metadata
        rows += told.num_rows
        for group in map(told.row_group, range(told.num_row_groups)):
            chunks = map(group.column, range(group.num_columns))
            of_images = [chunk for chunk in chunks if chunk.path_in_schema.partition(".")[0] == columns.of_paths]
            size += sum(chunk.total_uncompressed_size for chunk in of_images)
    return rows, size


class ParquetListing:
    """The rows of Parquet files of one kind.

    Args:
        folder: what relative paths are relative to.
        options: how they are read.

    Attributes:
        spool: where images are copied to; needed where there are any.
    """

    def __init__(self, folder: bytes, options: ListOptions) -> None:
        self._options = options
        self._files = parquet_files(options)
        self._finding = Finding(str(options.place), folder, options.endings)
        self._columns = _Columns.of(self._files[0], options)
        self.spool: _Spool | None = None

    @property
    def has_images(self) -> bool:
        """As `Listing` says."""
        return self._columns.has_images

    @property
    def read(self) -> list[ReadList]:
        """As `Listing` says."""
        return [each for file in self._files for each in file.read]

    def entries(self) -> Iterator[Listed]:
        """As `Listing` says."""
        for file in self._files:
            if (columns := _Columns.of(file, self._options)) != self._columns:
                raise DataError(
                    f"{file}: its columns are not those of {self._files[0]}: {columns} instead of {self._columns}"
                )
            number = 0
            for batch in _batches(file, columns):
                for cell, name, cells in columns.rows(file, batch):
                    yield self._listed(file, number, cell, name, cells)
                    number += 1

    def conclude(self, rows: int) -> list[str]:
        """As `Listing` says."""
        return self._finding.notes(rows, has_columns=True)

    def _listed(self, file: ListFile, number: int, cell: Any, name: str | None, cells: list[str]) -> Listed:
        if isinstance(cell, dict):
            cell, name = cell[_BYTES], cell[_PATH]
            if cell is None and name:
                # As the images of some datasets are kept: beside the table.
                cell = str(name)
        if not self.has_images or isinstance(cell, str):
            path = _path_bytes(file, number, cell or "")
            found, seen = self._finding.look(path)
            return Listed(found, *seen, cells)
        path = _path_bytes(file, number, name) if name else f"{file.name}/{number:06}".encode()
        if cell is None:
            return Listed(path, UNKNOWN, UNKNOWN, cells, refusal_token("EmptyCellError: the list holds no image there"))
        if len(cell) > LARGEST_MEMBER:
            problem = f"ImageSizeError: the image takes more than {LARGEST_MEMBER >> 20} MiB"
            return Listed(path, UNKNOWN, UNKNOWN, cells, refusal_token(problem))
        assert self.spool is not None
        place = Place(UNPACKED, 0, 0, 0, (self.spool.add(cell), 0))
        return Listed(path, len(cell), file.mtime_ns, cells, place.token())


class _Spool:
    """Takes images, one behind the other.

    Args:
        file: where they go.
        folder: that it lies in.
    """

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._written = 0

    def add(self, image: bytes) -> int:
        """Append an image; returns where it begins.

        Raises:
            OSError: there is no room.
        """
        start = self._written
        if not start or start // _ROOM_EVERY != (start + len(image)) // _ROOM_EVERY:
            require_room(self._folder)
        self._file.write(image)
        self._written += len(image)
        return start


@dataclass(frozen=True)
class _Columns:
    """Which columns of a file are read.

    Attributes:
        of_paths: the column of paths or images.
        type_: what it holds, as pyarrow says it.
        has_images: whether it holds images.
        of_names: a column that names them, where it does not do so itself.
        keep: columns that the table takes over.
    """

    of_paths: str
    type_: str
    has_images: bool
    of_names: str | None
    keep: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.of_paths} ({self.type_})"

    @classmethod
    def of(cls, file: ListFile, options: ListOptions) -> _Columns:
        """What the options say of a file.

        Raises:
            DataError: it has no such columns, or they hold something else.
        """
        pa = _pyarrow(file)
        with _opened(file) as opened:
            schema = opened.schema_arrow
        wanted = options.path_column or _usual_column(file, schema)
        for name in (wanted, *options.keep):
            count = list(schema.names).count(name)
            if count != 1:
                what = f"there is no column {name!r}{suggestion(name, schema.names)}"
                raise DataError(
                    f"{file}: {what if not count else f'several columns are called {name!r}'}", hint=_told(schema)
                )
        type_ = _plain_type(pa, schema.field(wanted).type)
        has_images = _is_binary(pa, type_) or _is_image(pa, type_)
        if not has_images and not _is_text(pa, type_):
            raise DataError(
                f"{file}: the column {wanted!r} holds {type_}, where paths, addresses or images are needed",
                hint=_told(schema),
            )
        of_names = None
        if _is_binary(pa, type_):
            fields = {name: schema.field(name).type for name in schema.names if schema.names.count(name) == 1}
            named = [name for name in PATH_COLUMNS if name != wanted and name in fields]
            of_names = next((name for name in named if _is_text(pa, _plain_type(pa, fields[name]))), None)
        return cls(wanted, str(type_), has_images, of_names, options.keep)

    def rows(self, file: ListFile, batch: Any) -> Iterator[tuple[Any, str | None, list[str]]]:
        """Path or image, name and kept cells of each row of a batch.

        Raises:
            DataError: a kept column holds what is no cell.
        """
        pa = _pyarrow(file)
        kept = [_as_text(pa, file, name, batch.column(name)) for name in self.keep]
        names = [None] * len(batch) if self.of_names is None else batch.column(self.of_names).to_pylist()
        column = batch.column(self.of_paths)
        for row, name in enumerate(names):
            # One after the other: a list of them would hold a second copy of each image.
            yield column[row].as_py(), name, [cells[row] or "" for cells in kept]


def _batches(file: ListFile, columns: _Columns) -> Iterator[Any]:
    """A few rows at a time.

    Raises:
        DataError: the file is damaged.
    """
    pa = _pyarrow(file)
    wanted = [columns.of_paths, *([columns.of_names] if columns.of_names else []), *columns.keep]
    size = _IMAGES if columns.has_images else _ROWS
    with _opened(file) as opened:
        batches = opened.iter_batches(size, columns=list(dict.fromkeys(wanted)), use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _damaged(file, error) from None
            if batch is None:
                return
            yield batch


@contextlib.contextmanager
def _opened(file: ListFile) -> Iterator[Any]:
    """A file as pyarrow reads it; one in a store in pieces."""
    pa = _pyarrow(file)
    from pyarrow import parquet as pq

    asked: dict[str, Any] = {"buffer_size": _BUFFER_BYTES, "pre_buffer": False, "page_checksum_verification": True}
    with contextlib.ExitStack() as stack:
        is_here = isinstance(file.place, Path)
        source = str(file.place) if is_here else stack.enter_context(file.opened())
        try:
            opened = pq.ParquetFile(source, **asked)
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise DataError(f"cannot read {file}: {error.strerror or error}") from None
            raise _damaged(file, error) from None
        yield opened


def _damaged(file: ListFile, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0]
    return DataError(f"{file}: is no Parquet file, or damaged or cut short: {reason}")


def _pyarrow(file: ListFile) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise FashionBatchError(
            f"{file}: reading Parquet needs pyarrow, which cannot be imported ({error})",
            hint="pip install 'fashionbatch[parquet]'",
        ) from None
    return pa


def _usual_column(file: ListFile, schema: Any) -> str:
    found = [name for name in PATH_COLUMNS if name in schema.names]
    if len(found) != 1:
        what = (
            f"several columns may hold the paths: {', '.join(found)}"
            if found
            else "no column is called as those of paths are"
        )
        raise DataError(f"{file}: {what}", hint=f"--path-column names the one of paths or images; {_told(schema)}")
    return found[0]


def _told(schema: Any) -> str:
    shown = [f"{field.name} ({field.type})" for field in schema][:_SHOWN]
    more = len(schema.names) - len(shown)
    return f"its columns are {', '.join(shown)}{f' and {more:,} more' if more else ''}"


def _plain_type(pa: Any, type_: Any) -> Any:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _is_text(pa: Any, type_: Any) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _is_binary(pa: Any, type_: Any) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_))


def _is_image(pa: Any, type_: Any) -> bool:
    """Whether it is a structure of bytes and their path."""
    if not pa.types.is_struct(type_):
        return False
    fields = {field.name: field.type for field in type_}
    return set(fields) == {_BYTES, _PATH} and _is_binary(pa, fields[_BYTES]) and _is_text(pa, fields[_PATH])


def _as_text(pa: Any, file: ListFile, name: str, column: Any) -> Sequence[str | None]:
    """The cells of a kept column, as a CSV file would hold them."""
    try:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if _is_binary(pa, column.type):
            raise pa.ArrowNotImplementedError
        texts: Sequence[str | None] = column.cast(pa.string()).to_pylist()
    except pa.ArrowException:
        raise DataError(
            f"{file}: the column {name!r} holds {column.type}, which is no cell of a table",
            hint="leave it out of --keep",
        ) from None
    return texts


def _path_bytes(file: ListFile, number: int, name: object) -> bytes:
    path = str(name).encode("utf-8", "surrogateescape")
    if b"\0" in path or len(path) > LONGEST_PATH:
        raise DataError(f"{file}: row {number:,}: the path holds a NUL character, or is longer than any file's")
    return path
