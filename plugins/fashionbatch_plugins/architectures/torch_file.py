"""Reads the tensors of a checkpoint that PyTorch saved in its older layout, without PyTorch and without running code.

Such a file is five pickles and then the numbers. Python's own reader of pickles imports and calls whatever a file
names, so it is not used: the few operations that a dictionary of tensors needs are done here, on a stack of plain
values, and the four names that it needs stand for functions and types of numbers. Whatever else stands in a file is
refused.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import WeightsError

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_ZIP: Final = b"PK\x03\x04"
_LARGEST_FILE: Final = 1 << 28
_LARGEST_PICKLE: Final = 1 << 22
_COUNT_BYTES: Final = 8


class _RefusedError(Exception):
    """The file holds something else than tensors; the text goes on after "the file: "."""


@dataclass(frozen=True)
class _Storage:
    """Numbers that stand behind the pickles.

    Attributes:
        key: what the file calls them.
        dtype: what they are.
        count: how many there are.
    """

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A tensor as part of a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint by their names: float32 or int64, in PyTorch's order of axes.

    Args:
        path: a file that `torch.save` wrote before PyTorch 1.6, or with `_use_new_zipfile_serialization=False`.

    Raises:
        WeightsError: the file is something else, is damaged, or holds more than tensors.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_size > _LARGEST_FILE:
                raise _RefusedError(f"it has more than {_LARGEST_FILE >> 20} MiB")
            return _read(file)
    except Exception as error:
        # Whatever damaged bytes make of it: of pickles nothing is promised.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(f"{path} is no checkpoint of tensors alone in PyTorch's older layout: {reason}") from error


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    if file.read(len(_ZIP)) == _ZIP:
        raise _RefusedError("it is in the newer layout, an archive of ZIP")
    file.seek(0)
    if _load(file) != _MAGIC or _load(file) != _PROTOCOL:
        raise _RefusedError("it begins in another way")
    system = _load(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _RefusedError("its numbers are not little-endian")
    tensors, keys = _load(file), _load(file)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise _RefusedError("it holds more than tensors")
    if sum(tensor.storage.dtype.itemsize * math.prod(tensor.shape) for tensor in tensors.values()) > _LARGEST_FILE:
        raise _RefusedError("its tensors are larger than the file")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise _RefusedError("its storages are not those of its tensors")
    numbers = {key: _numbers(file, storages[key]) for key in keys}
    return {name: _view(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _numbers(file: BinaryIO, storage: _Storage) -> NDArray[Any]:
    """The content of a storage: how many numbers there are, then the numbers."""
    count = int.from_bytes(file.read(_COUNT_BYTES), "little")
    size = storage.count * storage.dtype.itemsize
    if count != storage.count or size > _LARGEST_FILE:
        raise _RefusedError("a storage has another size than it should have")
    content = file.read(size)
    if len(content) != size:
        raise _RefusedError("it is cut short")
    return np.frombuffer(content, storage.dtype)


def _view(tensor: _Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    """A tensor as part of its storage, within its bounds."""
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum(max(size - 1, 0) * stride for size, stride in steps)
    if tensor.storage.dtype != numbers.dtype or last >= len(numbers) or math.prod(tensor.shape) > len(numbers):
        raise _RefusedError("a tensor reaches beyond its storage")
    strides = tuple(stride * numbers.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False).copy()


# ----------------------------------------------------------------------------------------------------------- pickles


def _dictionary() -> dict[str, Any]:
    """Stands for `collections.OrderedDict`."""
    return {}


def _tensor(storage: object, offset: object, shape: object, strides: object, *_: object) -> _Tensor:
    """Stands for `torch._utils._rebuild_tensor_v2`; whether a tensor learns is of no use here."""
    if not isinstance(storage, _Storage) or not _are_counts((offset,)):
        raise _RefusedError("a tensor has no storage")
    if not _are_counts(shape) or not _are_counts(strides) or len(shape) != len(strides):
        raise _RefusedError("a tensor has no shape")
    assert isinstance(offset, int)
    return _Tensor(storage, offset, shape, strides)


def _storage(given: object) -> _Storage:
    """What a file says of a storage: a word, its kind, its name, a device, its size, and of which other it is part."""
    match given:
        case ("storage", np.dtype() as dtype, str(key), str(), int(count), None) if _are_counts((count,)):
            return _Storage(key, dtype, count)
    raise _RefusedError("a storage is described in another way")


def _are_counts(values: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(values, tuple) and all(type(value) is int and 0 <= value < 1 << 40 for value in values)


_NAMES: Final[Mapping[str, Any]] = {
    "collections OrderedDict": _dictionary,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}
"""Module and name in a file -> what it stands for here."""
_CONSTANTS: Final[Mapping[str, Any]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS: Final = frozenset({"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"})


def _load(file: BinaryIO) -> Any:
    """The value of the pickle that stands next in the file."""
    machine = _Machine()
    start = file.tell()
    for operation, argument, position in pickletools.genops(file):
        if position is not None and position - start > _LARGEST_PICKLE:
            raise _RefusedError("its description is too long")
        machine.do(operation.name, argument)
    return machine.stack.pop()


class _Machine:
    """Does the operations of one pickle.

    Keys of dictionaries are strings: nothing that a file has nested is ever hashed, compared or written out.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """One operation by its name in `pickletools`."""
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        else:
            raise _RefusedError(f"it uses the operation {name}, which no weights need")

    def skip(self, _: object) -> None:
        """The version at the beginning, and the end."""

    def mark(self, _: object) -> None:
        """What follows belongs together."""
        self._marks.append(len(self.stack))

    def new_dictionary(self, _: object) -> None:
        """An empty one."""
        self.stack.append({})

    def new_list(self, _: object) -> None:
        """An empty one."""
        self.stack.append([])

    def tuple_since_mark(self, _: object) -> None:
        """Of whatever came since the mark."""
        self.stack.append(tuple(self._since_mark()))

    def tuple_of(self, count: int) -> None:
        """Of the last values."""
        values = [self.stack.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def keep(self, number: int) -> None:
        """The last value, for later."""
        self._memo[number] = self.stack[-1]

    def recall(self, number: int) -> None:
        """A value that was kept."""
        self.stack.append(self._memo[number])

    def name(self, name: str) -> None:
        """What a module's name stands for."""
        if name not in _NAMES:
            raise _RefusedError(f"it names {name.replace(' ', '.')}, which no weights need")
        self.stack.append(_NAMES[name])

    def storage(self, _: object) -> None:
        """Numbers that stand behind the pickles."""
        self.stack.append(_storage(self.stack.pop()))

    def call(self, _: object) -> None:
        """A function of this module: no other value can be called."""
        given, function = self.stack.pop(), self.stack.pop()
        if not callable(function) or not isinstance(given, tuple):
            raise _RefusedError("it calls what is no function")
        self.stack.append(function(*given))

    def drop_notes(self, _: object) -> None:
        """What PyTorch keeps beside its dictionary: the versions of its layers."""
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise _RefusedError("it changes what it has made")

    def append_one(self, _: object) -> None:
        """To a list."""
        self._append([self.stack.pop()])

    def append_since_mark(self, _: object) -> None:
        """To a list."""
        self._append(self._since_mark())

    def set_one(self, _: object) -> None:
        """A key and a value of a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def set_since_mark(self, _: object) -> None:
        """Keys and values of a dictionary in turn."""
        self._set(self._since_mark())

    def _append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise _RefusedError("it appends to what is no list")
        self.stack[-1].extend(values)

    def _set(self, pairs: list[Any]) -> None:
        keys, values = pairs[::2], pairs[1::2]
        if not isinstance(self.stack[-1], dict) or not all(isinstance(key, str) for key in keys):
            raise _RefusedError("it holds a dictionary of something else than names")
        self.stack[-1].update(zip(keys, values, strict=True))

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values


_OPERATIONS: Final[Mapping[str, Callable[[_Machine, Any], None]]] = {
    "PROTO": _Machine.skip,
    "STOP": _Machine.skip,
    "MARK": _Machine.mark,
    "EMPTY_DICT": _Machine.new_dictionary,
    "EMPTY_LIST": _Machine.new_list,
    "TUPLE": _Machine.tuple_since_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "BINPUT": _Machine.keep,
    "LONG_BINPUT": _Machine.keep,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _Machine.name,
    "BINPERSID": _Machine.storage,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.drop_notes,
    "APPEND": _Machine.append_one,
    "APPENDS": _Machine.append_since_mark,
    "SETITEM": _Machine.set_one,
    "SETITEMS": _Machine.set_since_mark,
}
