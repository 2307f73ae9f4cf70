"""Writes objects of any store that fsspec knows and in which they appear whole."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from fashionbatch.stores.azure import AzureObjects
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fsspec_objects import FsspecObjects
from fashionbatch.stores.gcs import GcsObjects
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.writing import Outcome, Upload, Written


class FsspecWriter(FsspecObjects):
    """The objects below an address, and new ones."""

    def require_writable(self, path: str, retrying: Retrying) -> None:  # noqa: ARG002 - there is nothing to try it by
        """As `WritableObjects` says: what these libraries have in common shows whether the store is there at all."""
        try:
            retrying.call(self.look_at_list)
        except StoreFaultError as fault:
            # Who may not list may still write, and below the address there may be nothing yet.
            if fault.kind not in {"denied", "missing"}:
                raise

    def put(self, upload: Upload) -> Outcome:
        """As `WritableObjects` says: one call of the library."""
        from fsspec.implementations.memory import MemoryFileSystem

        condition = self._condition()
        if not upload.replace and not condition:
            return "unconditional"
        upload.goes_on()
        asked = {} if upload.replace else condition
        name = self._name(upload.path)
        # What `put_file` of the store in memory writes can be seen before it is complete.
        in_memory = isinstance(self._system, MemoryFileSystem)
        method = "pipe_file" if in_memory else "put_file"
        arguments = (name, upload.file.read_bytes()) if in_memory else (str(upload.file), name)
        try:
            upload.retrying.call(lambda seconds: self._call(method, seconds, *arguments, **asked))
        except StoreFaultError as fault:
            if fault.kind == "changed" or isinstance(fault.__cause__, FileExistsError):
                return "taken"
            raise
        return "written"

    def write(self, path: str, content: bytes, over: str | None, retrying: Retrying) -> Written:
        """As `WritableObjects` says; no library can tell a store which object it means to replace."""
        condition = {} if over is None else self._condition("pipe_file")
        if over or (over is not None and not condition):
            return Written("unconditional")
        name = self._name(path)
        try:
            retrying.call(lambda seconds: self._call("pipe_file", seconds, name, content, **condition))
        except StoreFaultError as fault:
            if fault.kind == "changed" or isinstance(fault.__cause__, FileExistsError):
                return Written("taken")
            raise
        return Written("written")

    def remove(self, paths: Sequence[str], retrying: Retrying) -> None:
        """As `WritableObjects` says: one after the other."""
        for path in paths:
            name = self._name(path)
            try:
                retrying.call(lambda seconds, name=name: self._call("rm_file", seconds, name))  # type: ignore[misc]
            except StoreFaultError as fault:
                if fault.kind != "missing":
                    raise

    def age_s(self, path: str, seconds: float) -> float | None:
        """As `WritableObjects` says: these libraries do not pass on what time it is to the store."""
        self.look(path, seconds)
        return None

    def _condition(self, method: str = "put_file") -> Mapping[str, Any]:
        """How the library is told to write a file where there is none, and only there; empty where it does not know."""
        name = f"_{method}" if getattr(self._system, "async_impl", False) else method
        known = inspect.signature(getattr(type(self._system), name)).parameters
        return next((asked for asked in _CONDITIONS if asked.keys() <= known.keys()), {})


_CONDITIONS: tuple[Mapping[str, Any], ...] = ({"mode": "create"}, {"overwrite": False})


class GcsWriter(FsspecWriter, GcsObjects):
    """The objects below an address in Google Cloud Storage, and new ones."""


class AzureWriter(FsspecWriter, AzureObjects):
    """The blobs below an address in Azure, and new ones."""
