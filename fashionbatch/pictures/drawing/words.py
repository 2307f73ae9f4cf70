"""Texts that fit where they are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from fashionbatch.display_width import display_width

ELLIPSIS = "…"
_CONTEXT = 4
"""Characters that are kept of what names have in common, before the part that tells them apart."""
_ROUNDS = 4


def shortened(text: str, width: int) -> str:
    """The text, cut in its middle by an ellipsis where it takes more than `width` cells: both ends tell names apart."""
    if display_width(text) <= width:
        return text
    head, tail = "", ""
    while True:
        # The head grows first: it is the more telling half.
        rest = text[len(head) : len(text) - len(tail)]
        step_head = len(head) <= len(tail) * 2
        candidate = head + rest[0] if step_head else rest[-1] + tail
        grown = display_width(candidate) + display_width(tail if step_head else head) + 1
        if grown > width:
            return head.rstrip() + ELLIPSIS + tail.lstrip()
        head, tail = (candidate, tail) if step_head else (head, candidate)


def told_apart(names: Sequence[str], width: int) -> list[str]:
    """Names as `shortened` cuts them; those that would then read the same are cut where they begin to differ.

    Args:
        names: in any order; equal ones stay equal.
        width: cells that each may take.
    """
    cut = {name: shortened(name, width) for name in names}
    # Of three names two may still be alike where the third differs; each round looks further into the names.
    for _ in range(_ROUNDS):
        counts = Counter(cut.values())
        for short in [short for short, count in counts.items() if count > 1]:
            alike = [name for name, own in cut.items() if own == short]
            start = max(0, _shared(alike) - _CONTEXT)
            cut |= {name: _excerpt(name, start, width) for name in alike}
    return [cut[name] for name in names]


def _shared(names: Sequence[str]) -> int:
    """With how many characters all of the names begin."""
    columns = enumerate(zip(*names, strict=False))
    return next((at for at, column in columns if len(set(column)) > 1), min(map(len, names)))


def _excerpt(name: str, start: int, width: int) -> str:
    room = width - 2  # an ellipsis at each end
    end = start
    while end < len(name) and display_width(name[start : end + 1]) <= room:
        end += 1
    before, after = ELLIPSIS if start else "", ELLIPSIS if end < len(name) else ""
    return before + name[start:end] + after


def cut_to(text: str, room: float, measure: Callable[[str], float]) -> str:
    """The text, cut in its middle where it is wider than the room; both ends tell names apart.

    Args:
        text: one line.
        room: in the unit of `measure`.
        measure: how wide a text will be.
    """
    if measure(text) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = kept // 3
        candidate = text[: kept - tail].rstrip() + ELLIPSIS + (text[-tail:].lstrip() if tail else "")
        if measure(candidate) <= room:
            return candidate
    return ELLIPSIS


def wrapped(text: str, room: float, lines: int, measure: Callable[[str], float], ending: str = "") -> list[str]:
    """The text on at most that many lines, broken at spaces; the last one is cut where that is not enough.

    Args:
        text: one line.
        room: in the unit of `measure`.
        lines: at most; at least one.
        measure: how wide a text will be.
        ending: a word that follows the text and is never cut, a percentage say.
    """
    words = [*text.split(" "), *([ending] if ending else [])]
    done: list[str] = []
    while len(done) < lines - 1 and measure(" ".join(words)) > room:
        counts = range(len(words) - 1, 0, -1)
        fitting = next((count for count in counts if measure(" ".join(words[:count])) <= room), 0)
        if not fitting:
            break
        done.append(" ".join(words[:fitting]))
        words = words[fitting:]
    if not ending:
        return [*done, cut_to(" ".join(words), room, measure)]
    cut = cut_to(" ".join(words[:-1]), room - measure(f" {ending}"), measure)
    return [*done, f"{cut} {ending}".lstrip()]


def broken(path: str, room: float, lines: int, measure: Callable[[str], float]) -> list[str]:
    """A file's path on at most that many lines: its folders on the first, cut in their middle, its name on the others.

    The name is broken anywhere and keeps all characters as long as there is a line for them: files are found by them.

    Args:
        path: one line.
        room: in the unit of `measure`.
        lines: at most; at least two.
        measure: how wide a text will be.
    """
    if measure(path) <= room:
        return [path]
    folder, slash, name = path.rpartition("/")
    done = [cut_to(folder + slash, room, measure)] if slash else []
    while len(done) < lines - 1 and measure(name) > room:
        count = next((count for count in range(len(name) - 1, 1, -1) if measure(name[:count]) <= room), 1)
        done.append(name[:count])
        name = name[count:]
    return [*done, cut_to(name, room, measure)]
