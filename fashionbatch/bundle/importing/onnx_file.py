"""Looks through an ONNX file as a stranger's, before OpenVINO reads it: where its numbers lie, and how many there are.

An ONNX file may keep a tensor's numbers in another file ("external data"), by a location that its maker chose. A
runtime that follows any location reads whatever file its user may read, and some locations mean places in the memory of
the process itself. Only plain files in the model's own folder are let through. Nor may a tensor have fewer numbers than
its shape says, since what follows them in memory would become weights.

The file is in the wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/); the numbers of
its fields are those of onnx.proto3. All else in it is OpenVINO's to read.
"""

from __future__ import annotations

import math
import mmap
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NoReturn, TypeAlias

from fashionbatch import disk
from fashionbatch.errors import BundleError

Field: TypeAlias = tuple[int, int, int, int]
"""Number, value of a varint, and where bytes begin and end; a field has either."""

_DEPTH = 64
_LARGEST_BYTES = 2**31
"""Protocol Buffers' own limit."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Message -> number of a field -> the message that it holds. Fields that lead to no tensor are left out.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 20: "TrainingInfo", 25: "Function"},
    "TrainingInfo": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
}
# Messages of which there is one at most. Two of them would be one, with the shape of this and the numbers of that.
_SINGLE: Mapping[str, set[int]] = {
    "Model": {7},
    "TrainingInfo": {1, 2},
    "Attribute": {5, 6, 22},
    "SparseTensor": {1, 2},
}
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 9, 13, 14
_NUMBERS = {4, 5, 6, 7, 10, 11}
_KEY, _VALUE = 1, 2
_METADATA = 14
"""The field of a model that holds what its maker wrote beside the graph."""
_LONGEST_TEXT = 16 * 2**20
_EXTERNAL = 1
_INT32 = 0xFFFF_FFFF
"""The bits of a varint that count where the field is an int32 or an enumeration."""
_MEMORY = "_ORT_MEM_ADDR_"
"""A part of a location by which OpenVINO means the memory of its own process, whatever lies on the disk."""
# Number of a data type -> bits of one number. Texts are never raw.
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16}
_BITS |= {**dict.fromkeys((17, 18, 19, 20), 8), 21: 4, 22: 4, 23: 4}


@dataclass
class _Tensor:
    """What counts of a TensorProto."""

    name: str = ""
    dims: list[int] = field(default_factory=list)
    data_type: int = 0
    has_numbers: bool = False
    raw_bytes: int | None = None
    is_external: bool = False
    external: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes that its shape says it has; 0 for types that this module does not know."""
        return -(-math.prod(self.dims) * _BITS.get(self.data_type, 0) // 8)


class _DamagedError(Exception):
    """The file is not in the wire format."""


def check_onnx(path: Path) -> int:
    """Look through a model's file and the files that it names.

    Args:
        path: the `.onnx` file.

    Returns:
        Bytes of all of them together.

    Raises:
        BundleError: it is no regular file or is damaged; or it names a file that it must not, or has fewer numbers than
            it says.
    """
    with _opened(path) as view:
        others = {_check_tensor(path, tensor) for tensor in _tensors(view, "Model", 0, len(view), _DEPTH)}
        return len(view) + sum(other.stat().st_size for other in others if other is not None)


def read_metadata(path: Path) -> dict[str, str]:
    """What the maker of a model wrote beside its graph (`metadata_props`), key by key; of doubles the first counts.

    Args:
        path: the `.onnx` file.

    Raises:
        BundleError: it is no regular file or is damaged; or a text is longer than 16 MiB.
    """
    metadata: dict[str, str] = {}
    with _opened(path) as view:
        for number, _, begins, ends in _fields(view, 0, len(view)):
            if number != _METADATA or begins < 0:
                continue
            if ends - begins > _LONGEST_TEXT:
                raise BundleError(f"{path}: has a text of {ends - begins:,} bytes in its metadata")
            key, text = _entry(view, begins, ends)
            metadata.setdefault(key, text)
    return metadata


@contextmanager
def _opened(path: Path) -> Iterator[memoryview]:
    try:
        with disk.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise BundleError(f"{path}: is empty")
            if size > _LARGEST_BYTES:
                raise BundleError(f"{path}: is larger than {_LARGEST_BYTES:,} bytes, as no ONNX file is")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                yield view
    except _DamagedError:
        raise BundleError(f"{path}: is damaged, or no ONNX file") from None
    except OSError as error:
        raise BundleError(f"{path}: {disk.why_unreadable(error)}") from None


def _check_tensor(path: Path, tensor: _Tensor) -> Path | None:
    """The file of a tensor's numbers, None where they are in the model's own."""

    def refuse(problem: str) -> NoReturn:
        raise BundleError(
            f"{path}: tensor {tensor.name!r} {problem}",
            hint="the file is damaged, or was made to read what is not its own; do not use it",
        )

    if any(side < 0 for side in tensor.dims):
        refuse("has a side of negative length")
    if not (tensor.is_external or tensor.external):
        if tensor.raw_bytes is not None and tensor.raw_bytes < tensor.size:
            refuse(f"has {tensor.raw_bytes:,} bytes where its shape says {tensor.size:,}")
        if tensor.size and not tensor.has_numbers:
            refuse("has a shape and no numbers")
        return None
    location = tensor.external.get("location", "")
    problem = _problem_of_location(path.parent, location)
    if problem is not None:
        refuse(f"keeps its numbers in {location!r}, which {problem}")
    other = path.parent / location
    held = other.stat().st_size
    try:
        offset = _count(tensor.external.get("offset", "0"))
        length = _count(tensor.external.get("length", str(max(held - offset, 0))))
    except ValueError:
        refuse("has numbers of bytes that are none")
    if offset + length > held:
        refuse(f"keeps its numbers behind the end of {location!r}")
    if length < tensor.size:
        refuse(f"has {length:,} bytes where its shape says {tensor.size:,}")
    return other


def _problem_of_location(folder: Path, location: str) -> str | None:
    """Why a location is no plain file below a folder, None where it is one."""
    # OpenVINO takes both separators.
    parts = PurePosixPath(location.replace("\\", "/")).parts
    if not parts or location.startswith(("/", "\\")) or ".." in parts or "\0" in location or ":" in parts[0]:
        return "is no path below the model's folder"
    if _MEMORY in location:
        return "stands for memory"
    place = folder
    for number, part in enumerate(parts, start=1):
        place /= part
        try:
            mode = os.lstat(place).st_mode
        except OSError:
            return "is not there"
        if stat.S_ISLNK(mode):
            return "leads over a link"
        if not (stat.S_ISREG(mode) if number == len(parts) else stat.S_ISDIR(mode)):
            return "is no plain file"
    return None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ValueError(text)
    return int(text)


# -------------------------------------------------------------------------------------------------------- wire format


def _tensors(view: memoryview, message: str, start: int, end: int, depth: int) -> Iterator[_Tensor]:
    if depth == 0:
        raise _DamagedError
    inner, seen = _MESSAGES[message], set()
    for number, _, begins, ends in _fields(view, start, end):
        kind = inner.get(number)
        if kind is None or begins < 0:
            continue
        if number in seen and number in _SINGLE.get(message, ()):
            raise _DamagedError
        seen.add(number)
        if kind == "Tensor":
            yield _tensor(view, begins, ends)
        else:
            yield from _tensors(view, kind, begins, ends, depth - 1)


def _tensor(view: memoryview, start: int, end: int) -> _Tensor:
    tensor = _Tensor()
    for number, value, begins, ends in _fields(view, start, end):
        if number == _DIMS and begins < 0:
            tensor.dims.append(_signed(value))
        elif number == _DIMS:
            tensor.dims += _packed(view, begins, ends)
        elif number == _DATA_TYPE and begins < 0:
            tensor.data_type = value & _INT32
        elif number == _NAME and begins >= 0:
            tensor.name = _text(view, begins, ends)
        elif number == _RAW_DATA and begins >= 0:
            tensor.has_numbers, tensor.raw_bytes = True, ends - begins
        elif number in _NUMBERS:
            tensor.has_numbers = True
        elif number == _DATA_LOCATION and begins < 0:
            tensor.is_external = value & _INT32 == _EXTERNAL
        elif number == _EXTERNAL_DATA and begins >= 0:
            key, text = _entry(view, begins, ends)
            if tensor.external.setdefault(key, text) != text:
                raise _DamagedError  # What is said twice, runtimes may take either way.
    return tensor


def _entry(view: memoryview, start: int, end: int) -> tuple[str, str]:
    """Key and value of a StringStringEntryProto."""
    entry = {which: (at, to) for which, _, at, to in _fields(view, start, end) if at >= 0}
    key, text = (_text(view, *entry[which]) if which in entry else "" for which in (_KEY, _VALUE))
    return key, text


def _fields(view: memoryview, start: int, end: int) -> Iterator[Field]:
    place = start
    while place < end:
        tag, place = _varint(view, place, end)
        number, kind = tag >> 3, tag & 7
        # Protocol Buffers reads 32 bits of a tag: with more of them a field is one for it and another one here.
        if tag > _INT32 or number == 0:
            raise _DamagedError
        if kind == _VARINT:
            value, place = _varint(view, place, end)
            yield number, value, -1, -1
            continue
        if kind == _BYTES:
            length, place = _varint(view, place, end)
        elif kind in {_FIXED32, _FIXED64}:
            length = 4 if kind == _FIXED32 else 8
        else:
            raise _DamagedError  # Groups, which ONNX never used.
        if length > end - place:
            raise _DamagedError
        if kind == _BYTES:
            yield number, 0, place, place + length
        place += length


def _varint(view: memoryview, place: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= end:
            break
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise _DamagedError


def _packed(view: memoryview, start: int, end: int) -> Iterator[int]:
    place = start
    while place < end:
        value, place = _varint(view, place, end)
        yield _signed(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(view: memoryview, start: int, end: int) -> str:
    return bytes(view[start:end]).decode("utf-8", "replace")
