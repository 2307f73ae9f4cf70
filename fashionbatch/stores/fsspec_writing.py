"""Writes objects of any store that fsspec knows and in which they appear whole."""

from __future__ import annotations

import inspect

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fsspec_objects import FsspecObjects
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.writing import Outcome, Upload


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

    def _knows_conditions(self) -> bool:
        """Whether a file is written on the condition that there is none: newer versions of the libraries do it."""
        name = "_put_file" if getattr(self._system, "async_impl", False) else "put_file"
        return "mode" in inspect.signature(getattr(type(self._system), name)).parameters
