"""A study's directory: what lies in it, who may write to it, and whether it can be resumed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fashionbatch import __version__, disk
from fashionbatch.errors import OutputError
from fashionbatch.evaluation.records import MARKER as RUN_MARKER
from fashionbatch.evaluation.records import STUDY_MARKER
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.directory import LARGEST_RECORD, RUN_CONTENTS
from fashionbatch.versions import refusal

FORMAT = 1
_LOCK = ".lock"
_FILES = (
    "summary.json",
    "report.txt",
    "report.json",
    "results.csv",
    "results.png",
    "best.yaml",
    "trials.jsonl",
)
_TABLES = re.compile(r"out_of_fold(-seed-[0-9]+)?\.csv")


@dataclass(frozen=True)
class StudyDirectory:
    """The paths of a study."""

    path: Path

    @property
    def marker(self) -> Path:
        """Says that the directory is a study, and what was asked for."""
        return self.path / STUDY_MARKER

    @property
    def summary(self) -> Path:
        """All figures; written when every member has come to its end."""
        return self.path / "summary.json"

    @property
    def results(self) -> Path:
        """A row for each member, written again after each of them."""
        return self.path / "results.csv"

    @property
    def best(self) -> Path:
        """The recipe of the member that was chosen."""
        return self.path / "best.yaml"

    def run(self, name: str) -> Path:
        """The run directory of a member."""
        return self.path / name


def require_usable(study: StudyDirectory, asked: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Find out whether a study may be begun or resumed in a directory, before anything costs time.

    Args:
        study: the directory, which is left as it is.
        asked: what is asked for; a study that is resumed has to have been begun with the same.
        resume: go on with the study that is there.
        overwrite: replace it.

    Raises:
        OutputError: it holds a study and neither `resume` nor `overwrite` was asked for, or one of another kind, or
            something else; or there is none to resume.
    """
    path = study.path
    if not os.path.lexists(path):
        if resume:
            raise OutputError(f"{path}: there is no study to resume", hint="leave out --resume to begin one")
        return
    if not path.is_dir():
        raise OutputError(f"{path}: exists and is no directory", hint="choose another place for the study")
    if not study.marker.is_file():
        names = {item.name for item in path.iterdir() if not disk.is_temporary_name_of(item.name, study.marker)}
        if names - {_LOCK}:
            what = "a run of one training" if RUN_MARKER in names else "files, but no study"
            raise OutputError(f"{path}: holds {what}", hint="choose another place for the study with -o")
        return
    if resume:
        _require_same(study, asked)
    elif not overwrite:
        what = "a finished study" if study.summary.is_file() else "a study that is not finished"
        raise OutputError(f"{path}: holds {what}", hint="--resume continues it, --overwrite replaces it")


def _require_same(study: StudyDirectory, asked: Mapping[str, Any]) -> None:
    try:
        document = json.loads(disk.read_regular(study.marker, LARGEST_RECORD))
        if refused := refusal(document["format"], FORMAT):
            raise ValueError(refused)
        begun = document["asked"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{study.marker}: cannot be resumed from: {error}", hint="--overwrite begins the study anew"
        ) from error
    for key, value in asked.items():
        if begun.get(key) != value:
            raise OutputError(
                f"{study.path}: the study was begun with other {key}: {_said(begun.get(key))}, and not {_said(value)}",
                hint="choose another place for this one with -o, or begin anew with --overwrite",
            )


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@contextmanager
def working_on(
    study: StudyDirectory, asked: Mapping[str, Any], recipe: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> Iterator[None]:
    """Hold a study's directory, in which a new study is begun unless one is resumed.

    Args:
        study: the directory.
        asked: as in `require_usable`.
        recipe: the resolved recipe, for whoever looks.
        resume: go on with the study that is there.
        overwrite: replace it.

    Raises:
        OutputError: as `require_usable` and `locked`.
    """
    with locked(study):
        # Another process may have worked on it since the first look.
        require_usable(study, asked, resume=resume, overwrite=overwrite)
        if not resume or not study.marker.is_file():
            begin(study, asked, recipe)
        yield


@contextmanager
def locked(study: StudyDirectory) -> Iterator[None]:
    """Hold the directory against other studies; the system lets go when the process ends, however it ends.

    Raises:
        OutputError: another process works on the study.
    """
    with disk.output_errors(study.path):
        disk.make_directory(study.path)
        try:
            lock = disk.Lock(study.path / _LOCK)
        except disk.LockedError as held:
            who = f" ({held.holder})" if held.holder else ""
            raise OutputError(f"{study.path}: another process works on this study{who}") from None
    try:
        disk.remove_leftovers_in(study.path)
        yield
    finally:
        lock.release()


def begin(study: StudyDirectory, asked: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    """Remove what an earlier study has left, and say what this one is begun with.

    What is no part of a study or of its runs stays, such as notes of the user.

    Args:
        study: its lock is held.
        asked: what a study that is resumed has to share.
        recipe: the resolved recipe, for whoever looks.
    """
    with disk.output_errors(study.path):
        if study.marker.is_file():
            runs = {item.name: RUN_CONTENTS for item in study.path.iterdir() if (item / RUN_MARKER).is_file()}
            with disk.OwnDirectory(Path(os.path.realpath(study.path))) as opened:
                # The marker last: a study that is killed in between is one that --overwrite replaces.
                opened.remove(
                    disk.Contents(files=(*_FILES, STUDY_MARKER), patterns=(_TABLES,), folders=runs),
                    last=(STUDY_MARKER,),
                )
    started = datetime.now(UTC).isoformat(timespec="seconds")
    document = {
        "format": FORMAT,
        "started": started,
        "fashionbatch": __version__,
        "asked": dict(asked),
        "recipe": recipe,
    }
    write_text(study.marker, json.dumps(document, ensure_ascii=False, indent=2) + "\n")
