"""Where a traceback goes: into a file, so that a user sees one line and a developer the rest."""

from __future__ import annotations

import sys

from fashionbatch import __version__
from fashionbatch.masking import mask_secrets


def keep_traceback(text: str, *, name: str) -> str:
    """Write a traceback into a new file of the temporary folder, with what a developer asks for first.

    Args:
        text: as `traceback.format_exception` gives it.
        name: what the file's name begins with.

    Returns:
        Where it is, as a part of a sentence: `the traceback is in /tmp/...`.
    """
    import tempfile

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix=f"{name}-", suffix=".txt", delete=False, encoding="utf-8", errors="surrogateescape"
        ) as file:
            # People send such files to others, and what a library said may hold credentials.
            said = mask_secrets(f"{sys.argv}\n\n{text}")
            file.write(f"fashionbatch {__version__}, Python {sys.version}\n{said}")
    except OSError as error:
        return f"the traceback could not be kept ({error})"
    return f"the traceback is in {file.name}"
