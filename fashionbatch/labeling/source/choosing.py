"""Which names become rows, whatever they lie in, and a count of those that do not."""

from __future__ import annotations

import os

from fashionbatch.labeling.source.globs import PathPatterns
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary
from fashionbatch.left_behind import is_left_behind

_EXTENSIONS_COUNTED = 200


class Choice:
    """What the options say of a name; what is left out is counted.

    Args:
        options: what to look for.
        summary: counts.
    """

    def __init__(self, options: ScanOptions, summary: ScanSummary) -> None:
        self._summary = summary
        self._extensions = None if options.extensions is None else {os.fsencode(name) for name in options.extensions}
        self._takes_hidden = options.hidden
        self._include = PathPatterns(list(options.include)) if options.include else None
        self._exclude = PathPatterns(list(options.exclude)) if options.exclude else None
        self._skip = {os.fsencode(path) for path in options.skip}

    def is_ours(self, path: bytes) -> bool:
        """Whether the run itself makes a file or folder of this path."""
        return path in self._skip

    def is_hidden(self, *names: bytes) -> bool:
        """Whether one of the names, the parts of a path, is left out because it is hidden or left by a system."""
        hidden = not self._takes_hidden and any(is_left_behind(os.fsdecode(name)) for name in names)
        self._summary.hidden += hidden
        return hidden

    def is_excluded(self, path: bytes, *, is_directory: bool = False) -> bool:
        """Whether patterns leave a path out; which files below a directory are included shows only there."""
        excluded = self._exclude is not None and self._exclude.match(path)
        if not is_directory and self._include is not None and not self._include.match(path):
            excluded = True
        self._summary.excluded += excluded
        return excluded

    def is_excluded_below(self, path: bytes) -> bool:
        """As `is_excluded`, of a file whose folders nobody has looked at."""
        ends = (at for at, byte in enumerate(path) if byte == ord("/")) if self._exclude is not None else ()
        return any(self.is_excluded(path[:end], is_directory=True) for end in ends) or self.is_excluded(path)

    def is_wanted(self, name: bytes) -> bool:
        """Whether a name ends as images do, or every file is taken."""
        if self._extensions is None:
            return True
        dot = name.rfind(b".")
        return dot >= 0 and name[dot:].lower() in self._extensions

    def count_other(self, name: bytes) -> None:
        """Count a file that does not end as images do."""
        extension = os.fsdecode(os.path.splitext(name)[1].lower()) or "none"
        other = self._summary.other
        key = extension if extension in other or len(other) < _EXTENSIONS_COUNTED else "others"
        other[key] = other.get(key, 0) + 1
