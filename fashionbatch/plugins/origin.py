"""Whose code failed: what a plugin raises becomes one error that names the plugin, the kind and the component."""

from __future__ import annotations

import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fashionbatch.errors import FashionBatchError, PluginError
from fashionbatch.registry import BUILT_IN, Provider

_OURS = "_fashionbatch_is_ours"
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|Arguments received by(?s:.*)|^\s*(File \"|Detected at node).*$", re.MULTILINE)
"""What Keras and TensorFlow put around what they have to say: bold type, a dump of tensors, the stack of a node."""
_LONGEST = 400
"""Characters of a message that are told; TensorFlow's hold whole stacks, which the kept traceback shows."""


@dataclass(frozen=True)
class Origin:
    """The component that some code belongs to, and the distribution that it comes from."""

    provider: Provider
    kind: str
    name: str

    def __str__(self) -> str:
        return f"plugin {self.provider.distribution} {self.provider.version} ({self.kind} {self.name!r})"

    @contextmanager
    def calling(self, action: str) -> Iterator[None]:
        """Make whatever the component raises within the block an error that names it.

        Errors of the user pass, and so do those of our own code that the component had called. An unexpected error of a
        built-in component passes too: it is a bug of ours.

        Args:
            action: what is called, such as `load`.

        Raises:
            PluginError: anything else was raised, an attempt to end the program included.
        """
        try:
            yield
        except BaseException as error:
            if self.provider.distribution == BUILT_IN or not is_a_plugins(error):
                raise
            raise self.failure(action, error) from error

    def failure(self, action: str, error: BaseException) -> PluginError:
        """The error that says what the component raised."""
        return PluginError(
            f"{self}: {action} failed: {describe(error)}", hint=_hint(error), traceback=traceback_text(error)
        )

    def wrong(self, action: str, what: str, *, hint: str | None = None) -> PluginError:
        """The error that says what is wrong with what the component returned or did."""
        return PluginError(f"{self}: {action} {what}", hint=hint)


def is_a_plugins(error: BaseException) -> bool:
    """Whether an error that came out of a plugin's code is the plugin's own doing.

    It is not where the error is meant for the user, comes from our own code that the plugin called, or is Ctrl-C.
    """
    if isinstance(error, FashionBatchError) or _OURS in error.__dict__:
        return False
    if isinstance(error, KeyboardInterrupt):
        # Our handlers of signals raise a subclass or nothing. Python's own raises the plain class, as a plugin may:
        # where it is in place the two cannot be told apart, and Ctrl-C has to work.
        return type(error) is KeyboardInterrupt and signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    return True


@contextmanager
def our_code() -> Iterator[None]:
    """Mark what is raised within the block as ours: code of ours that runs because a plugin called it."""
    try:
        yield
    except BaseException as error:
        mark_as_ours(error)
        raise


def mark_as_ours(error: BaseException) -> None:
    """Let an error pass through the plugin whose code it leaves by."""
    error.__dict__[_OURS] = True


def traceback_text(error: BaseException) -> str:
    """The whole traceback, with the errors that led to this one."""
    return "".join(traceback.format_exception(error))


def describe(error: BaseException) -> str:
    """One line about an error: its class and message, without what Keras and TensorFlow put around it."""
    if isinstance(error, FashionBatchError):
        return error.message
    text = " ".join(_DECORATION.sub("", str(error)).split())
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _hint(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"install what provides the module {error.name.partition('.')[0]!r} into this environment"
    return None
