"""Imports a stranger's model in a process of its own, with limits: a crash or an endless conversion is one clear error.

What converts models is large, written in C++, and made for files that its users trust. Here it may crash, take all
memory or never end without taking anything along but a temporary directory, which is removed.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, fields
from pathlib import Path

from fashionbatch import disk
from fashionbatch.bundle.importing.make import ImportOptions
from fashionbatch.bundle.importing.onnx_file import check_onnx
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.errors import BundleError
from fashionbatch.processes import ProcessEndedError, ask_python

_MODULE = "fashionbatch.bundle.importing.conversion"
_MEMORY_BYTES = 6 * 2**30
_MEMORY_TIMES = 10
"""Of the model's size: it is held as a file, as a graph, as the adapted graph, and compiled, each in turn."""


@dataclass(frozen=True)
class ModelFile:
    """A model's file and how it is read.

    Attributes:
        path: the file or directory.
        trusted: whether the user vouches for models that hold code.
        output: the output to take, where there are several.
        time_limit_s: seconds that the whole import may take.
    """

    path: Path
    trusted: bool = False
    output: str | None = None
    time_limit_s: float = 1800.0


def import_file(model: ModelFile, directory: Path, options: ImportOptions) -> Bundle:
    """As `import_model` of what `read_model` reads, in a process of its own.

    Args:
        model: the model.
        directory: where the bundle goes.
        options: what the model's file does not say.

    Raises:
        BundleError: as those; or the conversion crashed, or went beyond its limits of time and memory.
        OutputError: the directory cannot be written.
    """
    limit = _MEMORY_BYTES + _MEMORY_TIMES * _size_of(model.path)
    question = {
        "model": os.path.abspath(model.path),
        "shown": str(model.path),
        "trusted": model.trusted,
        "output": model.output,
        "directory": str(directory),
        "options": {
            **{field.name: getattr(options, field.name) for field in fields(options)},
            "resize": options.resize.model_dump(mode="json"),
        },
        "memory_limit": limit,
    }
    try:
        ask_python(_MODULE, question, time_limit_s=model.time_limit_s)
    except TimeoutError:
        raise BundleError(
            f"{model.path}: was not converted within {model.time_limit_s:g} s",
            hint="a network may be endless; --time-limit SECONDS allows more",
        ) from None
    except ProcessEndedError as ended:
        raise _broken_off(model.path, ended, limit) from ended
    finally:
        # Of a process that was killed; one that ended by itself has left none.
        disk.remove_leftovers(Path(os.path.realpath(directory)))
    return open_bundle(directory)


def _broken_off(path: Path, ended: ProcessEndedError, limit: int) -> Exception:
    if ended.wants_memory:
        return BundleError(
            f"{path}: needs more than {limit / 2**30:.0f} GiB of memory to be converted, or more than there is",
            hint="a network may be made to fill the memory; a whole one of this size needs less",
        )
    if ended.signal:
        return BundleError(
            f"{path}: crashed what converts it ({ended.signal})",
            hint="it is damaged, or was made to do that; do not use it",
        )
    return RuntimeError(f"the conversion of {path} ended with {ended}")


def _size_of(path: Path) -> int:
    if path.suffix.lower() == ".onnx" and path.exists():
        return check_onnx(path)
    with contextlib.suppress(OSError):
        files = path.rglob("*") if path.is_dir() else (path, path.with_suffix(".bin"))
        return sum(file.stat().st_size for file in files if file.is_file())
    return 0
