"""Writes objects of any store that fsspec knows and in which they appear whole."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fsspec_objects import FsspecObjects
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.writing import Outcome, Upload, Written


class FsspecWriter(FsspecObjects):
    """The objects below an address, and new ones."""

    def require_writable(self, path: str, retrying: Retrying) -> None:
        """As `WritableObjects` says: what these libraries have in common gives nothing to try it by."""

    def put(self, upload: Upload) -> Outcome:
        """As `WritableObjects` says: one call of the library."""
        from fsspec.implementations.memory import MemoryFileSystem

        if not upload.replace and not self._knows_conditions():
            return "unconditional"
        upload.goes_on()
        condition = {} if upload.replace else {"mode": "create"}
        name = self._name(upload.path)
        # What `put_file` of the store in memory writes can be seen before it is complete.
        in_memory = isinstance(self._system, MemoryFileSystem)
        method = "pipe_file" if in_memory else "put_file"
        arguments = (name, upload.file.read_bytes()) if in_memory else (str(upload.file), name)
        try:
            upload.retrying.call(lambda seconds: self._call(method, seconds, *arguments, **condition))
        except StoreFaultError as fault:
            if fault.kind == "changed" or isinstance(fault.__cause__, FileExistsError):
                return "taken"
            raise
        return "written"

    def write(self, path: str, content: bytes, over: str | None, retrying: Retrying) -> Written:
        """As `WritableObjects` says; no library can tell a store which object it means to replace."""
        if over or (over is not None and not self._knows_conditions("pipe_file")):
            return Written("unconditional")
        condition = {} if over is None else {"mode": "create"}
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

    def _knows_conditions(self, method: str = "put_file") -> bool:
        """Whether a file is written on the condition that there is none: newer versions of the libraries do it."""
        name = f"_{method}" if getattr(self._system, "async_impl", False) else method
        return "mode" in inspect.signature(getattr(type(self._system), name)).parameters
