"""What a user asks for: which format, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fashionbatch.exporting.kinds import DEFAULT_OPSET, ExportDtype, ExportKind


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and where to.

    Attributes:
        kind: the format.
        output: the file, or the directory for formats that are one.
        dtype: of the weights, one of the format's.
        opset: the version of ONNX's operations.
        licence: under which the network may be used, for the file's metadata.
        overwrite: whether an earlier export in that place is replaced.
    """

    kind: ExportKind
    output: Path
    dtype: ExportDtype = "float32"
    opset: int = DEFAULT_OPSET
    licence: str | None = None
    overwrite: bool = False
