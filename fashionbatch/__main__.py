"""Where `fashionbatch` and `python -m fashionbatch` begin: with the verbs, or with one line about the Python it needs.

Older Pythons must be able to read this file and the package's `__init__`, so both keep to the syntax of Python 3.7 and
import nothing of ours before the version is known.
"""

import contextlib
import os
import sys
from typing import NoReturn

OLDEST = (3, 11)
NEWEST = (3, 13)
"""TensorFlow has no builds for later ones."""
_INTERRUPTED = (130, 143)


def main() -> NoReturn:
    """Run the command line and exit, as `fashionbatch.cli.main` does; with 1 on a Python that is not supported."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        oldest, newest, found = (".".join(map(str, version)) for version in (OLDEST, NEWEST, sys.version_info[:2]))
        sys.exit(f"error: fashionbatch needs Python {oldest} to {newest}; {sys.executable} is {found}")
    _open_standard_streams()
    try:
        from fashionbatch.cli import main as run_command_line

        run_command_line()
    except SystemExit as end:
        if end.code in _INTERRUPTED:
            _leave(end.code)
        raise
    except KeyboardInterrupt:
        # While it was still being loaded; later the command line itself says so.
        _leave(_INTERRUPTED[0])


def _open_standard_streams() -> None:
    """Open what the caller has closed (`<&-`): else the next file that is opened becomes standard input or output."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "r" if descriptor == 0 else "w"
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115 # disk: a device


def _leave(code: int) -> NoReturn:
    """End now: after a signal nothing may be waited for, such as a network of a library that never comes to its end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
