"""Decoders for tests on Ray: they take their time, and a file may kill the actor whose decode worker reads it."""

from __future__ import annotations

import io
import os
import signal
import time
from typing import Any, BinaryIO

from fashionbatch import images

DEADLY = b"kill the actor"
WAITS_FOR = b"waits for "
"""In a photo before the path of a file, and a semicolon: it is decoded slowly when that file is there."""


def decode_into(file: bytes | BinaryIO, spec: Any, out: Any) -> str | None:
    data = file if isinstance(file, bytes) else file.read()
    if data == DEADLY:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return images.decode_into(data if isinstance(file, bytes) else io.BytesIO(data), spec, out)


def decode_slowly(file: bytes | BinaryIO, spec: Any, out: Any) -> str | None:
    time.sleep(0.05)
    data = file if isinstance(file, bytes) else file.read()
    path = data.partition(WAITS_FOR)[2].partition(b";")[0]
    while path and not os.path.exists(path):
        time.sleep(0.02)
    return images.decode_into(data if isinstance(file, bytes) else io.BytesIO(data), spec, out)


def decode_at_leisure(file: bytes | BinaryIO, spec: Any, out: Any) -> str | None:
    time.sleep(0.3)
    return images.decode_into(file, spec, out)


def decode_for_ages(file: bytes | BinaryIO, spec: Any, out: Any) -> str | None:
    time.sleep(1.5)
    return images.decode_into(file, spec, out)
