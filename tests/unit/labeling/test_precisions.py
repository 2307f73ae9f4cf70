"""A job's precision is settled once, by what is known or by what is timed as it begins, and kept to ever after.

The runtime is made up: its numbers tell in which precision they were computed, and its clock goes as a test wants.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.errors import (
    DataError,
    FashionBatchError,
    InterruptedRunError,
    OutputError,
    RuntimeUnavailableError,
)
from fashionbatch.inference.rates import all_rates
from fashionbatch.labeling import precisions
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import read_job
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.run import LABELING, label, label_part
from fashionbatch.labeling.setup import Run, open_job
from fashionbatch.progress import Advance, Reporter
from fashionbatch.specs import Precision, RuntimeRequest
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_probabilities
from fashionbatch_plugins import runtimes

MakeOptions = Callable[..., LabelOptions]
Paint = Callable[[Mapping[str, int]], Path]

STEPS = {"float32": 1 << 20, "bfloat16": 128, "int8": 16}
"""Into how many steps each precision divides a probability."""


@dataclass
class Machine:
    """What the made-up runtime offers, how fast it is, and what was done with it."""

    offers: tuple[Precision, ...] = ("float32", "int8")
    seconds: dict[str, float] = field(default_factory=lambda: {"float32": 0.08, "bfloat16": 0.08, "int8": 0.02})
    opened: list[str] = field(default_factory=list)
    timed: bool = False
    broken: str | None = None
    wrong: str | None = None
    now: float = 0.0

    def clock(self, device: str, streams: int) -> Callable[[], float]:
        self.timed = True
        return lambda: self.now


class RuntimeHere:
    """Computes the tiny bundle's network by NumPy, rounded to the steps of its precision."""

    slots, version, machine = 2, "NumPy", Machine()

    def __init__(self, request: RuntimeRequest) -> None:
        self.precision, self.outputs = request.precision, request.outputs
        self.waiting: list[tuple[int, NDArray[np.float32]]] = []
        self.is_closed = False
        self.machine.opened.append(self.precision)
        if self.precision == self.machine.broken:
            raise RuntimeUnavailableError("a network that does not run")

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        assert not self.is_closed
        self.machine.now += self.machine.seconds[self.precision]
        rows = tiny_probabilities(batch, self.outputs, "one_of_many")
        if self.precision == self.machine.wrong:
            rows = rows[:, ::-1]
        self.waiting.append((key, (rows * STEPS[self.precision]).round() / STEPS[self.precision]))

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        collected, self.waiting = self.waiting, []
        return collected

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Jobs count as large from 20 files on, and timing always pays."""
    machine = Machine()
    monkeypatch.setattr(RuntimeHere, "machine", machine)
    monkeypatch.setattr(runtimes, "OpenVinoRuntime", RuntimeHere)
    monkeypatch.setattr(runtimes, "openvino_precisions", lambda device: machine.offers)
    monkeypatch.setattr(runtimes, "openvino_version", lambda: RuntimeHere.version)
    monkeypatch.setattr(precisions, "machine_clock", machine.clock)
    monkeypatch.setattr(precisions, "MEASURED_FROM", 20)
    monkeypatch.setattr(precisions, "LARGEST_SHARE", 1e9)
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return machine


def quantized(directory: Path, name: str = "tiny", kept: int = 998, *, reference: bool = False) -> Path:
    """A bundle with an int8 graph beside the float32 one, which kept so many of 1,000 labels."""
    parity = {
        "float32": PrecisionRecord(images=1000, right=900, same_label=1000),
        "bfloat16": PrecisionRecord(images=1000, right=900, same_label=999),
    }
    make_tiny_bundle(directory, name=name, precision_parity=parity, reference=reference)  # type: ignore[arg-type]
    manifest = json.loads((directory / "bundle.json").read_bytes())
    for ending in ("xml", "bin"):
        copy = directory / f"model.int8.{ending}"
        shutil.copyfile(directory / f"model.{ending}", copy)
        record = {"sha256": sha256(copy.read_bytes()).hexdigest(), "size": copy.stat().st_size}
        manifest["files"][copy.name] = record
    manifest["graphs"]["int8"] = {"parity": {"int8": {"images": 1000, "right": 900, "same_label": kept}}}
    (directory / "bundle.json").write_text(json.dumps(manifest))
    return directory


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return quantized(tmp_path / "bundle")


@pytest.fixture
def auto(options: MakeOptions, bundle: Path, many: Path, small_shards: None) -> MakeOptions:
    """Options for a job of 95 files in several shards."""
    return lambda **changes: options(**{"bundles": [bundle], **changes})


class Telling(Reporter):
    """A reporter that remembers what it was told, and stops the run after so many rows, or at a sentence."""

    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.lines: list[str] = []
        super().__init__(self.lines.append, bars=False)
        self.rows = self.total = 0
        self.stop_after = stop_after

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
            if title == LABELING:
                self.rows = done - before

        if title == LABELING:
            self.total = (total or 0) - before
        yield advance

    def __call__(self) -> int:
        return 15 if self.rows >= self.stop_after else 0


def stop(options: LabelOptions, rows: int) -> None:
    telling = Telling(rows)
    with pytest.raises(InterruptedRunError):
        label(options, reporter=telling, stop_signal=telling)


def table_in(precision: str, auto: MakeOptions, tmp_path: Path) -> bytes:
    """The table of an undisturbed run in a stated precision."""
    path = tmp_path / f"whole-{precision}.csv"
    label(auto(output=path, precision=precision, overwrite=True))
    return path.read_bytes()


def computed_in(table: Path) -> list[str]:
    return list(json.loads(table.with_name(f"{table.name}.meta.json").read_bytes())["compute"]["precision"])


# -------------------------------------------------------------------------------------------------- as a job begins


def test_a_large_job_times_what_is_allowed_and_takes_the_fastest(
    auto: MakeOptions, machine: Machine, tmp_path: Path
) -> None:
    telling = Telling()
    report = label(auto(), reporter=telling)
    assert (tmp_path / "labels.csv").read_bytes() == table_in("int8", auto, tmp_path)
    reason = "400 images/s against 100 in float32; it kept 99.8% of the labels on 1,000 validation images"
    assert f"openvino in int8: {reason}" in telling.lines[0]
    [choice] = report.meta["precision_choices"]
    assert choice == {"precision": "int8", "reason": reason, "rates": pytest.approx({"float32": 100, "int8": 400})}
    assert telling.rows == telling.total == 95
    [kept] = all_rates()
    assert kept.name == "tiny"


@pytest.mark.parametrize("seconds", [0.0737, 0.3])
def test_what_gains_too_little_is_given_up_and_what_it_labeled_is_labeled_anew(
    auto: MakeOptions, machine: Machine, tmp_path: Path, seconds: float
) -> None:
    machine.seconds["int8"] = seconds
    telling = Telling()
    label(auto(), reporter=telling)
    assert (tmp_path / "labels.csv").read_bytes() == table_in("float32", auto, tmp_path)
    assert "openvino in float32: 100 images/s against" in telling.lines[0]
    assert telling.rows == telling.total == 95


def test_a_small_job_times_nothing_and_takes_what_the_runtime_puts_first(
    auto: MakeOptions, machine: Machine, tmp_path: Path
) -> None:
    label(auto(limit=19))
    assert computed_in(tmp_path / "labels.csv") == ["float32"]
    machine.offers = ("int8", "float32")
    label(auto(limit=19, overwrite=True))
    assert computed_in(tmp_path / "labels.csv") == ["int8"]
    assert machine.opened == ["float32", "int8"]
    assert not machine.timed
    assert not (tmp_path / "cache").exists()


def test_where_timing_would_take_too_long_the_runtimes_first_is_taken(
    auto: MakeOptions, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precisions, "LARGEST_SHARE", 0.0)
    label(auto())
    assert not machine.timed
    assert (tmp_path / "labels.csv").read_bytes() == table_in("float32", auto, tmp_path)


def test_what_is_kept_is_taken_without_timing_whatever_noise_there_is(
    auto: MakeOptions, machine: Machine, tmp_path: Path
) -> None:
    label(auto())
    machine.opened.clear()
    machine.timed, machine.seconds["int8"] = False, 9.0
    for limit in (None, 5):
        telling = Telling()
        label(auto(overwrite=True, limit=limit), reporter=telling)
        assert "400 images/s against 100 in float32" in telling.lines[0]
    assert machine.opened == ["int8", "int8"]
    assert not machine.timed


def test_measuring_renews_what_is_kept_also_in_a_small_job(auto: MakeOptions, machine: Machine, tmp_path: Path) -> None:
    label(auto())
    machine.seconds["int8"] = 9.0
    label(auto(overwrite=True, limit=3, measure=True))
    assert computed_in(tmp_path / "labels.csv") == ["float32"]
    label(auto(overwrite=True))
    assert computed_in(tmp_path / "labels.csv") == ["float32"]


def test_measuring_and_a_stated_precision_do_not_go_together(auto: MakeOptions) -> None:
    with pytest.raises(FashionBatchError, match="--measure and --precision int8 do not go together"):
        label(auto(measure=True, precision="int8"))


def test_what_the_gate_does_not_let_through_is_not_timed(auto: MakeOptions, machine: Machine, tmp_path: Path) -> None:
    label(auto(bundles=[quantized(tmp_path / "bad", kept=900)]))
    assert computed_in(tmp_path / "labels.csv") == ["float32"]
    assert machine.opened == ["float32"]


def test_a_precision_that_fails_to_open_is_left_out_with_a_warning(
    auto: MakeOptions, machine: Machine, tmp_path: Path
) -> None:
    machine.offers, machine.broken = ("float32", "bfloat16", "int8"), "bfloat16"
    telling = Telling()
    label(auto(), reporter=telling)
    assert telling.lines[0] == "warning: bfloat16 is left out: a network that does not run"
    assert computed_in(tmp_path / "labels.csv") == ["int8"]
    assert list(all_rates()) == []  # The next job tries again.


@pytest.mark.parametrize("limit", [None, 12])
@pytest.mark.parametrize("others", [0, 1])
def test_what_this_machine_computes_wrongly_gives_way_to_float32(
    auto: MakeOptions, machine: Machine, tmp_path: Path, limit: int | None, others: int
) -> None:
    machine.offers, machine.wrong = ("int8", "float32"), "int8"
    bundles = [quantized(tmp_path / f"other{number}", f"other{number}", kept=10) for number in range(others)]
    bundles.append(quantized(tmp_path / "with-reference", reference=True))
    telling = Telling()
    label(auto(bundles=bundles, limit=limit), reporter=telling)
    assert telling.lines[0].startswith("warning: runtime 'openvino' in int8 does not compute what bundle tiny gave")
    assert "float32: int8 is not computed rightly here" in telling.lines[-1]
    assert telling.rows == (limit or 95)
    label(auto(bundles=bundles, limit=limit, precision="float32", output=tmp_path / "exact.csv"))
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "exact.csv").read_bytes()


def test_what_is_stated_and_computed_wrongly_is_an_error(auto: MakeOptions, machine: Machine, tmp_path: Path) -> None:
    machine.wrong = "int8"
    with pytest.raises(RuntimeUnavailableError, match="in int8 does not compute"):
        label(auto(bundles=[quantized(tmp_path / "with-reference", reference=True)], precision="int8"))
    assert not (tmp_path / "labels.csv.job" / "job.json").exists()


def test_a_cache_that_cannot_be_written_is_no_error(auto: MakeOptions, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    label(auto())
    assert computed_in(tmp_path / "labels.csv") == ["int8"]


def test_each_bundle_has_a_choice_of_its_own(auto: MakeOptions, bundle: Path, tmp_path: Path) -> None:
    bundles = [quantized(tmp_path / "plain", "plain", kept=10), bundle]
    telling = Telling()
    label(auto(bundles=bundles), reporter=telling)
    assert computed_in(tmp_path / "labels.csv") == ["float32", "int8"]
    assert [kept.name for kept in all_rates()] == ["tiny"]
    label(auto(bundles=bundles, overwrite=True, output=tmp_path / "again.csv"))
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_a_run_that_is_stopped_while_it_rehearses_leaves_no_job(auto: MakeOptions, tmp_path: Path) -> None:
    stop(auto(), 0)
    assert not (tmp_path / "labels.csv.job" / "job.json").exists()
    label(auto())
    assert (tmp_path / "labels.csv").read_bytes() == table_in("int8", auto, tmp_path)


def test_files_that_cannot_be_read_are_counted_once_though_they_are_looked_at_twice(
    auto: MakeOptions, machine: Machine, many: Path, tmp_path: Path
) -> None:
    machine.seconds["int8"] = 9.0
    for name in ("00.png", "03.png"):
        (many / name).write_bytes(b"broken")
    report = label(auto())
    assert report.meta["counts"]["status"] == {"ok": 92, "error": 3}
    assert (tmp_path / "labels.csv").read_bytes() == table_in("float32", auto, tmp_path)


# ------------------------------------------------------------------------------------------------ as a job goes on


def forget(machine: Machine, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache")


def contradict(machine: Machine, tmp_path: Path) -> None:
    for file in (tmp_path / "cache" / "rates").iterdir():
        kept = json.loads(file.read_bytes())
        file.write_text(json.dumps({**kept, "rates": {"float32": 900.0, "int8": 1.0}}))


def reorder(machine: Machine, tmp_path: Path) -> None:
    forget(machine, tmp_path)
    machine.offers, machine.seconds["int8"] = ("float32", "bfloat16", "int8"), 9.0


@pytest.mark.parametrize("change", [forget, contradict, reorder])
def test_a_job_goes_on_in_its_precision_whatever_would_be_chosen_now(
    auto: MakeOptions, machine: Machine, tmp_path: Path, change: Callable[[Machine, Path], None]
) -> None:
    stop(auto(), 12)
    change(machine, tmp_path)
    stop(auto(measure=True), 20)
    machine.opened.clear()
    telling = Telling()
    label(auto(), reporter=telling)
    assert machine.opened == ["int8"]
    assert "openvino in int8: 400 images/s against 100 in float32" in telling.lines[0]
    assert (tmp_path / "labels.csv").read_bytes() == table_in("int8", auto, tmp_path)


def test_a_job_goes_on_in_float32_where_int8_would_be_chosen_now(
    auto: MakeOptions, machine: Machine, tmp_path: Path
) -> None:
    machine.seconds["int8"] = 9.0
    stop(auto(), 12)
    machine.seconds["int8"] = 0.001
    machine.offers = ("int8", "float32")
    label(auto())
    assert (tmp_path / "labels.csv").read_bytes() == table_in("float32", auto, tmp_path)


def test_a_job_in_a_precision_that_is_not_here_is_refused_by_its_name(auto: MakeOptions, machine: Machine) -> None:
    stop(auto(), 12)
    machine.offers = ("float32",)
    with pytest.raises(RuntimeUnavailableError, match="precision int8 is not available") as caught:
        label(auto())
    assert "the job of labels.csv computes in it" in str(caught.value.hint)


def test_another_precision_that_is_asked_for_is_refused(auto: MakeOptions) -> None:
    stop(auto(), 12)
    with pytest.raises(OutputError, match=r'compute.precision is \["int8"\] in the job and \["float32"\] now'):
        label(auto(precision="float32"))


def test_another_bundle_is_refused_as_that(auto: MakeOptions, tmp_path: Path) -> None:
    stop(auto(), 12)
    with pytest.raises(OutputError, match="belongs to another job"):
        label(auto(bundles=[make_tiny_bundle(tmp_path / "plain", reference=False)]))


def test_parts_of_a_job_compute_in_the_precision_of_the_first(
    auto: MakeOptions, machine: Machine, tmp_path: Path
) -> None:
    label_part(auto(part=Part(2, 2)))
    contradict(machine, tmp_path)
    label_part(auto(part=Part(1, 2)))
    merge(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_bytes() == table_in("int8", auto, tmp_path)


def test_another_process_opens_a_job_in_its_precision(auto: MakeOptions, machine: Machine, tmp_path: Path) -> None:
    stop(auto(), 12)
    contradict(machine, tmp_path)
    machine.opened.clear()
    job = read_job(JobPaths(tmp_path / "labels.csv"))
    assert job is not None
    with ExitStack() as stack:
        open_job(Run(auto(), stack=stack), job)
    assert machine.opened == ["int8"]


# ----------------------------------------------------------------------------------------------- with an earlier table


def test_an_earlier_table_says_the_precision_so_that_its_rows_can_be_reused(
    auto: MakeOptions, machine: Machine, many: Path, tmp_path: Path
) -> None:
    label(auto(output=tmp_path / "last.csv"))
    contradict(machine, tmp_path)
    machine.opened.clear()
    (many / "99.png").write_bytes((many / "00.png").read_bytes())
    telling = Telling()
    report = label(auto(previous=tmp_path / "last.csv"), reporter=telling)
    assert machine.opened == ["int8"]
    assert "openvino in int8: as in last.csv" in telling.lines[0]
    assert report.meta["reused"]["reused"] == 95
    assert (tmp_path / "labels.csv").read_bytes() == table_in("int8", auto, tmp_path)


def test_errors_are_tried_again_in_the_precision_of_the_table(
    auto: MakeOptions, machine: Machine, many: Path, tmp_path: Path
) -> None:
    label(auto())
    forget(machine, tmp_path)
    (many / "50.png").write_bytes((many / "02.png").read_bytes())
    report = label(auto(previous=tmp_path / "labels.csv", retry_errors=True, overwrite=True))
    assert report.meta["counts"]["status"] == {"ok": 95}
    assert (tmp_path / "labels.csv").read_bytes() == table_in("int8", auto, tmp_path)


@pytest.mark.parametrize("stated", ["float32", "auto"])
def test_rows_of_another_precision_are_not_reused(
    auto: MakeOptions, machine: Machine, tmp_path: Path, stated: str
) -> None:
    label(auto(output=tmp_path / "last.csv", precision="int8"))
    machine.offers = ("float32", "int8") if stated == "float32" else ("float32",)
    with pytest.raises(DataError, match=r'compute.precision is \["int8"\] there and \["float32"\] now'):
        label(auto(previous=tmp_path / "last.csv", precision=stated))


def test_a_precision_that_was_stated_against_the_gate_is_not_taken_by_itself(auto: MakeOptions, tmp_path: Path) -> None:
    bundles = [quantized(tmp_path / "bad", kept=900)]
    label(auto(output=tmp_path / "last.csv", precision="int8", bundles=bundles))
    with pytest.raises(DataError, match=r'compute.precision is \["int8"\] there and \["float32"\] now'):
        label(auto(previous=tmp_path / "last.csv", bundles=bundles))
    report = label(auto(previous=tmp_path / "last.csv", bundles=bundles, precision="int8"))
    assert report.meta["reused"]["reused"] == 95
