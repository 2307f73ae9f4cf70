"""What would help most, by the mistakes that the best network makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.training.directory import LARGEST_RECORD

_FEW = 100
"""Photos of a class from which on more of them seldom help as much as others do."""
_PAIRS = 2
_NOTABLE = 3
"""Photos that are mixed up, from which on a pair is worth a look."""


def advice_of(run: Path) -> tuple[str, ...]:
    """Sentences about the classes that are told apart worst; empty where the run has no report.

    The validation images decide, so that the test images have no part in what is done next.

    Args:
        run: the directory of a finished run.
    """
    try:
        report = json.loads(disk.read_regular(run / "report.json", LARGEST_RECORD))
        splits = report["splits"]
    except (OSError, ValueError, KeyError):
        return ()
    judged = splits.get("validation") or splits.get("train")
    if not judged:
        return ()
    return tuple(_sentences(judged, splits.get("train", judged)))


def _sentences(judged: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    learnt = {one["name"]: one["support"] for one in training["classes"]}
    classes: Sequence[Mapping[str, Any]] = [one for one in judged["classes"] if one["f1"] is not None]
    if not classes:
        return
    worst = min(classes, key=lambda one: one["f1"])
    if worst["f1"] < 1:
        photos = learnt.get(worst["name"], worst["support"])
        found = f"{worst['right']} of {worst['support']} validation photos are found"
        more = (
            "more photos of it help most" if photos < _FEW else "look at its photos, and add some of the kind it misses"
        )
        yield f"{worst['name']} is told apart worst ({found}; it has {photos:,} photos to learn from): {more}"
    for right, given, images in judged["mistakes"][:_PAIRS]:
        if images >= _NOTABLE:
            yield (
                f"{right} is taken for {given} {images} times: look at such photos for wrong labels, and add more that "
                "tell the two apart"
            )
    fewest = min(learnt, key=lambda name: learnt[name], default=None)
    if fewest is not None and fewest != worst["name"] and learnt[fewest] < _FEW // 2:
        yield f"{fewest} has {learnt[fewest]:,} photos to learn from, the fewest of all classes"
