"""What the dispatcher and the crew say to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True)
class Place:
    """Room for one actor.

    Attributes:
        node: Ray's number of the node.
        name: what people call it.
        index: which of the node's places it is.
        cores: what the actor may use.
        is_here: whether it is the process of the run itself, which labels what nobody else has begun to label.
    """

    node: str
    name: str
    index: int
    cores: int
    is_here: bool = False


@dataclass(frozen=True)
class Work:
    """What an actor does at a time.

    Attributes:
        shard: the number of the shard.
        crashed: rows that it is not to look at.
        trial: the only rows to look at; then nothing is put on the disk.
    """

    shard: int
    crashed: frozenset[int] = frozenset()
    trial: range | None = None


@dataclass(frozen=True)
class IsReady:
    """An actor has opened the job."""

    actor: int


@dataclass(frozen=True)
class Refused:
    """An actor cannot open the job on its node."""

    actor: int
    reason: str


@dataclass(frozen=True)
class Told:
    """So many rows are done of what an actor works on, since it was given that."""

    actor: int
    rows: int
    failed: int


@dataclass(frozen=True)
class Done:
    """An actor has done its work."""

    actor: int


@dataclass(frozen=True)
class Failed:
    """The work of an actor raised an error."""

    actor: int
    error: BaseException


@dataclass(frozen=True)
class Died:
    """The process of an actor has ended."""

    actor: int
    why: str


Event: TypeAlias = IsReady | Refused | Told | Done | Failed | Died


class Crew(Protocol):
    """Actors that label, wherever they are."""

    def places(self) -> Sequence[Place]:
        """All room for actors that there is now, taken or not."""

    def start(self, place: Place) -> int:
        """Start an actor, which opens the job; gives its number."""

    def give(self, actor: int, work: Work, ahead: int | None = None) -> None:
        """Have an actor that has nothing to do do something.

        Args:
            actor: its number.
            work: what to do.
            ahead: the shard that it is likely to get next.
        """

    def events(self, timeout_s: float, stop: int) -> Sequence[Event]:
        """What has happened; waits for it, but no longer than told.

        Args:
            timeout_s: seconds.
            stop: the number of the signal that asks for an end, which the actors are told; 0 while there is none.
        """

    def kill(self, actor: int) -> None:
        """End an actor at once; no event tells of it."""
