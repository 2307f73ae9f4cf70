"""A Ray that is started for one run and ends with it: on this machine alone, and for this run alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_STORE_BYTES = 128 << 20
"""For messages; the bundles come on top."""
_FOLDER = "fb-ray-"
_LONGEST_PLACE = 17
"""Bytes of where the folder is made: the sockets within have names of about 90 more, and 107 are allowed."""
_MODE, _TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
_SPARED = ("start_monitor", "start_api_server", "start_log_monitor")

_password: dict[str, str] = {}


@contextlib.contextmanager
def settings(*, cores: int, shared_bytes: int) -> Iterator[dict[str, Any]]:
    """What `ray.init` is to be given; Ray's folder is there until the end.

    Args:
        cores: that Ray may use.
        shared_bytes: of what will be put into its object store.
    """
    folder = _folder()
    try:
        yield {
            "address": "local",
            "num_cpus": cores,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES + 2 * shared_bytes,
            "_temp_dir": folder,
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def password() -> Mapping[str, str]:
    """Variables of the environment by which Ray lets in nobody who does not know a random token of this process.

    Ray listens on the machine's network address, and does whatever it is told by whoever has its token. By itself it
    would write one to the user's home, once and for all, where every user of the machine may read it. It reads the
    first of these variables when it is imported: where it was imported before, it is what it was then. What the user
    has set stays, too.

    See https://docs.ray.io/en/latest/ray-security/token-auth.html.
    """
    if not _password and _MODE not in os.environ and "ray" not in sys.modules:
        _password.update({_MODE: "token", _TOKEN: secrets.token_hex(32)})
    return {} if _MODE in os.environ else _password


@contextlib.contextmanager
def without_helpers(ray: Any) -> Iterator[None]:
    """Have a Ray that is being started spare the processes that are of no use on one machine.

    They are the autoscaler, the head of the dashboard (which is there without a dashboard, too) and what copies logs to
    the terminal: each a Python that takes most of a second of CPU to start, and together they take a second to end.
    There is no public way. A Ray without these functions of its own starts all, and nothing else comes of that.
    """
    node: Any = getattr(getattr(getattr(ray, "_private", None), "node", None), "Node", None)
    before = {name: getattr(node, name) for name in _SPARED if callable(getattr(node, name, None))}
    for name in before:
        setattr(node, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(node, name, function)


def _folder() -> str:
    """For Ray's sockets and logs; never the current folder. Those of runs that were killed go."""
    usual = tempfile.gettempdir()
    place = usual if len(os.fsencode(usual)) <= _LONGEST_PLACE else "/tmp"  # noqa: S108 - it gets a name of its own
    for path in Path(place).glob(f"{_FOLDER}*-*"):
        if _was_left_behind(path):
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=place)  # disk: scratch


def _was_left_behind(folder: Path) -> bool:
    """Whether it is this user's, and of a process that there is no more."""
    number = folder.name.removeprefix(_FOLDER).partition("-")[0]
    try:
        if not number.isdecimal() or folder.lstat().st_uid != os.getuid():
            return False
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False
