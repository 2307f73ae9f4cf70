"""What was tried and how it fared, kept in a file so that a longer try goes on where a shorter one ended."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from fashionbatch import __version__, disk
from fashionbatch.bundle.part import Part
from fashionbatch.errors import OutputError
from fashionbatch.studies.statistics import wilson
from fashionbatch.versions import UPDATE, is_later, refusal

JOURNAL, TABLE, PICTURE, RECIPE, BEST = "try.json", "try.csv", "try.png", "best.yaml", "best"
FORMAT = 1
"""Of `try.json`."""
_LARGEST_BYTES = 1 << 24

Kind = Literal["head", "fine-tuned", "from nothing"]
Judge = Literal["cross-validation", "validation"]


class Tried(Part):
    """One way of training that was judged.

    Attributes:
        key: names it: the same recipe on the same data has the same one.
        candidate: the backbone.
        kind: what of it learnt.
        setting: how, in words.
        accuracy: the share of images about which everything was right, by the judge.
        images: how many images judged it.
        judge: `cross-validation`: each training and validation image by heads that had not seen it, the mean of several
            seeds; `validation`: the validation images.
        validation: the accuracy on the validation images alone, by which ways with different judges are compared.
        cross_entropy: on the validation images in nats, without smoothed labels or weights of classes. It settles which
            of two equally accurate ways is the better one: that with less of it.
        milliseconds: for a photo on this machine, in float32.
        size: bytes of the network in float32.
        seconds: that the judgement took.
        epoch_seconds: that an epoch took; None for heads.
        recipe: that trains it again.
    """

    key: str
    candidate: str
    kind: Kind
    setting: str
    accuracy: float
    images: int
    judge: Judge
    validation: float
    cross_entropy: float
    milliseconds: float
    size: int
    seconds: float
    epoch_seconds: float | None = None
    recipe: dict[str, Any]

    @property
    def interval(self) -> tuple[float, float]:
        """In which the true accuracy lies, with 95% confidence."""
        return wilson(self.accuracy, self.images)

    def plain(self) -> dict[str, Any]:
        """As JSON, with the interval."""
        low, high = self.interval
        return {**self.model_dump(), "low": round(low, 4), "high": round(high, 4)}


class Journal(Part):
    """The content of `try.json`, as far as another call reads it.

    Attributes:
        fashionbatch: the version that wrote it.
        tried: everything that was judged.
    """

    format: Literal[1] = 1
    fashionbatch: str = __version__
    tried: tuple[Tried, ...] = ()


def key_of(recipe: Mapping[str, Any], fingerprint: str, kind: str) -> str:
    """Names a way of training on these data."""
    content = json.dumps([__version__, kind, fingerprint, recipe], sort_keys=True, default=list)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_journal(directory: Path) -> Journal:
    """What an earlier call left; an empty one where there was none.

    Raises:
        OutputError: the directory holds something else.
    """
    path = directory / JOURNAL
    try:
        content = disk.read_regular(path, _LARGEST_BYTES)
        _refuse_later(path, content)
        return Journal.model_validate_json(content)
    except FileNotFoundError:
        pass
    except ValidationError as error:
        raise OutputError(
            f"{path}: was not written by this version of `try`", hint="choose another directory with -o"
        ) from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise OutputError(f"{directory}: holds files, but no try", hint="choose another directory with -o")
    return Journal()


def _refuse_later(path: Path, content: bytes) -> None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return  # the model says what is wrong with it
    found = document.get("format") if isinstance(document, dict) else None
    if is_later(found, FORMAT):
        raise OutputError(f"{path}: cannot be read: {refusal(found, FORMAT)}", hint=UPDATE)


def write_journal(directory: Path, journal: Journal) -> None:
    """Write `try.json` and `try.csv`."""
    with disk.output_errors(directory):
        disk.make_directory(directory)
        disk.write_file(directory / JOURNAL, (journal.model_dump_json(indent=1) + "\n").encode())
        disk.write_file(directory / TABLE, _table(ranked(journal.tried)).encode())


@dataclass
class Ledger:
    """What was tried, on the disk after each step.

    Attributes:
        directory: where `try.json` and `try.csv` lie.
        journal: of this call and of earlier ones.
        notes: sentences that the user should read.
        current: what holds for the data as they are now, by its key.
    """

    directory: Path
    journal: Journal
    notes: list[str] = field(default_factory=list)
    current: dict[str, Tried] = field(default_factory=dict)

    @property
    def tried(self) -> list[Tried]:
        """What holds for the data as they are now."""
        return list(self.current.values())

    def find(self, key: str) -> Tried | None:
        """What an earlier call found out; from then on it counts in this one."""
        known = next((one for one in self.journal.tried if one.key == key), None)
        if known is not None:
            self.current[key] = known
        return known

    def add(self, one: Tried) -> None:
        """Keep a result."""
        self.current[one.key] = one
        others = [old for old in self.journal.tried if old.key != one.key]
        self.journal = self.journal.model_copy(update={"tried": (*others, one)})
        write_journal(self.directory, self.journal)


def ranked(tried: Sequence[Tried]) -> list[Tried]:
    """The best first, and the others by the accuracy that tables show; the surer of two equal ones first."""
    best = best_of(tried)
    return sorted(tried, key=lambda one: (one is not best, -one.accuracy, *_settled(one)))


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """The one whose recipe is handed over; None where nothing was judged.

    Among heads all images decide. Against networks of another kind, which the validation images alone have judged, the
    best head stands with its accuracy on those. A few hundred images give many ways the same accuracy: then the smaller
    cross-entropy on the validation images decides, and after it the speed.
    """
    heads = [one for one in tried if one.judge == "cross-validation"]
    others = [one for one in tried if one.judge == "validation"]
    best_head = min(heads, key=lambda one: (-one.accuracy, *_settled(one)), default=None)
    finalists = others if best_head is None else [*others, best_head]
    return min(finalists, key=lambda one: (-one.validation, *_settled(one)), default=None)


def _settled(one: Tried) -> tuple[float, float, str]:
    """What settles a tie; the key settles it the same way in every call."""
    return one.cross_entropy, one.milliseconds, one.key


def _table(tried: Sequence[Tried]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [name for name in Tried.model_fields if name not in {"key", "epoch_seconds", "recipe"}]
    writer.writerow([*columns, "low", "high"])
    for one in tried:
        plain = one.plain()
        writer.writerow([plain[name] for name in (*columns, "low", "high")])
    return text.getvalue()
