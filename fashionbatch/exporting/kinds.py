"""The formats that a bundle is exported to, and what each of them can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal, TypeAlias

from fashionbatch.errors import RuntimeUnavailableError

ExportKind: TypeAlias = Literal["onnx", "tflite", "saved_model", "openvino_int8"]
ExportDtype: TypeAlias = Literal["float32", "float16", "int8"]

OPSETS = range(13, 19)
"""The versions of ONNX's operations that `tf2onnx` writes and a network with uint8 images needs."""
DEFAULT_OPSET = 18


@dataclass(frozen=True)
class Kind:
    """One format.

    Attributes:
        dtypes: what its weights may be, the usual one first.
        ending: of the file's name; empty where the format is a directory.
        packages: modules that write and compute it, beside those that every installation has.
        extra: the extra of `fashionbatch` that brings these.
    """

    dtypes: tuple[ExportDtype, ...]
    ending: str = ""
    packages: tuple[str, ...] = ()
    extra: str = ""

    @property
    def is_directory(self) -> bool:
        """Whether the format is a directory of several files."""
        return not self.ending


KINDS: Mapping[ExportKind, Kind] = MappingProxyType(
    {
        "onnx": Kind(("float32", "float16"), ".onnx", ("onnx", "tf2onnx", "onnxruntime"), "onnx"),
        "tflite": Kind(("float32", "float16", "int8"), ".tflite", ("ai_edge_litert",), "tflite"),
        "saved_model": Kind(("float32",)),
        "openvino_int8": Kind(("int8",)),
    }
)


def chosen_dtype(kind: ExportKind, dtype: ExportDtype | None, opset: int | None) -> ExportDtype:
    """What the weights of an export are kept in.

    Args:
        kind: the format.
        dtype: as it was asked for; None for the usual one.
        opset: the version of ONNX's operations; None where none was asked for.

    Raises:
        ValueError: there is no such format, or it has no such weights or no such operations.

    Example:
        >>> chosen_dtype("onnx", None, None)
        'float32'
    """
    if kind not in KINDS:
        raise ValueError(f"there is no format {kind!r}; there are {', '.join(KINDS)}")
    dtypes = KINDS[kind].dtypes
    if dtype is not None and dtype not in dtypes:
        raise ValueError(f"{kind} takes weights of {' or '.join(dtypes)}, not {dtype}")
    if opset is not None and kind != "onnx":
        raise ValueError(f"opset belongs to onnx; {kind} has none")
    if opset is not None and opset not in OPSETS:
        raise ValueError(f"opset must be from {OPSETS.start} to {OPSETS.stop - 1}, got {opset}")
    return dtype or dtypes[0]


def require_packages(kind: ExportKind) -> None:
    """Insist on what a format is written and checked with.

    Raises:
        RuntimeUnavailableError: a package is not installed; the hint names the extra that brings it.
    """
    missing = [name for name in KINDS[kind].packages if find_spec(name) is None]
    if missing:
        raise RuntimeUnavailableError(
            f"exporting to {kind} needs {' and '.join(missing)}, which {'are' if missing[1:] else 'is'} not installed",
            hint=f"pip install 'fashionbatch[{KINDS[kind].extra}]'",
        )
