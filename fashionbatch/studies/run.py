"""The trainings of a study, one after the other: each is finished already, goes on, or begins."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError
from fashionbatch.model.framework import tensorflow_is_loaded
from fashionbatch.plan import Plan
from fashionbatch.plugins import Plugins
from fashionbatch.progress import Reporter, Show
from fashionbatch.specs import Split
from fashionbatch.studies.data import SharedData
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.members import Member, Result
from fashionbatch.studies.results import results_csv
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.checkpoint import write_text
from fashionbatch.training.directory import LARGEST_RECORD, RunDirectory
from fashionbatch.training.epochs.interrupt import Stopped, stoppable
from fashionbatch.training.judging import OTHERS
from fashionbatch.training.run import train


@dataclass(frozen=True)
class Workshop:
    """What all trainings of a study share.

    Attributes:
        study: where the runs go.
        plugins: as `train` takes them.
        data: the images.
        evaluate: the splits that judge a network by every image.
        show: prints a line.
        bars: whether to draw progress bars on standard error.
        judged: is told of a member's answers before its run counts as finished.
    """

    study: StudyDirectory
    plugins: Plugins
    data: SharedData
    evaluate: Collection[Split] = OTHERS
    show: Show = print
    bars: bool = False
    judged: Callable[[Member, Labeled], object] | None = None

    def read_first(self, plan: Plan, fold: int | None = None) -> None:
        """Decode the images of the first training, before anything is written or an earlier study is replaced.

        Raises:
            RecipeError: the data are not what the recipe says, at some place of it.
            DataError: they are missing, or wrong otherwise.
        """
        with plan.placing():
            self.data.of(Member("", "", plan, fold), bar=Reporter(self.show, bars=self.bars).bar)


def train_members(workshop: Workshop, members: Sequence[Member], before: Sequence[Result] = ()) -> list[Result]:
    """Train what is not finished yet, in order; after each, `results.csv` says how far the study is.

    A training that fails by what its own recipe asks for, as by a loss that is no number, is noted, and the others
    are trained; a disk that is full ends the study.

    Args:
        workshop: what they share.
        members: at least one.
        before: what became of other members, for `results.csv`.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM arrived; finished runs and epochs are kept.
        OutputError: something cannot be written; the same holds.
    """
    results = [_result(workshop.study, member) for member in members]
    with stoppable():
        try:
            for index, member in enumerate(members):
                workshop.show(f"\n{member.title}: {member.name}")
                results[index] = train_member(workshop, member)
                write_text(workshop.study.results, results_csv([*before, *results]))
        except (Stopped, KeyboardInterrupt) as stop:
            number = stop.signal_number if isinstance(stop, Stopped) else signal.SIGINT
            raise InterruptedRunError("stopped between two trainings", signal_number=number, hint=_GO_ON) from None
    return results


_GO_ON = "the same command with --resume goes on with the study"


def train_member(workshop: Workshop, member: Member) -> Result:
    """Train one member, or find that it is finished.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM arrived.
        OutputError: something cannot be written.
    """
    path = workshop.study.run(member.name)
    try:
        with _without_retracing():
            train(
                member.plan,
                path,
                plugins=workshop.plugins,
                resume=os.path.lexists(path),
                evaluate=workshop.evaluate,
                show=workshop.show,
                bars=workshop.bars,
                data=partial(workshop.data.of, member),
                judged=partial(workshop.judged, member) if workshop.judged is not None else None,
            )
    except InterruptedRunError as stop:
        raise InterruptedRunError(stop.message, signal_number=stop.signal_number, hint=_GO_ON) from None
    except OutputError:
        raise
    except FashionBatchError as error:
        problem = str(error).partition("\n")[0]
        workshop.show(f"failed: {problem}")
        return Result(member, "failed", problem=problem)
    finally:
        if tensorflow_is_loaded():
            import keras

            keras.backend.clear_session()  # or the graphs of all trainings would stay in memory
    return _result(workshop.study, member)


@contextmanager
def _without_retracing() -> Iterator[None]:
    """Hold back TensorFlow's advice against building networks in a loop, which is what a study does."""
    logger = logging.getLogger("tensorflow")

    def keep(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in str(record.msg)

    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _result(study: StudyDirectory, member: Member) -> Result:
    directory = RunDirectory(study.run(member.name))
    if not directory.is_complete:
        return Result(member, "not finished")
    return Result(member, "finished", _summary(directory.summary))


def _summary(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(disk.read_regular(path, LARGEST_RECORD))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read: {error}", hint="remove the run; --resume trains it anew") from error
    assert isinstance(document, dict)
    return document
