"""The state after an epoch, in one file that is there whole or not at all: what a resumed run continues from."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.model.weights import write_weights

if TYPE_CHECKING:
    import keras

FORMAT = 2
LAST_NAME = "last.npz"
_BEST_SUFFIX = ".weights.h5"
_OF_HEAD = ".head"


@dataclass(frozen=True)
class Progress:
    """Where a run stands, besides numbers in arrays.

    Attributes:
        phase: index of the phase that the state belongs to.
        phase_is_done: its last epoch is over and its best weights are restored; optimizer state is gone. Never so of
            the last phase, which may be asked for more epochs; earlier versions did not keep its optimizer.
        epochs_in_phase: epochs of that phase that are finished.
        history: all epochs so far, as plain data.
        watch: fields of the phase's `Watch`.
        schedule: what a schedule that follows the figures keeps from epoch to epoch.
        best_file: the file of its best weights, in the checkpoint folder; None before there are any.
        seconds: what each part of the run took so far; empty where an earlier version wrote it.
    """

    phase: int
    phase_is_done: bool
    epochs_in_phase: int
    history: Sequence[Mapping[str, Any]]
    watch: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    best_file: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """Everything that the next epoch depends on.

    Attributes:
        network: the network's variables: weights, statistics and the state of random generators.
        fitting: what the phase has besides: generators of its augmentation.
        optimizer: step, rate and moments.
    """

    progress: Progress
    network: Sequence[NDArray[Any]]
    fitting: Sequence[NDArray[Any]]
    optimizer: Sequence[NDArray[Any]]


class Checkpoints:
    """The folder of a run's checkpoints.

    Args:
        folder: is made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, state: State) -> None:
        """Write the state in place of the one before, in one step, and drop files that it no longer names.

        Raises:
            OutputError: the file cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {}
        for name in ("network", "fitting", "optimizer"):
            values = getattr(state, name)
            arrays |= {f"{name}_{index}": np.asarray(value) for index, value in enumerate(values)}
        header = json.dumps({"format": FORMAT, **state.progress.__dict__})
        arrays["header"] = np.frombuffer(header.encode(), np.uint8)
        path = self.folder / LAST_NAME
        with _writing(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its keywords are arrays, its flag is not among them
        with _output_errors(self.folder):
            for best in self.folder.glob(f"best-*{_BEST_SUFFIX}"):
                if best.name != state.progress.best_file:
                    disk.remove(best)

    def save_best(self, model: keras.Model, epoch: int, *, of_head: bool = False) -> str:
        """Write the weights of the best epoch so far; the name goes into the next state.

        Each has a file of its own, so that a kill between the two leaves a state and the best weights belonging to it.

        Args:
            model: whose weights are written.
            epoch: its number, counted over all phases.
            of_head: whether the model is the network's head alone, beside a backbone that does not change.

        Raises:
            OutputError: the file cannot be written.
        """
        name = f"best-{epoch:05}{_OF_HEAD if of_head else ''}{_BEST_SUFFIX}"
        with _writing(self.folder / name) as file:
            write_weights(model, file)
        return name

    def load(self) -> State | None:
        """The last state, None where no epoch was finished.

        Raises:
            OutputError: the file is damaged or of another version.
        """
        file = self.folder / LAST_NAME
        if not file.exists():
            return None
        try:
            with disk.open_regular(file) as opened, np.load(opened, allow_pickle=False) as stored:
                header = json.loads(bytes(stored["header"]))
                if header.pop("format") != FORMAT:
                    raise ValueError("it is of another version")
                arrays = {
                    name: [stored[f"{name}_{index}"] for index in range(_count(stored.files, name))]
                    for name in ("network", "fitting", "optimizer")
                }
            return State(Progress(**header), **arrays)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise OutputError(
                f"{file}: cannot be resumed from: {error}", hint="`--overwrite` begins the run anew"
            ) from error

    def best_weights(self, name: str) -> Path:
        """The file of the best weights of that name."""
        return self.folder / name

    @staticmethod
    def is_of_head(name: str) -> bool:
        """Whether best weights are those of the head alone; earlier versions wrote the whole network's."""
        return name.endswith(f"{_OF_HEAD}{_BEST_SUFFIX}")


def values_of(variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
    """Copies of variables' values."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[NDArray[Any]]) -> None:
    """Give variables their values back, by position.

    Raises:
        OutputError: number or shapes differ: another version of a plugin builds another network.
    """
    expected, found = [tuple(variable.shape) for variable in variables], [value.shape for value in values]
    if expected != found:
        raise OutputError(
            "the checkpoint does not fit the network: a plugin or a library has changed since",
            hint="`--overwrite` begins the run anew",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write_text(path: Path, text: str) -> None:
    """Write a text file of a run in one step.

    Raises:
        OutputError: it cannot be written.
    """
    with _writing(path) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    with _output_errors(path):
        disk.make_directory(path.parent)
        with disk.writing(path) as file:
            yield file


def _output_errors(path: Path) -> contextlib.AbstractContextManager[None]:
    return disk.output_errors(path, when_full="free some space, then go on with --resume")


def _count(names: Sequence[str], prefix: str) -> int:
    return sum(name.rpartition("_")[0] == prefix for name in names)
