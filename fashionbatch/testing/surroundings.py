"""What belongs to everybody in a process, and that no component may change."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from fashionbatch.testing.subject import require

_SECONDS_TO_END = 10.0
"""Seconds, on a machine that is busy with other things; nobody waits for a thread that ends by itself."""


@contextlib.contextmanager
def surroundings_kept() -> Iterator[None]:
    """Insist that what runs within the block leaves the process as it was; it is put right again in any case.

    Raises:
        ContractError: a setting of Keras or the working directory is another one.
    """
    folder, before = _working_directory(), _settings()
    try:
        yield
    finally:
        after, moved = _settings(), _working_directory()
        _restore(before)
        if folder is not None:
            os.chdir(folder)
    changed = [f"{name} from {value} to {after[name]}" for name, value in before.items() if after[name] != value]
    require(
        not changed,
        f"it changed Keras's {', '.join(changed)} for everybody in the process",
        "give layers what they need as arguments, such as dtype='float32', and leave keras.config alone",
    )
    require(
        moved == folder, "it changed the working directory", "use absolute paths: others in the process have theirs"
    )


@contextlib.contextmanager
def threads_end(what: str, remedy: str) -> Iterator[None]:
    """Insist that threads which are started within the block end with it, or a moment later.

    Args:
        what: leaves them behind, for the error: `close`, say.
        remedy: how to mend it.

    Raises:
        ContractError: some go on.
    """
    before = set(threading.enumerate())
    yield
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(_SECONDS_TO_END)
    left = [thread.name for thread in started if thread.is_alive()]
    require(not left, f"{what} leaves the threads {left}", remedy)


def _working_directory() -> str | None:
    """None where it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _settings() -> dict[str, Any]:
    """Keras's settings by name; none where it has not been imported."""
    if "keras" not in sys.modules:
        return {}
    from keras import config

    return {
        "dtype policy": config.dtype_policy().name,
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "image data format": config.image_data_format(),
    }


def _restore(settings: dict[str, Any]) -> None:
    if not settings:
        return
    from keras import config

    config.set_dtype_policy(settings["dtype policy"])
    config.set_floatx(settings["floatx"])
    config.set_epsilon(settings["epsilon"])
    config.set_image_data_format(settings["image data format"])
