"""The errors that a user can cause, each with its exit code and, where one is known, a hint.

    FashionBatchError                  exit code 1
    ├── RecipeError                    one or more problems with file, line and column
    ├── UnknownNameError               no component of that kind and name
    ├── PluginError                    a plugin that failed or returned what it must not, or two claim one name
    ├── DataError                      a dataset that is missing, empty or not what the recipe says
    ├── ImageError                     one image file that cannot be decoded
    ├── WeightsError                   pretrained weights that are missing or do not fit
    ├── TrainingError                  a training that cannot begin or go on, such as a loss that is not a number
    ├── BundleError                    a bundle that is missing, damaged, foreign or of another version
    ├── RuntimeUnavailableError        a runtime, device or precision that this machine does not offer
    ├── OutputError                    an output that exists, cannot be written, or is held by another run
    │   └── ScratchError               temporary files that cannot be written
    ├── RowError                       exit code 4: `--strict` and some rows are not ok
    └── InterruptedRunError            exit code 130 or 143: stopped by a signal, resumable

Everything else that escapes is a bug of ours: exit code 3, with a traceback in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from fashionbatch.display_width import display_width, printable

_EXCERPT = 110
"""The longest part of a source line that a problem quotes, in characters."""


class FashionBatchError(Exception):
    """What a user did or what happened to the machine, said in one or two lines.

    Args:
        message: what is wrong, naming the offending value.
        hint: what to do about it, as a whole sentence without a capital; None where nothing useful is known.
        place: where in the recipe the value stands, such as `("training", "class_weight", "dress")`; empty where the
            recipe is not to blame. `Plan.placing` makes file, line and column of it.
        traceback: where a plugin's code failed, for its author; empty where no code failed. The command line keeps it
            in a file.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, hint: str | None = None, place: Sequence[str | int] = (), traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = tuple(place)
        self.traceback = traceback

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive pickling by themselves; worker processes need it.
        return (_rebuild, (type(self), self.args, self.__dict__))

    def __str__(self) -> str:
        text = f"{'.'.join(map(str, self.place))}: {self.message}" if self.place else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text


def _rebuild(kind: type[FashionBatchError], args: tuple[object, ...], state: dict[str, object]) -> FashionBatchError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe and where it stands.

    Attributes:
        file: the recipe's path as the user gave it, or a name such as `--set training.epochs=x`.
        line: 1-based line; 0 where there is no position.
        column: 1-based column; 0 where there is no position.
        where: the dotted path inside the recipe, such as `architecture.name`; empty for the whole file.
        message: what is wrong, with what was received and what would be accepted.
        source: the text of that line, empty where there is none.
    """

    file: str
    line: int
    column: int
    where: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{position}: {self.where}: {self.message}" if self.where else f"{position}: {self.message}"
        # What names hold must not look like a line of its own.
        text = printable(text)
        if not self.source:
            return text
        line, caret = _excerpt(self.source, self.column)
        return f"{text}\n    {line}\n    {caret}"


def _excerpt(source: str, column: int) -> tuple[str, str]:
    """The part of a line around a column, and a caret that stands under that column in a terminal."""
    start = max(0, column - 1 - _EXCERPT // 2) if len(source) > _EXCERPT else 0
    end = start + _EXCERPT
    prefix, suffix = "..." if start else "", "..." if end < len(source) else ""
    # A tab or an escape sequence would move the caret, or worse.
    shown = "".join(char if char.isprintable() else " " for char in source[start:end])
    before = prefix + shown[: column - 1 - start]
    return f"{prefix}{shown}{suffix}", f"{' ' * display_width(before)}^"


class RecipeError(FashionBatchError):
    """A recipe, or another file of YAML, that cannot be used, with every problem found in it.

    Args:
        problems: all that is wrong.
        hint: as in `FashionBatchError`.
        what: the kind of file.
    """

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None, what: str = "recipe") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)
        self.what = what


class UnknownNameError(FashionBatchError):
    """A component that nobody registered."""


class PluginError(FashionBatchError):
    """A plugin that failed or returned what it must not, or a name that two plugins claim."""


class DataError(FashionBatchError):
    """A dataset that is missing, empty, or not what the recipe says."""


class ImageError(FashionBatchError):
    """One image that cannot be decoded; `message` is a single line that begins with the error's class."""


class WeightsError(FashionBatchError):
    """Pretrained weights that are missing or do not fit the network."""


class TrainingError(FashionBatchError):
    """A training that cannot begin or go on, such as one whose loss is not a number."""


class BundleError(FashionBatchError):
    """A bundle that is missing, damaged, foreign or of another version."""


class RuntimeUnavailableError(FashionBatchError):
    """A runtime, device or precision that this machine does not offer."""


class OutputError(FashionBatchError):
    """An output that exists already, cannot be written, or is held by another run."""


class ScratchError(OutputError):
    """Temporary files that cannot be written: their folder is full, or none may be written."""


class RowError(FashionBatchError):
    """The table is written, but `--strict` was given and some rows are not ok."""

    exit_code: ClassVar[int] = 4


class InterruptedRunError(FashionBatchError):
    """A run that a signal stopped; what it had committed stays, and the same command resumes it."""

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number  # type: ignore[misc]  # one value an instance: it depends on the signal
