"""What was measured, as it is kept in `results.json`: one file for each kind of CPU, one entry for each network."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from .machine import Machine

Kind = Literal["ours", "unprotected", "peer"]
KERAS = "idiomatic Keras"


class Timing(BaseModel):
    """The runs of one contestant over one folder.

    Attributes:
        name: of the contestant.
        kind: `ours`, our own parts without protection, or a peer.
        images: that were labeled.
        seconds: wall time of each run, start-up included.
        cpu_seconds: user and system time of each.
        peak_mib: peak memory of all its processes together; 0 where it was not measured.
    """

    name: str
    kind: Kind
    images: int
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    peak_mib: float = 0.0

    @property
    def median(self) -> float:
        """Median wall time in seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Images a second, start-up included."""
        return self.images / self.median


class Steady(BaseModel):
    """What a run adds for each further photo: two sizes of folder, whose difference leaves start-up out.

    Attributes:
        few: photos of the small folder.
        many: photos of the large one.
        few_seconds: median of its runs.
        many_seconds: likewise.
    """

    few: int
    many: int
    few_seconds: float
    many_seconds: float

    @property
    def rate(self) -> float:
        """Images a second."""
        return (self.many - self.few) / (self.many_seconds - self.few_seconds)


class Floor(BaseModel):
    """What the machine allows: decoding alone and the network alone, each on all cores, in images a second."""

    decoding: float
    network: float

    @property
    def together(self) -> float:
        """Images a second of both on the same cores, if nothing else took any time."""
        return 1 / (1 / self.decoding + 1 / self.network)


class NetworkResult(BaseModel):
    """Everything that one run of the benchmark found about a network.

    Attributes:
        network: its name.
        date: of the run, ISO.
        command: as it was asked for, without paths.
        runs: of each contestant.
        photos: what was labeled, in words.
        versions: of what took part, by package.
        timings: of each contestant.
        steady: for each precision.
        floor: for each precision.
        auto: the precision that `auto` took, and why; empty where it was not measured.
        allowed: the precisions that `auto` may take of the bundle.
        left_out: contestants that were not measured, each with the reason.
    """

    network: str
    date: str
    command: str
    runs: int
    photos: str
    versions: dict[str, str] = {}
    timings: list[Timing] = []
    steady: dict[str, Steady] = {}
    floor: dict[str, Floor] = {}
    auto: str = ""
    allowed: list[str] = []
    left_out: dict[str, str] = {}

    def timing(self, name: str) -> Timing | None:
        """That of one contestant, None where it was not measured."""
        return next((timing for timing in self.timings if timing.name == name), None)

    def times_keras(self, timing: Timing) -> float | None:
        """How many times the photos a second of the idiomatic Keras script in the same run."""
        keras = self.timing(KERAS)
        return timing.rate / keras.rate if keras else None

    def share_of_keras_memory(self, timing: Timing) -> float | None:
        """Peak memory as a share of that script's."""
        keras = self.timing(KERAS)
        return timing.peak_mib / keras.peak_mib if keras and keras.peak_mib and timing.peak_mib else None

    def share_of_floor(self, precision: str) -> float | None:
        """The steady rate as a share of what the machine allows."""
        steady, floor = self.steady.get(precision), self.floor.get(precision)
        return steady.rate / floor.together if steady and floor else None

    def auto_against_best(self) -> float | None:
        """Seconds of `auto` over those of the fastest precision that it may take, asked for by name; 1 is best."""
        auto = self.timing("fashionbatch auto")
        named = [self.timing(f"fashionbatch {precision}") for precision in self.allowed]
        seconds = [timing.median for timing in named if timing]
        return auto.median / min(seconds) if auto and seconds else None


class Results(BaseModel):
    """What is known of one machine, a network at a time: a later run replaces what it measured, and nothing else."""

    machine: Machine
    networks: dict[str, NetworkResult] = {}

    def keep(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n")


def read_results(path: Path, machine: Machine) -> Results:
    """What earlier runs left there; nothing where there are none."""
    if not path.exists():
        return Results(machine=machine)
    return Results.model_validate_json(path.read_text()).model_copy(update={"machine": machine})
