"""A decoder for tests: what a file says is what becomes of the process that reads it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import Any, BinaryIO

from fashionbatch.errors import ImageError


def decode_into(file: bytes | BinaryIO, spec: Any, out: Any) -> str | None:
    text = (file if isinstance(file, bytes) else file.read()).decode()
    what, _, argument = text.partition(" ")
    if what == "segfault":
        ctypes.string_at(0)
    elif what == "segfault-once" and not os.path.exists(argument):
        open(argument, "w").close()
        ctypes.string_at(0)
    elif what == "killed-twice" and not os.path.exists(argument + "2"):
        open(argument + ("2" if os.path.exists(argument) else ""), "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "drop-rights":
        os.seteuid(65534)
    elif what == "exit":
        os._exit(7)
    elif what == "hang":
        time.sleep(1000)
    elif what == "hog":
        hoard = []
        while True:
            hoard.append(bytearray(1 << 24))
    elif what == "image-error":
        raise ImageError("OSError: broken data stream")
    elif what == "raise":
        raise RuntimeError("two\nlines")
    elif what == "grow":
        with open(argument, "a") as same:
            same.write("more")
    out[...] = int(argument) if what == "paint" else 1
    return f"note: {argument}" if what == "note" else None
