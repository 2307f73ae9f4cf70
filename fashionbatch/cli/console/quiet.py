"""Keeps TensorFlow's start-up log from the user, whoever imports TensorFlow first: a data source may, to download."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Importing these takes a tenth of `--help`, and nothing needs them.
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec


def quieten_tensorflow() -> None:
    """Have the first import of TensorFlow write nothing that nobody needs. Its errors, and all else, come through.

    A user who wants its log sets `TF_CPP_MIN_LOG_LEVEL` before.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3" and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _FirstImport())


class _FirstImport:
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the interface's
        target: ModuleType | None = None,  # noqa: ARG002 - the same
    ) -> ModuleSpec | None:
        """TensorFlow's own spec, with a loader that holds its log back; nothing for any other module."""
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)  # type: ignore[assignment]  # it loads, which is enough
        return spec


class _QuietLoader:
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        from fashionbatch.model.framework import without_noise

        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        with without_noise():
            self._loader.exec_module(module)
            # Looks for GPUs, and complains of there being none, here and not in the middle of a progress bar.
            module.config.list_physical_devices()
