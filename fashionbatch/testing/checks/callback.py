"""The promises of a callback."""

from __future__ import annotations

import copy
import os
import tempfile
from pathlib import Path
from typing import cast

from fashionbatch.errors import FashionBatchError, PluginError
from fashionbatch.specs import CallbackSpec, EpochFigures, TrainingEnd, TrainingStart
from fashionbatch.testing.deadline import Unchecked, described
from fashionbatch.testing.figures import epoch_figures
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require
from fashionbatch.testing.surroundings import threads_end


def check_a_callback_looks_on_to_the_end(subject: Subject) -> None:
    """It takes a training that begins, one that goes on, one that was stopped, and one without validation."""
    spec = cast(CallbackSpec, subject.spec)
    _require_usable(subject)
    for has_validation in (True, False):
        names = ("loss", "accuracy", *(("val_loss", "val_accuracy") if has_validation else ()))
        epochs = [epoch_figures(epoch, dict.fromkeys(names, 1 / epoch)) for epoch in (1, 2, 3)]
        with tempfile.TemporaryDirectory() as folder:
            for done, last, completed in ((0, 2, False), (2, 3, True), (3, 3, False)):
                callback = spec.build(subject.parameters, _start(Path(folder), epochs[:done]))
                for name in ("epoch_finished", "training_ended"):
                    require(
                        callable(getattr(callback, name, None)),
                        f"build returned {type(callback).__name__}, which has no {name}",
                        "return an object with epoch_finished(figures) and training_ended(end)",
                    )
                for figures in epochs[done:last]:
                    callback.epoch_finished(figures)
                callback.training_ended(
                    TrainingEnd(completed=completed, summary={"name": "check"} if completed else {})
                )


def check_what_a_callback_is_told_stays_as_it_is(subject: Subject) -> None:
    """Recipe, history and summary belong to the run, which goes on to use them."""
    _require_usable(subject)
    ended = threads_end("training_ended", "join them there: it is called once, last")
    with tempfile.TemporaryDirectory() as folder, ended:
        start = _start(Path(folder), [epoch_figures(1, {"loss": 0.5, "accuracy": 0.75})])
        end = TrainingEnd(completed=True, summary={"name": "check", "figures": {"loss": 0.5}})
        before = copy.deepcopy((dict(start.recipe), list(start.history), dict(start.images), dict(end.summary)))
        callback = cast(CallbackSpec, subject.spec).build(subject.parameters, start)
        callback.epoch_finished(epoch_figures(2, {"loss": 0.25, "accuracy": 0.75}))
        callback.training_ended(end)
        after = (dict(start.recipe), list(start.history), dict(start.images), dict(end.summary))
    names = ("the recipe", "the history", "the counts of images", "the summary")
    changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
    require(not changed, f"it changed {', '.join(changed)}", "work on copies: dict(start.recipe), list(start.history)")


def check_a_callback_changes_nothing(subject: Subject) -> None:
    """It only looks on: figures and files of the run stay as they are, and its own are in a folder of the run."""
    spec = cast(CallbackSpec, subject.spec)
    _require_usable(subject)
    figures = epoch_figures(1, {"loss": 0.5, "accuracy": 0.75})
    before = copy.deepcopy(dict(figures.values))
    beside = _files_here()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        for name in ("history.csv", "summary.json"):
            (run / name).write_text("ours", encoding="utf-8")
        callback = spec.build(subject.parameters, _start(run, []))
        callback.epoch_finished(figures)
        callback.training_ended(TrainingEnd(completed=True, summary={"name": "check"}))
        ours = {name: (run / name).read_bytes() for name in ("history.csv", "summary.json") if (run / name).exists()}
        outside = sorted(path.name for path in Path(folder).iterdir() if path != run)
        loose = sorted(path.name for path in run.iterdir() if path.is_file() and path.name not in ours)
    remedy = "write into a folder of its own: start.run_directory / 'my_callback'"
    require(dict(figures.values) == before, "the figures were changed", "work on a copy: dict(figures.values)")
    changed = [name for name in ("history.csv", "summary.json") if ours.get(name) != b"ours"]
    require(not changed, f"it changed or removed {', '.join(changed)} of the run directory", remedy)
    stray = [*outside, *sorted(name for name, _ in _files_here() - beside)]
    require(not stray, f"it left {', '.join(stray[:4])} outside the run directory", remedy)
    require(not loose, f"it left {', '.join(loose[:4])} among the files of the run", remedy)


def _files_here() -> set[tuple[str, int]]:
    """Name and time of what is in the working directory."""
    with os.scandir() as entries:
        return {(entry.name, entry.stat(follow_symlinks=False).st_mtime_ns) for entry in entries}


def _require_usable(subject: Subject) -> None:
    """Insist on a callback that this machine has what it takes for.

    Raises:
        Unchecked: it says itself what is missing.
    """
    spec = cast(CallbackSpec, subject.spec)
    if spec.check is None:
        return
    try:
        spec.check(subject.parameters)
    except PluginError as error:
        raise ContractError(
            f"check raised {described(error)}", "raise an error of fashionbatch.errors that says what is missing"
        ) from error
    except FashionBatchError as error:
        raise Unchecked(error.message) from error


def _start(folder: Path, history: list[EpochFigures]) -> TrainingStart:
    return TrainingStart(
        run_directory=folder,
        name="check",
        recipe={"version": 1, "name": "check"},
        epochs=3,
        class_names=("a", "b"),
        images={"train": 8, "validation": 2},
        history=history,
    )


CHECKS: tuple[CheckFunction, ...] = (
    check_a_callback_looks_on_to_the_end,
    check_a_callback_changes_nothing,
    check_what_a_callback_is_told_stays_as_it_is,
)
