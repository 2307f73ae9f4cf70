"""Asks a plugin in a fresh Python process, for what depends on what was imported, on hashes or on the file system.

As a program, `python -c "from fashionbatch.testing.fresh import main; main()"`, it reads a question as JSON from its
input and answers as JSON.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fashionbatch import disk
from fashionbatch.data.context import LocalContext
from fashionbatch.plugins import BUILT_IN, PluginWarning, find_plugins, load_plugins
from fashionbatch.registry import Registry
from fashionbatch.specs import DatasetSpec, EncodedImages, Samples, WriterSpec
from fashionbatch.testing.deadline import waiting_for
from fashionbatch.testing.subject import ContractError
from fashionbatch.testing.tables import table

HEAVY_MODULES = (
    *("tensorflow", "keras", "torch", "jax", "flax", "transformers", "timm", "torchvision", "onnxruntime", "openvino"),
    *("sklearn", "scipy", "matplotlib", "pandas", "pyarrow", "cv2", "skimage"),
)
"""What takes from 0.2 to 7 seconds to import."""

_SECONDS = 240
_PROGRAM = "import sys; sys.path[:] = {path!r}; from fashionbatch.testing.fresh import main; main()"


@functools.cache
def heavy_imports(distribution: str) -> tuple[str, ...]:
    """The frameworks that are in memory after a distribution's plugins have been loaded and asked for their specs.

    Raises:
        ContractError: loading them fails in a fresh process.
    """
    return tuple(_ask({"ask": "imports", "distribution": distribution}))


def samples_elsewhere(distribution: str, name: str, example: Mapping[str, Any], base: Path) -> dict[str, str]:
    """Digests of what a dataset gives in another process.

    The process has another working directory and another order of sets, and its directories are listed backwards.

    Raises:
        ContractError: the dataset cannot be loaded there.
    """
    question = {"ask": "samples", "distribution": distribution, "name": name, "example": example, "base": str(base)}
    answer: dict[str, str] = _ask(question)
    return answer


def table_elsewhere(distribution: str, name: str, example: Mapping[str, Any]) -> str:
    """The SHA-256 of the table that a writer makes of `tables.ROWS` in another process.

    The process has another working directory, another order of sets and, as it says, another host name.

    Raises:
        ContractError: it fails there.
    """
    digest: str = _ask({"ask": "table", "distribution": distribution, "name": name, "example": example})
    return digest


def digests_of(samples: Samples) -> dict[str, str]:
    """A digest of each part of some samples whose order counts."""
    images: Iterator[bytes]
    if isinstance(samples.images, np.ndarray):
        images = iter([np.ascontiguousarray(samples.images).tobytes()])
    elif isinstance(samples.images, EncodedImages):
        images = (name.encode("utf-8", "surrogatepass") for name in samples.images.names)
    else:
        images = (os.fsencode(os.path.abspath(path)) for path in samples.images)
    parts = {
        "images": hashlib.sha256(b"\0".join(images)).hexdigest(),
        "labels": _digest(list(samples.labels)),
        "class_names": _digest(samples.class_names),
        "splits": _digest(None if samples.splits is None else list(samples.splits)),
    }
    return {**parts, **{f"groups[{name!r}]": _digest(list(values)) for name, values in samples.groups.items()}}


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def _ask(question: Mapping[str, Any]) -> Any:
    path = [os.path.abspath(entry) for entry in sys.path]
    environment = {**os.environ, "PYTHONHASHSEED": "20"}
    with disk.scratch_folder() as folder, waiting_for(question["ask"]):
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, with a fixed program
                [sys.executable, "-c", _PROGRAM.format(path=path)],
                input=json.dumps(question),
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
                cwd=folder,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise ContractError(
                f"a fresh process that loads {question['distribution']} did not end within {_SECONDS} seconds",
                "look for a loop, a lock or a download at the level of the module",
            ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ContractError(
            f"it fails in a fresh process with another working directory: {last}",
            "find files by `context.locate`, and keep nothing in memory that another process does not have",
        )
    # What a plugin prints comes before the answer.
    return json.loads(done.stdout.rpartition("\n\f")[2])


def main() -> None:
    """Read a question from standard input and answer it on standard output."""
    question = json.load(sys.stdin)
    answer = {"imports": _imports, "samples": _samples, "table": _table}[question["ask"]](question)
    sys.stdout.write("\n\f" + json.dumps(answer))


def _imports(question: Mapping[str, Any]) -> list[str]:
    before = set(sys.modules)
    os.environ["FASHIONBATCH_PLUGINS"] = question["distribution"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        if question["distribution"] != BUILT_IN:
            # Those come first: what they import is not this distribution's fault.
            for found in find_plugins():
                if found.provider.distribution == BUILT_IN:
                    found.entry_point.load()
            before = set(sys.modules)
        load_plugins()
    return [name for name in HEAVY_MODULES if name in sys.modules and name not in before]


def _table(question: Mapping[str, Any]) -> str:
    for module, function in ((socket, "gethostname"), (platform, "node")):
        setattr(module, function, lambda: "another-host")
    system = os.uname()
    os.uname = lambda: os.uname_result((system.sysname, "another-host", *tuple(system)[2:]))
    spec = _registry().get(WriterSpec, f"{question['distribution']}/{question['name']}")
    return hashlib.sha256(table(spec, spec.parameters.model_validate(question["example"]))).hexdigest()


def _registry() -> Registry:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        return load_plugins().registry


def _samples(question: Mapping[str, Any]) -> dict[str, str]:
    registry = _registry()
    spec = registry.get(DatasetSpec, f"{question['distribution']}/{question['name']}")
    _list_backwards()
    parameters = spec.parameters.model_validate(question["example"])
    return digests_of(spec.load(parameters, LocalContext(base=Path(question["base"]))))


class _Backwards:
    """What `os.scandir` gives, in the opposite order."""

    def __init__(self, entries: Any) -> None:
        with entries:
            self._entries = iter(list(entries)[::-1])

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> _Backwards:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open: everything was read at once."""


def _list_backwards() -> None:
    """The order in which a file system lists names is its own affair; here it is another one."""
    scandir, listdir = os.scandir, os.listdir
    os.scandir = lambda *arguments: _Backwards(scandir(*arguments))  # type: ignore[assignment]
    os.listdir = lambda *arguments: sorted(listdir(*arguments), reverse=True)  # type: ignore[assignment]
