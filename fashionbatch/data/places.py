"""Where this machine keeps data and what can be made again: two environment variables, and what they stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

from fashionbatch import disk
from fashionbatch.errors import DataError

DATA_VARIABLE: Final = "FASHIONBATCH_DATA_DIR"
CACHE_VARIABLE: Final = "FASHIONBATCH_CACHE_DIR"


def data_directory() -> Path | None:
    """The folder that FASHIONBATCH_DATA_DIR names, None where it is unset or empty; it need not exist."""
    value = os.environ.get(DATA_VARIABLE)
    return Path(value).expanduser().absolute() if value else None


def cache_path() -> Path:
    """Where what can be made again is kept: FASHIONBATCH_CACHE_DIR, else the platform's folder; it need not exist."""
    value = os.environ.get(CACHE_VARIABLE)
    return Path(value).expanduser().absolute() if value else platformdirs.user_cache_path("fashionbatch")


def cache_directory() -> Path:
    """The folder of `cache_path`, which exists on return.

    Raises:
        DataError: it cannot be made.
    """
    path = cache_path()
    try:
        disk.make_directory(path)
    except OSError as error:
        raise DataError(
            f"the cache folder {path} cannot be made: {error.strerror}",
            hint=f"set {CACHE_VARIABLE} to a folder that can be written",
        ) from error
    return path


def place_of_bundle(digest: str) -> Path:
    """Where the cache has the bundle of a digest, once it has it.

    Raises:
        DataError: as `cache_directory`.
    """
    return cache_directory() / "bundles" / digest
