"""What a recipe's callbacks are told while a network is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import FashionBatchError, PluginError
from fashionbatch.plan import Plan, Resolved
from fashionbatch.plugins import is_a_plugins
from fashionbatch.specs import CallbackSpec, EpochFigures, TrainingCallback, TrainingEnd, TrainingStart
from fashionbatch.training.epochs.history import Epoch

ResultT = TypeVar("ResultT")


class Callbacks:
    """The callbacks of a plan, from the beginning of a training to its end.

    Args:
        plan: names them.
        run_directory: where the run is written.
        data: what is trained on.
    """

    def __init__(self, plan: Plan, run_directory: Path, data: PreparedData) -> None:
        self._plan, self._run_directory, self._data = plan, run_directory, data
        self._running: list[tuple[Resolved[CallbackSpec], TrainingCallback]] = []

    def begin(self, history: Sequence[Epoch]) -> None:
        """Tell them that training begins, or goes on after some epochs.

        Raises:
            PluginError: a callback failed.
        """
        plan, data = self._plan, self._data
        start = TrainingStart(
            run_directory=self._run_directory,
            name=plan.recipe.name,
            recipe=plan.resolved(),
            epochs=sum(phase.epochs for phase in plan.phases),
            class_names=data.class_names,
            images={name: len(split) for name, split in data.splits.items()},
            history=[epoch.as_figures(plan.rising_figures) for epoch in history],
        )
        for component in plan.callbacks:
            callback = _called(component, "build", partial(component.spec.build, component.parameters, start))
            for method in ("epoch_finished", "training_ended"):
                if not callable(getattr(callback, method, None)):
                    what = f"returned {type(callback).__name__}, which has no method {method!r}"
                    raise component.origin.wrong("build", what)
            self._running.append((component, callback))

    def tell(self, figures: EpochFigures) -> None:
        """Tell them of an epoch that is on disk.

        Raises:
            PluginError: a callback failed.
        """
        for component, callback in self._running:
            _called(component, "epoch_finished", partial(callback.epoch_finished, figures))

    def end(self, summary: Mapping[str, Any]) -> None:
        """Tell them that the run is whole.

        Raises:
            PluginError: a callback failed; the others have been told.
        """
        problems = self._end(TrainingEnd(completed=True, summary=summary))
        if problems:
            raise problems[0]

    def stop(self) -> Sequence[FashionBatchError]:
        """Tell those that have begun that training was interrupted or has failed.

        Returns:
            What went wrong with them: the reason of the stop is what the user has to be told of first.
        """
        return self._end(TrainingEnd(completed=False))

    def _end(self, end: TrainingEnd) -> list[FashionBatchError]:
        problems = []
        while self._running:
            component, callback = self._running.pop(0)
            try:
                _called(component, "training_ended", partial(callback.training_ended, end))
            except FashionBatchError as error:
                problems.append(error)
        return problems


def require_callbacks_can_work(plan: Plan) -> None:
    """Let each callback say what this machine lacks, before anything costs time.

    Raises:
        FashionBatchError: as a callback says.
        PluginError: a callback failed.
    """
    for component in plan.callbacks:
        check = component.spec.check
        if check is not None:
            _called(component, "check", partial(check, component.parameters))


def _called(component: Resolved[CallbackSpec], method: str, call: Callable[[], ResultT]) -> ResultT:
    try:
        return call()
    except BaseException as error:
        if not is_a_plugins(error):
            raise
        raise _failure(component, method, error) from error


def _failure(component: Resolved[CallbackSpec], method: str, error: BaseException) -> PluginError:
    failure = component.origin.failure(method, error)
    failure.hint = failure.hint or "finished epochs are kept: --resume goes on from there, also with other callbacks"
    return failure
