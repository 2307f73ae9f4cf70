"""Who is at work on a job in a store: leases, small objects that whoever is at work writes again and again.

A lease that nobody has written to for a minute is that of a machine that was lost, and may be taken over. No clocks of
machines are compared: how old a lease is tells the store, and where it does not, the lease is watched for that time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.labeling.job.stored.folder import Found, JobFolder
from fashionbatch.labels.records import Record
from fashionbatch.stores.retrying import Patience, Retrying

FOLDER: Final = "locks/"
ALL: Final = "all"
"""The lease of a run that does the whole job, or joins its parts."""
SETUP: Final = "setup"
"""The lease of whoever makes the job, while others wait."""
_NAME: Final = re.compile(r"all|setup|[0-9]+-of-[0-9]+")
_NO_TAG: Final = '"d41d8cd98f00b204e9800998ecf8427f"'
"""The tag of no object."""
_TRIES: Final = 5


@dataclass(frozen=True)
class Times:
    """How long leases last, in seconds.

    Attributes:
        lease_s: after which one that nobody has written to is nobody's.
        renew_s: after which its holder writes to it again.
        poll_s: after which one that is watched is looked at again.
        settle_s: after which whoever wrote without a condition sees whether it was the last one.
    """

    lease_s: float = 60.0
    renew_s: float = 15.0
    poll_s: float = 2.0
    settle_s: float = 3.0


class LeaseRecord(Record):
    """What a lease holds.

    Attributes:
        format: of leases.
        owner: stands for the job directory of the machine that holds it; empty once it was let go.
        holder: process and host, for messages.
        session: differs from one run to the next.
        renewed: how often it was written to.
    """

    format: Literal[1]
    owner: str
    holder: str
    session: str
    renewed: int


class Lease:
    """A lease that is held: a thread renews it until it is released.

    Args:
        folder: of the job.
        name: what it is for: `all`, `setup`, or a part such as `2-of-8`.
        owner: stands for this machine's job directory.
        times: how long it lasts.

    Attributes:
        is_lost: whether another run has taken it over.
    """

    def __init__(self, folder: JobFolder, name: str, owner: str, times: Times) -> None:
        self.is_lost = False
        self.path = FOLDER + name
        self._folder = folder
        self._times = times
        self._record = LeaseRecord(
            format=1,
            owner=owner,
            holder=f"process {os.getpid()} on {os.uname().nodename}",
            session=secrets.token_hex(8),
            renewed=0,
        )
        self._held: Found | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, over: Found | None) -> bool:
        """Write it in the place of what was found; returns whether nobody was faster, and begins to renew it then.

        Raises:
            OutputError: the store does not take it.
        """
        if not self._write(over, self._record):
            return False
        self._thread = threading.Thread(target=self._renew_until_ended, name="lease", daemon=True)
        self._thread.start()
        return True

    def require(self) -> None:
        """See that it is still held, by writing to it.

        Raises:
            OutputError: another run has taken it over, or the store does not take it.
        """
        self._renew(self._folder.lasting)
        if self.is_lost:
            raise self.loss()

    def loss(self) -> OutputError:
        """The error for a run whose lease another one has taken over."""
        return OutputError(
            f"the job in {self._folder.url} was taken over by another run, while this one was out of reach for longer "
            f"than {self._times.lease_s:.0f} s",
            hint="what this run has finished counts; let the other one go on",
        )

    def end(self) -> None:
        """Do not renew it any more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def release(self, *, remove: bool = False) -> None:
        """Let go, so that the next run need not wait. Where the store does not answer, its time runs out.

        Args:
            remove: leave nothing in the store.
        """
        self.end()
        if self.is_lost or self._held is None:
            return
        with contextlib.suppress(FashionBatchError):
            if remove:
                self._folder.remove([self.path])
                return
            self._write(self._held, self._record.model_copy(update={"owner": ""}), _once(self._times.renew_s))
        self._held = None

    def _renew_until_ended(self) -> None:
        wait_s = self._times.renew_s
        while not self._ended.wait(wait_s) and not self.is_lost:
            wait_s = self._times.renew_s
            try:
                self._renew(_once(self._times.renew_s))
            except FashionBatchError:
                # The store is out of order, perhaps for a moment.
                wait_s = self._times.poll_s

    def _renew(self, retrying: Retrying | None = None) -> None:
        with self._lock:
            if self.is_lost:
                return
            record = self._record.model_copy(update={"renewed": self._record.renewed + 1})
            if self._write(self._held, record, retrying):
                self._record = record
            else:
                self.is_lost = not self._has_written_unheard()

    def _has_written_unheard(self) -> bool:
        """Whether the lease is what an earlier try has written, whose answer was lost."""
        found = self._folder.find(self.path)
        record = None if found is None else record_of(found)
        if found is None or record is None or record.session != self._record.session:
            return False
        self._held, self._record = found, record
        return True

    def _write(self, over: Found | None, record: LeaseRecord, retrying: Retrying | None = None) -> bool:
        """Write it in the place of what was found; returns whether that was still there."""
        content = record.to_json()
        tag = "" if over is None else over.tag
        if (self._folder.heeds_tags and tag) or (self._folder.heeds_absence and over is None):
            written = self._folder.write(self.path, content, tag, retrying=retrying)
            if written.outcome == "written":
                self._held = Found(content, written.tag)
                return True
            if written.outcome == "taken":
                return self._is_there(content)
        found = self._folder.find(self.path)
        if (found and found.content) != (over and over.content):
            return False
        self._folder.write(self.path, content, None, retrying=retrying)
        self._ended.wait(self._times.settle_s)
        return self._is_there(content)

    def _is_there(self, content: bytes) -> bool:
        found = self._folder.find(self.path)
        if found is None or found.content != content:
            return False
        self._held = found
        return True


class Leases:
    """The leases of one job.

    Args:
        folder: of the job.
        owner: stands for this machine's job directory. Whoever may use it knows that nobody else does, so a lease with
            this owner is that of a run that was killed.
        say: takes a line for the user.
        times: how long they last.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(
        self,
        folder: JobFolder,
        owner: str,
        say: Callable[[str], None],
        *,
        times: Times | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._owner = owner
        self._say = say
        self._times = times or Times()
        self._clock = clock

    def take(self, name: str, *, in_turn: bool = False) -> Lease:
        """Hold a lease.

        Args:
            name: of it.
            in_turn: wait for whoever holds it.

        Raises:
            OutputError: another run holds it, or the store does not answer.
            InterruptedRunError: there was a signal while it was waited for.
        """
        tries = 0
        while True:
            found = self._folder.find(FOLDER + name)
            if found is not None and self._is_foreign(found):
                self._outlast({name: found}, in_turn=in_turn)
                continue
            lease = Lease(self._folder, name, self._owner, self._times)
            if lease.take(found):
                return lease
            tries += 1
            if tries == _TRIES:
                raise self._held_by(found)

    def require_none(self, names: Iterable[str]) -> None:
        """See that nobody holds any of some leases; those of machines that were lost are ended.

        Raises:
            OutputError: somebody does.
            InterruptedRunError: there was a signal while it was found out.
        """
        found = {name: self._folder.find(FOLDER + name) for name in names}
        self._outlast({name: each for name, each in found.items() if each is not None and self._is_foreign(each)})

    def names(self) -> list[str]:
        """Of all that there are, held or not."""
        names = (each.path.removeprefix(FOLDER) for each in self._folder.listed(FOLDER))
        return sorted(name for name in names if _NAME.fullmatch(name))

    def probe(self) -> None:
        """See whether the store heeds conditions: one that does not know them may write all the same."""
        path, folder = f"{FOLDER}probe-{secrets.token_hex(8)}", self._folder
        folder.write(path, b"", None)
        folder.heeds_absence = folder.write(path, b"", "").outcome == "taken"
        folder.heeds_tags = folder.write(path, b"", _NO_TAG).outcome == "taken"
        folder.remove([path])
        if not folder.heeds_absence:
            self._say(
                f"note: {self._folder.url.scheme}:// does not write on the condition that there is nothing yet; "
                "leases alone keep other runs of this job away"
            )

    def _outlast(self, found: dict[str, Found], *, in_turn: bool = False) -> None:
        """Wait until some leases are nobody's any more, and end them.

        Raises:
            OutputError: somebody holds one of them, and it is not waited for their turn.
        """
        for name, each in list(found.items()):
            age_s = self._folder.age_s(FOLDER + name)
            if age_s is not None and age_s > self._times.lease_s:
                self._end(name, each)
                del found[name]
        began = self._clock()
        if found:
            self._say(self._waiting_for(next(iter(found.values())), in_turn=in_turn))
        while found:
            self._folder.wait(self._times.poll_s)
            for name, each in list(found.items()):
                now = self._folder.find(FOLDER + name)
                if now is None or not self._is_foreign(now):
                    del found[name]
                elif now.content != each.content:
                    if not in_turn:
                        raise self._held_by(now)
                    began, found[name] = self._clock(), now
                elif self._clock() - began > self._times.lease_s:
                    self._end(name, each)
                    del found[name]

    def _end(self, name: str, found: Found) -> None:
        """Write over the lease of a machine that was lost, so that it learns of it, should it come back."""
        lease = Lease(self._folder, name, "", self._times)
        if lease.take(found):
            lease.end()

    def _is_foreign(self, found: Found) -> bool:
        record = record_of(found)
        return record is None or record.owner not in {"", self._owner}

    def _waiting_for(self, found: Found, *, in_turn: bool) -> str:
        if in_turn:
            return f"waiting for {_holder(found)}, which makes the job in {self._folder.url}"
        return (
            f"waiting for up to {self._times.lease_s:.0f} s: {_holder(found)} was at work on the job in "
            f"{self._folder.url}, and is perhaps still"
        )

    def _held_by(self, found: Found | None) -> OutputError:
        return OutputError(
            f"the job in {self._folder.url} is being worked on by another run ({_holder(found)})",
            hint="wait for it, or give another -o/--output",
        )


def record_of(found: Found) -> LeaseRecord | None:
    """What a lease says; None where it cannot be understood."""
    try:
        return LeaseRecord.of_json(json.loads(found.content))
    except (ValueError, RecursionError):
        return None


def _holder(found: Found | None) -> str:
    record = None if found is None else record_of(found)
    return "which has just begun" if record is None or not record.owner else record.holder


def _once(seconds: float) -> Retrying:
    return Retrying(Patience(tries=1, try_s=seconds, total_s=seconds))
