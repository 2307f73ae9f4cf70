"""A folder whose files take a while to open, as on a network share: a file system in user space over another folder.

    python benchmarks/slow_folder.py SOURCE MOUNTPOINT [--ms 20]

It needs root and /dev/fuse, and nothing else: it speaks the kernel's protocol itself. It is read only and ends with
Ctrl-C. Every open takes so long however many files are opened at once, as of a server at the other end of a long line;
names and times are kept by the kernel, and so is what was read once: what is measured is the wait alone.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import stat
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR = (
    *(1, 2, 3, 14, 15, 17, 18, 25),
    *(26, 27, 28, 29),
)
INTERRUPT, BATCH_FORGET = 36, 42
WITHOUT_ANSWER: Final = frozenset({FORGET, BATCH_FORGET, INTERRUPT})
THREADS: Final = 80
LARGEST: Final = 1 << 20
FOREVER_S: Final = 1 << 30
KEEP_CACHE: Final = 2
ASYNC_READ, PARALLEL_DIROPS, MAX_PAGES = 1, 1 << 18, 1 << 22
READ_ONLY, NO_SUID, NO_DEV, DETACH = 1, 2, 4, 2
IN_HEADER, OUT_HEADER = struct.Struct("<IIQQ16x"), struct.Struct("<IiQ")
ENTRY, ATTRIBUTES = struct.Struct("<4Q2I"), struct.Struct("<6Q10I")


class SlowFolder:
    """Answers the kernel's questions about a mounted folder.

    Args:
        source: the folder that is shown.
        delay_s: seconds that every open takes.
    """

    def __init__(self, source: Path, delay_s: float) -> None:
        self._delay_s = delay_s
        self._paths = ["", str(source.resolve())]
        self._numbers = {path: number for number, path in enumerate(self._paths)}
        self._lock = threading.Lock()
        self._device = os.open("/dev/fuse", os.O_RDWR)
        self._answers: dict[int, Callable[[int, bytes], bytes]] = {
            INIT: self._init,
            LOOKUP: self._lookup,
            GETATTR: lambda number, _: struct.pack("<QII", FOREVER_S, 0, 0) + self._attributes(number),
            OPEN: self._open,
            OPENDIR: lambda *_: struct.pack("<QIi", 0, 0, 0),
            READ: self._read,
            READDIR: self._read_folder,
            RELEASE: self._close,
            RELEASEDIR: lambda *_: b"",
            FLUSH: lambda *_: b"",
            STATFS: lambda *_: bytes(80),
        }

    def mount(self, place: Path) -> None:
        """Show the folder at a place; `serve` has to run for anybody to see it."""
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"slow", os.fsencode(place), b"fuse", READ_ONLY | NO_SUID | NO_DEV, options):
            raise OSError(ctypes.get_errno(), f"cannot mount on {place}; are you root?")

    def serve(self) -> None:
        """Answer until the folder is no longer mounted."""
        threads = [threading.Thread(target=self._serve_some) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _serve_some(self) -> None:
        while True:
            try:
                request = os.read(self._device, LARGEST + 4096)
            except OSError as error:
                if error.errno in {errno.EINTR, errno.EAGAIN, errno.ENOENT}:
                    continue
                return
            _, kind, unique, number = IN_HEADER.unpack_from(request)
            if kind in WITHOUT_ANSWER:
                continue
            problem, answer = 0, b""
            try:
                if kind in self._answers:
                    answer = self._answers[kind](number, request[IN_HEADER.size :])
                else:
                    problem = -errno.ENOSYS
            except OSError as error:
                problem = -(error.errno or errno.EIO)
            os.write(self._device, OUT_HEADER.pack(OUT_HEADER.size + len(answer), problem, unique) + answer)

    def _init(self, _: int, body: bytes) -> bytes:
        flags = struct.unpack_from("<I", body, 12)[0] & (ASYNC_READ | PARALLEL_DIROPS | MAX_PAGES)
        head = struct.pack("<4I2H2I2H", 7, 31, LARGEST, flags, THREADS, THREADS, LARGEST, 1, LARGEST >> 12, 0)
        return head + bytes(32)

    def _lookup(self, number: int, body: bytes) -> bytes:
        path = os.path.join(self._paths[number], os.fsdecode(body.rstrip(b"\0")))
        os.stat(path)
        with self._lock:
            if path not in self._numbers:
                self._numbers[path] = len(self._paths)
                self._paths.append(path)
        found = self._numbers[path]
        return ENTRY.pack(found, 0, FOREVER_S, FOREVER_S, 0, 0) + self._attributes(found)

    def _attributes(self, number: int) -> bytes:
        seen = os.stat(self._paths[number])
        whole, parts = zip(
            *(divmod(t, 10**9) for t in (seen.st_atime_ns, seen.st_mtime_ns, seen.st_ctime_ns)), strict=True
        )
        owner = (seen.st_mode, 1, seen.st_uid, seen.st_gid, 0, 4096, 0)
        return ATTRIBUTES.pack(number, seen.st_size, -(-seen.st_size // 512), *whole, *parts, *owner)

    def _open(self, number: int, _: bytes) -> bytes:
        time.sleep(self._delay_s)
        return struct.pack("<QIi", os.open(self._paths[number], os.O_RDONLY), KEEP_CACHE, 0)

    def _read(self, _: int, body: bytes) -> bytes:
        handle, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(handle, size, offset)

    def _close(self, _: int, body: bytes) -> bytes:
        os.close(struct.unpack_from("<Q", body)[0])
        return b""

    def _read_folder(self, number: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        listing = b""
        for place, name in list(enumerate(sorted(os.listdir(self._paths[number])), 1))[offset:]:
            raw = os.fsencode(name)
            kind = stat.S_IFMT(os.stat(os.path.join(self._paths[number], name)).st_mode) >> 12
            entry = struct.pack("<QQII", place + 1, place, len(raw), kind) + raw
            entry += bytes(-len(entry) % 8)
            if len(listing) + len(entry) > size:
                break
            listing += entry
        return listing


def unmount(place: Path) -> None:
    """Take a folder away, whoever uses it still."""
    ctypes.CDLL(None).umount2(os.fsencode(place), DETACH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("place", type=Path, metavar="MOUNTPOINT")
    parser.add_argument("--ms", type=float, default=20, help="milliseconds that every open takes")
    options = parser.parse_args()
    folder = SlowFolder(options.source, options.ms / 1000)
    folder.mount(options.place)
    try:
        folder.serve()
    except KeyboardInterrupt:
        unmount(options.place)


if __name__ == "__main__":
    main()
