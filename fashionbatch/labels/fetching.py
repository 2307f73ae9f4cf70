"""Tables that lie in a store, brought to this machine for as long as they are read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from fashionbatch.labels.parts import folder_of_folders, is_ignored
from fashionbatch.labels.sidecar import SIDECAR_ENDING
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.stores.address import Location, Url
from fashionbatch.stores.fetching import fetched

FILES_ENDING: Final = ".files"
"""Of the list of files beside a table."""


def table_here(
    table: Location, *, beside: tuple[str, ...] = (SIDECAR_ENDING,), bar: OpenBar = no_bar
) -> AbstractContextManager[Path]:
    """A table on this machine, a file or a folder of parts, or a copy of one in a store for the time of the block.

    Args:
        table: where it lies.
        beside: endings of what is wanted that lies beside it.
        bar: shows how far fetching is.

    Raises:
        DataError: it is not in the store, or cannot be read there, or is a folder of folders.
        ScratchError: there is no room for it on this machine.
        FashionBatchError: there are no such stores, or a package is not installed.
    """

    def is_part(name: str) -> bool:
        if is_ignored(name):
            return False
        if "/" in name:
            raise folder_of_folders(table)
        return True

    return fetched(table, beside=beside, is_part=is_part if isinstance(table, Url) else None, bar=bar)
