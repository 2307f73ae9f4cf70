"""A run's directory: what lies in it, who may write to it, and whether it can be resumed."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from fashionbatch import __version__, disk
from fashionbatch.bundle.write import BUNDLE_CONTENTS, require_replaceable
from fashionbatch.errors import OutputError
from fashionbatch.evaluation.records import RUN_FORMAT
from fashionbatch.plan import Plan, resolved_yaml
from fashionbatch.training.checkpoint import Checkpoints, write_text
from fashionbatch.versions import refusal

LARGEST_RECORD = 1 << 26
"""Bytes that a JSON file of a run may have."""
_MARKER = "run.json"
_LOCK = ".lock"
_BUNDLE = "bundle"
_PICTURES = "architecture classes confusion_matrix curves groups misclassified predictions trade_offs"
_SPLIT = "(train|validation|test)"
_EVENTS = disk.Contents(patterns=(re.compile(r"events\.out\.tfevents\..+"),))
_CONTENTS = disk.Contents(
    files=(
        "recipe.yaml",
        "history.csv",
        "summary.json",
        "report.txt",
        "report.json",
        "confusion_matrix.csv",
        "groups.csv",
        "held_out.csv",
        "data.json",
        "architecture.txt",
        *(f"{name}.png" for name in _PICTURES.split()),
    ),
    folders={
        _BUNDLE: BUNDLE_CONTENTS,
        "checkpoints": disk.Contents(files=("last.npz",), patterns=(re.compile(r"best-[0-9]+(\.head)?\.weights\.h5"),)),
        "features": disk.Contents(patterns=(re.compile(rf"{_SPLIT}\.(npy|csv)"),)),
        "tensorboard": disk.Contents(folders={"train": _EVENTS, "validation": _EVENTS}),
    },
)
"""What training leaves besides its marker and its lock. What else lies in a run's directory is the user's."""

RUN_CONTENTS = disk.Contents(files=(*_CONTENTS.files, _MARKER, _LOCK), folders=_CONTENTS.folders)
"""All that training leaves."""


@dataclass(frozen=True)
class RunDirectory:
    """The paths of a run."""

    path: Path

    @property
    def marker(self) -> Path:
        """Says that the directory is a run, and what it was begun with."""
        return self.path / _MARKER

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def bundle(self) -> Path:
        """What `classify` takes."""
        return self.path / _BUNDLE

    @property
    def history(self) -> Path:
        """The figures of each epoch."""
        return self.path / "history.csv"

    @property
    def summary(self) -> Path:
        """All figures; written last, so a run that has it is complete."""
        return self.path / "summary.json"

    @property
    def checkpoints(self) -> Checkpoints:
        """What a resumed run continues from."""
        return Checkpoints(self.path / "checkpoints")

    @property
    def is_complete(self) -> bool:
        """Whether the run is over."""
        return self.summary.is_file()


def require_usable(
    directory: RunDirectory, *, resume: bool, overwrite: bool, held: bool = False
) -> Literal["new", "resumed", "replaced"]:
    """Find out what is to be done with a directory, before anything costs time. Leaves everything as it is.

    Args:
        directory: which one.
        resume: whether a run in it is to go on.
        overwrite: whether a run in it is to be replaced.
        held: whether it is held by `locked` already, so that nobody else can train into it.

    Raises:
        OutputError: another process trains into it; it holds a run and neither `resume` nor `overwrite` was asked for;
            or something else; or nothing can be written there.
    """
    path = directory.path
    if not os.path.lexists(path):
        _require_writable(path)
        if resume:
            raise OutputError(f"{path}: there is no run to resume", hint="leave out --resume to begin one")
        return "new"
    if not path.is_dir():
        raise OutputError(f"{path}: exists and is no directory", hint="choose another place for the run")
    _require_writable(path)
    if not held and disk.is_locked(path / _LOCK):
        raise _in_use(directory)
    if _was_hardly_begun(directory):
        return "new"
    if not directory.marker.is_file():
        raise OutputError(f"{path}: holds files, but no run", hint="choose another place for the run")
    require_replaceable(directory.bundle)
    if resume:
        return "resumed"
    if overwrite:
        return "replaced"
    what = "a finished run" if directory.is_complete else "a run that is not finished"
    hint = "--overwrite replaces it" if directory.is_complete else "--resume continues it, --overwrite replaces it"
    raise OutputError(f"{path}: holds {what}", hint=hint)


def _was_hardly_begun(directory: RunDirectory) -> bool:
    """Whether nothing is there but what a run leaves that was stopped before it had said that it is one."""
    names = {
        item.name
        for item in directory.path.iterdir()
        if not any(disk.is_temporary_name_of(item.name, path) for path in (directory.recipe, directory.marker))
    }
    # A recipe without a lock beside it is the user's own.
    return names <= {_LOCK} or names == {_LOCK, directory.recipe.name}


def _in_use(directory: RunDirectory, holder: str = "") -> OutputError:
    who = f" ({holder})" if holder else ""
    hint = "wait for it, or choose another place for the run"
    return OutputError(f"{directory.path}: another process is training into it{who}", hint=hint)


@contextmanager
def locked(directory: RunDirectory) -> Iterator[None]:
    """Hold the directory against other trainings; the system lets go when the process ends, however it ends.

    What nothing was written into is as it was when it is let go again: without a lock, and gone if it was not there.

    Raises:
        OutputError: another process trains into it.
    """
    path = directory.path
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    with disk.output_errors(path):
        disk.make_directory(path)
        before = set(os.listdir(path))
        try:
            lock = disk.Lock(path / _LOCK)
        except disk.LockedError as locked:
            raise _in_use(directory, locked.holder) from None
    try:
        disk.remove_leftovers_in(path)
        disk.remove_leftovers_in(directory.checkpoints.folder)
        yield
    finally:
        with contextlib.suppress(OSError):
            if set(os.listdir(path)) - {_LOCK} <= before and _LOCK not in before:
                disk.remove(lock.path)
            for one in missing:
                one.rmdir()  # Fails where something is in it.
        lock.release()


def begin(directory: RunDirectory, plan: Plan, facts: Mapping[str, Any]) -> None:
    """Remove what an earlier run has left, and say what this one is begun with.

    What is no part of a run stays, such as a table or notes of the user.

    Args:
        directory: what lies in it belongs to an earlier run.
        plan: its resolved recipe is kept, and compared when the run is resumed.
        facts: `fingerprint` of the data and `precision`, which a resumed run has to share.
    """
    with disk.output_errors(directory.path):
        with disk.OwnDirectory(Path(os.path.realpath(directory.path))) as opened:
            opened.remove(_CONTENTS)
        # The marker last: a run that is killed in between is one that --overwrite replaces.
        disk.remove(directory.marker)
    write_text(directory.recipe, resolved_yaml(plan))
    started = datetime.now(UTC).isoformat(timespec="seconds")
    written = {"format": RUN_FORMAT, "started": started, "fashionbatch": __version__}
    document = {**written, "recipe": plan.resolved(), **facts}
    write_text(directory.marker, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def begun_with(directory: RunDirectory, plan: Plan) -> dict[str, Any]:
    """What a run that is to be resumed was begun with.

    Raises:
        OutputError: it is damaged, of another version, or was begun with another recipe; the message says which keys.
    """
    try:
        document = json.loads(disk.read_regular(directory.marker, LARGEST_RECORD))
        if refused := refusal(document["format"], RUN_FORMAT):
            raise ValueError(refused)
        recipe = document["recipe"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{directory.marker}: cannot be resumed from: {error}", hint="--overwrite begins the run anew"
        ) from error
    begun, now = _lasting(recipe), _lasting(json.loads(json.dumps(plan.resolved())))
    different = list(_differences(begun, now))
    if different:
        raise OutputError(
            f"{directory.path}: the run was begun with another recipe: {'; '.join(different[:5])}"
            + (f"; and {len(different) - 5} more" if len(different) > 5 else ""),
            hint="resume with the same recipe and settings, begin anew with --overwrite, or train another run from the "
            f"weights of this one, with `initialize_from: {directory.path}` in its recipe",
        )
    assert isinstance(document, dict)
    return document


def go_on(
    directory: RunDirectory, plan: Plan, begun: Mapping[str, Any], extension: Mapping[str, Any]
) -> dict[str, Any]:
    """Say that a run goes on for other epochs than were planned. It is not finished from then on.

    Args:
        directory: of the run.
        plan: with the epochs that are planned now.
        begun: what the run was begun with.
        extension: what is kept of it, in the order of time, as `went_on`.

    Returns:
        What the run counts as begun with now.
    """
    with disk.output_errors(directory.path):
        # First of all: a run that is killed in between is one that is not finished, in either number of epochs.
        disk.remove(directory.summary)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    went_on = [*begun.get("went_on", ()), {**extension, "when": when, "fashionbatch": __version__}]
    document = {**begun, "recipe": plan.resolved(), "went_on": went_on}
    write_text(directory.recipe, resolved_yaml(plan))
    write_text(directory.marker, json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    return document


def read_summary(directory: RunDirectory) -> dict[str, Any]:
    """The figures of a run that is over.

    Raises:
        OutputError: they cannot be read.
    """
    try:
        document = json.loads(disk.read_regular(directory.summary, LARGEST_RECORD))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{directory.summary}: cannot be read: {error}", hint="--overwrite begins the run anew"
        ) from error
    assert isinstance(document, dict)
    return document


def planned_epochs(recipe: Mapping[str, Any]) -> list[int]:
    """The epochs of each phase of a resolved recipe."""
    training = recipe["training"]
    return [phase["epochs"] for phase in training["phases"]] or [training["epochs"]]


def _lasting(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What has to stay as it is. Callbacks look on, and epochs that are not over yet may become more."""
    training = {key: value for key, value in recipe["training"].items() if key not in {"callbacks", "epochs"}}
    phases = [{key: value for key, value in phase.items() if key != "epochs"} for phase in training["phases"]]
    return {**recipe, "training": {**training, "phases": phases}}


def _differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    if _are_components(one) and _are_components(other) and len(one) == len(other):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from _differences(one.get(key), other.get(key), f"{where}.{key}" if where else str(key))
    elif one != other:
        yield f"{where} was {json.dumps(one, ensure_ascii=False)}, is {json.dumps(other, ensure_ascii=False)}"


def _are_components(value: Any) -> bool:
    """Whether it is a list of phases or augmentations."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _require_writable(path: Path) -> None:
    """Try it: permissions alone do not tell of read-only and of strange file systems."""
    existing = path.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise OutputError(
            f"{path}: cannot be made: {existing} is no directory", hint="choose another place for the run"
        )
    with disk.output_errors(path):
        disk.require_writable(existing)
