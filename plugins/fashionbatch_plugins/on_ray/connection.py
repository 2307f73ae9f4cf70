"""Connects to a Ray cluster, or starts a Ray for one run, while the run does something else."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fashionbatch.errors import FashionBatchError
from fashionbatch_plugins.on_ray import own

ADDRESS_VARIABLE = "RAY_ADDRESS"
GO_ON = "`--engine local` goes on from here without it"
_QUIET = {"log_to_driver": False, "logging_level": logging.CRITICAL}
_ANSWER_S = 10.0
_CONNECT_S = 120.0
_LOOK_S = 2.0
_SILENCE_S = 20.0
"""Of the head, until it is lost: shorter than a minute, after which Ray ends a process that has lost its head."""
_LEAVE_S = 15.0


class Connection:
    """A connection that is made, watched and ended in a thread of its own; one that is there is used and left as it is.

    Ray itself would wait for a head that does not answer, in calls that do not come back. So nobody else asks the head.

    Args:
        address: of the cluster; None for what `RAY_ADDRESS` names, or else a Ray of this run's own.
        cores: of a Ray of this run's own.
        share: what is to be put into Ray's object store.

    Attributes:
        address: of the cluster; None for a Ray of this run's own.
        shared: a reference to what was put into the store, once it is connected.
        ray: the library, once it is connected.
    """

    def __init__(self, address: str | None, *, cores: int, share: Callable[[], Any]) -> None:
        self.address = address_given(address)
        self.ray: Any = None
        self.shared: Any = None
        self._cores = cores
        self._share = share
        self._head = ""
        self._error: BaseException | None = None
        self._is_decided = threading.Event()
        self._is_over = self._has_signals = False
        self._wake = threading.Event()
        self._nodes: Sequence[Mapping[str, Any]] = ()
        self._asked = self._answered = self._began = time.monotonic()
        self._trouble = "no answer"
        # Ray's processes end with the thread that has started them, so that it lives as long as they.
        self._thread = threading.Thread(target=self._live, name="connection-to-ray", daemon=True)
        self._thread.start()

    def is_ready(self) -> bool:
        """Whether it is connected; does not wait.

        Raises:
            FashionBatchError: it cannot be connected.
        """
        if not self._is_decided.is_set():
            if time.monotonic() - self._began > _CONNECT_S:
                raise _failed(self.address, f"no answer in {_CONNECT_S:g} s")
            return False
        if self._error is not None:
            raise self._error
        if not self._has_signals:
            self._has_signals = True
            _take_signals_back()
        return True

    def nodes(self, since: float = 0.0) -> Sequence[Mapping[str, Any]]:
        """The cluster's nodes as Ray describes them, as of a few seconds ago; none where they are not known yet.

        Args:
            since: what was known before that counts for nothing, by `time.monotonic`.

        Raises:
            FashionBatchError: the cluster's head has not answered for some time.
        """
        if not self.is_ready():
            return ()
        silence_s = time.monotonic() - self._answered
        if silence_s > _SILENCE_S:
            raise FashionBatchError(
                f"lost Ray's head at {self._head}: {self._trouble}, for {silence_s:.0f} s",
                hint="when there is a head again, the same command goes on from here; so does `--engine local`",
            )
        if self._asked < since:
            self._wake.set()
            return ()
        return self._nodes

    def close(self) -> None:
        """End it; of a Ray of this run's own nothing is left."""
        self._is_over = True
        self._wake.set()
        self._thread.join(_LEAVE_S if self._is_decided.is_set() else _CONNECT_S)
        if self._thread.is_alive():
            # Ray, too, would wait for the head at the end of this process, and for ever.
            atexit.register(_leave_at_once)

    def _live(self) -> None:
        with contextlib.ExitStack() as stack:
            try:
                self._connect(stack)
            except BaseException as error:  # noqa: BLE001 - it is raised by who asks whether it is ready
                self._error = error
            self._answered = time.monotonic()
            self._is_decided.set()
            while not self._is_over:
                if self._error is None:
                    self._look()
                self._wake.wait(_LOOK_S)
                self._wake.clear()

    def _look(self) -> None:
        asked = time.monotonic()
        try:
            _knock(self._head)
            self._nodes = self.ray.nodes()
        except Exception as error:  # noqa: BLE001 - Ray has many kinds, and others are raised through it
            self._trouble = _in_one_line(error)
            return
        self._asked, self._answered, self._trouble = asked, time.monotonic(), "no answer"

    def _connect(self, stack: contextlib.ExitStack) -> None:
        import ray

        packed = self._share()
        if not ray.is_initialized():
            self._begin(ray, stack, sum(map(len, packed.values())))
        self.shared = ray.put(packed)
        self._head = ray.get_runtime_context().gcs_address
        self.ray = ray

    def _begin(self, ray: Any, stack: contextlib.ExitStack, shared_bytes: int) -> None:
        given: dict[str, Any] = {"address": self.address}
        if self.address is None:
            given = stack.enter_context(own.settings(cores=self._cores, shared_bytes=shared_bytes))
        stack.enter_context(_without_words_of_ray(ray))
        stack.callback(ray.shutdown)
        try:
            with own.without_helpers(ray) if self.address is None else contextlib.nullcontext():
                ray.init(**given, **_QUIET)
        except Exception as error:  # noqa: BLE001 - Ray has many kinds, none of which tells more
            raise _failed(self.address, _in_one_line(error)) from None


def _take_signals_back() -> None:
    """Have SIGTERM do again what it did before Ray was connected.

    Ray takes it for a crash: it writes where the process is to the terminal, and has it aborted three seconds later,
    whatever it finishes meanwhile. Python's own record of its handlers knows nothing of that.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)


def _leave_at_once() -> None:
    """End a process that could not end otherwise: at its very end, and as one that has failed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(1)


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _failed(address: str | None, words: str) -> FashionBatchError:
    if address is None:
        return FashionBatchError(f"cannot start Ray: {words}", hint=GO_ON)
    hint = f"a cluster that wants a token gets it by RAY_AUTH_MODE=token and RAY_AUTH_TOKEN; {GO_ON}"
    return FashionBatchError(f"cannot reach Ray at {address}: {words}", hint=hint)


@contextlib.contextmanager
def _without_words_of_ray(ray: Any) -> Iterator[None]:
    """Keep what Ray says of its nodes off standard output: `log_to_driver` has no say in that.

    There is no public way. A Ray without this function of its own says it, and nothing else comes of that.
    """
    worker: Any = getattr(getattr(ray, "_private", None), "worker", None)
    before = getattr(worker, "print_to_stdstream", None)
    if before is None:
        yield
        return
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def address_given(given: str | None) -> str | None:
    """The cluster's address, from the environment where none is given; None for a Ray of the run's own."""
    return given or os.environ.get(ADDRESS_VARIABLE) or None


def require_answer(given: str | None) -> None:
    """Ask whether anybody listens at a cluster's address: Ray itself would try for more than five minutes.

    Args:
        given: as `Connection` takes it.

    Raises:
        FashionBatchError: nobody does.
    """
    address = address_given(given)
    if address is None or not address.rpartition(":")[2].isdecimal():
        return
    try:
        _knock(address)
    except (OSError, OverflowError) as error:
        raise FashionBatchError(
            f"cannot reach Ray at {address}: {error}", hint="`ray status` on the head's machine says its address"
        ) from None


def _knock(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
