"""`odd_decoders` in a worker for which every disk is slow: it reads ahead from its ninth file on."""

from __future__ import annotations

import time

import odd_decoders

from fashionbatch.labeling.workers import files
from fashionbatch.stores.folder import FolderOpener
from fashionbatch.stores.opening import OpenFile, WantedFile

decode_into = odd_decoders.decode_into
_open = FolderOpener.open


def _open_or_hang(opener: FolderOpener, file: WantedFile) -> OpenFile:
    if file.path.startswith("hang"):
        time.sleep(1000)
    return _open(opener, file)


files._SLOW_S = -1.0
FolderOpener.open = _open_or_hang  # type: ignore[method-assign]
