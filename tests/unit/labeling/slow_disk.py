"""`odd_decoders` in a worker for which every disk is slow: it reads ahead from its ninth file on."""

from __future__ import annotations

import time

import odd_decoders

from fashionbatch.labeling.workers import files

decode_into = odd_decoders.decode_into
_open_file = files._open_file


def _open_or_hang(folder: int, task: files.FileTask) -> files.OpenFile:
    if task.path.startswith("hang"):
        time.sleep(1000)
    return _open_file(folder, task)


files._SLOW_S = -1.0
files._open_file = _open_or_hang
