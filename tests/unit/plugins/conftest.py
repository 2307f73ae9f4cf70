"""Checkpoints as PyTorch saved them in its older layout, written without PyTorch."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import pytest

SaveCheckpoint = Callable[..., Path]


class Storage:
    """Numbers that a pickle refers to."""

    def __init__(self, kind: type, key: str, numbers: np.ndarray, count: int | None = None) -> None:
        self.kind, self.key, self.numbers = kind, key, numbers
        self.count = numbers.size if count is None else count


class Tensor:
    """Part of a storage; it is pickled as a call of `torch._utils._rebuild_tensor_v2`."""

    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.given = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.given


class Pickler(pickle.Pickler):
    """Refers to storages, as PyTorch's does."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            return "storage", value.kind, value.key, "cpu", value.count, None
        return None


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, type]:
    """Modules with PyTorch's names, so that a pickle can name what is in them; the kinds of storages by dtype."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_: object) -> None:
        raise AssertionError("nothing calls it")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return {"float32": torch.FloatStorage, "int64": torch.LongStorage}


@pytest.fixture
def save_checkpoint(tmp_path: Path, torch_names: Mapping[str, type]) -> SaveCheckpoint:
    """`save_checkpoint({"a": array}, name="x.pth")`; `change` gets the tensors by name and may change them."""

    def dump(value: object, file: BinaryIO) -> None:
        Pickler(file, protocol=2).dump(value)

    def save(
        arrays: Mapping[str, np.ndarray],
        *,
        path: Path = tmp_path / "checkpoint.pth",
        change: Callable[[dict[str, Any]], object] = lambda tensors: None,
    ) -> Path:
        storages = [
            Storage(torch_names[str(array.dtype)], str(number), array) for number, array in enumerate(arrays.values())
        ]
        tensors: Any = OrderedDict()
        for (name, array), storage in zip(arrays.items(), storages, strict=True):
            strides = tuple(step // array.itemsize for step in array.strides)
            tensors[name] = Tensor(storage, 0, array.shape, strides)
        tensors._metadata = OrderedDict({"": {"version": 1}})
        change(tensors)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            dump(0x1950A86A20F9469CFC6C, file)
            dump(1001, file)
            dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}, file)
            dump(tensors, file)
            dump([storage.key for storage in storages], file)
            for storage in storages:
                file.write(storage.count.to_bytes(8, "little") + storage.numbers.tobytes())
        return path

    return save
