"""The columns of a label table."""

from __future__ import annotations

FIRST_COLUMNS = ("filepath", "status", "error")

SEPARATOR = "|"
"""Between the labels of one image, where a head gives several."""
