"""TensorBoard: the figures of each epoch as curves in a browser."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import CallbackSpec, EpochFigures, Parameters, TrainingEnd, TrainingStart

_VALIDATION = "val_"


class TensorBoard(Parameters):
    """Writes event files; `tensorboard --logdir RUN/tensorboard` shows them, or of many runs `--logdir runs`."""

    folder: str = Field(
        "tensorboard", pattern=r"^[^/\\.][^/\\]*$", description="The folder in the run directory, by its name."
    )


class EventWriter:
    """Writes the scalars of each epoch for TensorBoard: one series for training, one for validation.

    Steps are epochs. A run that goes on continues the same series: what an earlier process has written stays, and
    epochs that it finished without telling of them are added.

    Args:
        parameters: name the folder.
        start: the run directory, and the epochs that are finished already.
    """

    def __init__(self, parameters: TensorBoard, start: TrainingStart) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = start.run_directory / parameters.folder
        self._folders = {"train": folder / "train", "validation": folder / "validation"}
        written = {name: _last_step(path) for name, path in self._folders.items()}
        self._writers: dict[str, Any] = {}
        self._make_writer = EventFileWriter
        for figures in start.history:
            self._write(figures, {name for name, step in written.items() if step < figures.epoch})

    def epoch_finished(self, figures: EpochFigures) -> None:
        """Write the epoch's scalars."""
        self._write(figures, set(self._folders))

    def training_ended(self, _: TrainingEnd) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()

    def _write(self, figures: EpochFigures, series: set[str]) -> None:
        values = figures.values
        train = {name: value for name, value in values.items() if not name.startswith(_VALIDATION)}
        scalars: Mapping[str, Mapping[str, float]] = {
            "train": {**train, "learning_rate": figures.learning_rate, "seconds": figures.seconds},
            "validation": {
                name.removeprefix(_VALIDATION): value for name, value in values.items() if name.startswith(_VALIDATION)
            },
        }
        for name in sorted(series):
            if scalars[name]:
                self._add(name, figures.epoch, scalars[name])

    def _add(self, series: str, step: int, scalars: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        if series not in self._writers:
            self._writers[series] = self._make_writer(str(self._folders[series]))
        values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        writer = self._writers[series]
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        writer.flush()


def _last_step(folder: Path) -> int:
    """The last epoch that stands in a folder's event files; 0 for none."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    last = 0
    for file in sorted(folder.glob("events.out.tfevents.*")):
        # A file that a kill has cut short ends, for its reader, at the last whole event.
        last = max([last, *(int(event.step) for event in EventFileLoader(str(file)).Load())])
    return last


def require_tensorboard(_: TensorBoard) -> None:
    """Say how to get TensorBoard where it is not installed.

    Raises:
        RuntimeUnavailableError: it is not.
    """
    if find_spec("tensorboard") is None:
        raise RuntimeUnavailableError(
            "callback 'tensorboard' needs the package tensorboard, which is not installed",
            hint="pip install 'fashionbatch[tensorboard]'",
        )


@hookimpl
def register_callbacks() -> Iterator[CallbackSpec]:
    """The callbacks that come with FashionBatch."""
    yield CallbackSpec(
        name="tensorboard",
        summary="Writes each epoch's figures for TensorBoard.",
        parameters=TensorBoard,
        build=EventWriter,
        check=require_tensorboard,
    )
