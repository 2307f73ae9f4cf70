"""What becomes of photos that are sorted, and where below its label's folder each belongs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Sorted:
    """What became of the files.

    Attributes:
        placed: files that are in the folder of a label now; one with several labels counts for each.
        unlabeled: rows without a label.
        changed: files that are not as they were when they were labeled, and so were left alone.
        taken: files whose place is taken by something else, and so were left alone.
    """

    placed: int = 0
    unlabeled: int = 0
    changed: int = 0
    taken: int = 0

    def __str__(self) -> str:
        parts = [f"{self.placed:,} files in place"]
        for count, what in (
            (self.unlabeled, "without a label"),
            (self.changed, "changed since, left alone"),
            (self.taken, "left alone, since their place is taken"),
        ):
            if count:
                parts.append(f"{count:,} {what}")
        return ", ".join(parts)


def safe_parts(path: bytes) -> list[bytes]:
    """The parts of a path that a list of files or an archive may have led anywhere."""
    return [b"__" if part == b".." else part for part in path.split(b"/") if part not in {b"", b"."}] or [b"_"]
