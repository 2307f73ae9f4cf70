"""What `make bench` makes of its figures: ratios, the table, what is kept for each CPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

CPUINFO = """\
processor\t: 0
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC (tm) 7J13 64-Core Processor
flags\t\t: fpu avx2 avx512_bf16 avx512_vnni sse4_2
"""


@pytest.fixture(autouse=True)
def _benchmarks_importable(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "speed"]:
        del sys.modules[name]


def result(**changes: Any) -> Any:
    from speed.records import Floor, NetworkResult, Steady, Timing

    timings = [
        Timing(name="fashionbatch float32", kind="ours", images=1000, seconds=[6.0, 5.0, 4.0], peak_mib=300),
        Timing(name="fashionbatch int8", kind="ours", images=1000, seconds=[2.5] * 3, peak_mib=150),
        Timing(name="fashionbatch auto", kind="ours", images=1000, seconds=[2.6] * 3, peak_mib=150),
        Timing(name="without protection int8", kind="unprotected", images=1000, seconds=[2.0] * 3, peak_mib=100),
        Timing(name="idiomatic Keras", kind="peer", images=1000, seconds=[20.0] * 3, peak_mib=1500),
        Timing(name="tutorial loop", kind="peer", images=100, seconds=[20.0]),
    ]
    found = NetworkResult(
        network="MobileNetV2",
        date="2026-01-02",
        command="python benchmarks/classify.py",
        runs=3,
        photos="photos",
        timings=timings,
        steady={"int8": Steady(few=1000, many=10000, few_seconds=2.5, many_seconds=22.5)},
        floor={"int8": Floor(decoding=1000, network=1000)},
        auto="int8: it kept all labels",
        allowed=["float32", "int8"],
        versions={"keras": "3"},
        left_out={"timm": "torch not installed"},
    )
    return found.model_copy(update=changes)


def machine(**changes: Any) -> Any:
    from speed.machine import Machine

    return Machine(**{"cpu": "AMD EPYC", "family": 25, "model": 1, "instructions": ("avx2",), "cores": 2} | changes)


def test_a_machine_is_named_by_its_cpu_its_generation_and_what_decides_about_speed(tmp_path: Path) -> None:
    from speed.machine import this_machine

    (tmp_path / "cpuinfo").write_text(CPUINFO)
    found = this_machine(tmp_path / "cpuinfo")
    assert (found.cpu, found.family, found.model) == ("AMD EPYC (tm) 7J13 64-Core Processor", 25, 1)
    assert found.instructions == ("avx2", "avx512_vnni", "avx512_bf16")
    assert found.slug == f"amd-epyc-7j13-64-core-processor-25-1-{found.cores}-cores"


def test_a_machine_that_says_nothing_of_its_cpu_has_a_name_all_the_same(tmp_path: Path) -> None:
    from speed.machine import this_machine

    found = this_machine(tmp_path / "nothing")
    assert found.cpu
    assert found.family is None
    assert found.slug.endswith(f"{found.cores}-cores")


def test_ratios_are_of_photos_a_second_and_of_medians() -> None:
    found = result()
    float32, loop = found.timing("fashionbatch float32"), found.timing("tutorial loop")
    assert float32.median == 5.0
    assert found.times_keras(float32) == pytest.approx(4.0)
    # The loop labels a tenth of the photos in the same time.
    assert found.times_keras(loop) == pytest.approx(0.1)
    assert found.share_of_keras_memory(float32) == pytest.approx(0.2)
    assert found.share_of_keras_memory(loop) is None
    assert found.auto_against_best() == pytest.approx(1.04)
    # A precision that it may not take is none that it could be slower than.
    assert found.model_copy(update={"allowed": ["float32"]}).auto_against_best() == pytest.approx(0.52)


def test_the_floor_is_both_kinds_of_work_on_the_same_cores_and_start_up_is_no_part_of_the_steady_rate() -> None:
    found = result()
    assert found.floor["int8"].together == pytest.approx(500)
    assert found.steady["int8"].rate == pytest.approx(450)
    assert found.share_of_floor("int8") == pytest.approx(0.9)
    assert found.share_of_floor("float32") is None


def test_without_keras_there_is_no_ratio_to_it() -> None:
    found = result()
    found = result(timings=[timing for timing in found.timings if timing.kind == "ours"])
    assert found.times_keras(found.timings[0]) is None
    assert found.share_of_keras_memory(found.timings[0]) is None


def test_the_table_names_the_machine_and_has_a_row_for_each_contestant() -> None:
    from speed.records import Results
    from speed.table import as_markdown

    text = as_markdown(Results(machine=machine(), networks={"MobileNetV2": result()}))
    assert "2 cores of AMD EPYC (family 25, model 1); avx2" in text
    assert "| fashionbatch float32 | 1,000 | 5.00 | 200 | 4.00 | 300 | 0.20 |" in text
    assert "| tutorial loop | 100 | 20.00 | 5 | 0.10 |  |  |" in text
    assert "On 2026-01-02, 3 runs of each, one of tutorial loop; photos; keras 3.\n" in text
    assert "- `auto` took int8: it kept all labels. Its seconds were 1.04 of those of the fastest precision" in text
    assert "from 1,000 to 10,000 photos `classify` did 450, 0.90 of it." in text
    assert "- Protection costs +0.50 s, +25.0%, in int8." in text
    assert "- Left out: timm, torch not installed." in text


def test_a_later_run_replaces_the_networks_that_it_measured_and_no_others(tmp_path: Path) -> None:
    from speed.records import Results, read_results

    path = tmp_path / "results.json"
    assert read_results(path, machine()).networks == {}
    Results(machine=machine(), networks={"MobileNetV2": result(), "ResNet50": result(network="ResNet50")}).keep(path)
    later = read_results(path, machine())
    later.networks["ResNet50"] = result(network="ResNet50", date="2026-02-03")
    later.keep(path)
    kept = read_results(path, machine()).networks
    assert [(name, found.date) for name, found in kept.items()] == [
        ("MobileNetV2", "2026-01-02"),
        ("ResNet50", "2026-02-03"),
    ]
    assert kept["MobileNetV2"] == result()


def test_a_quick_run_leaves_the_kept_results_alone_and_no_path_is_kept(tmp_path: Path) -> None:
    from speed.options import parse_options

    asked = ["--photos", str(tmp_path), "--precisions", "float32"]
    quick = parse_options(None, tmp_path / "kept", asked)
    full = parse_options(None, tmp_path / "kept", [*asked, "--full", "--small", "500"])
    assert quick.output == Path("runs", "bench")
    assert full.output == tmp_path / "kept"
    assert (quick.networks, quick.large) == (["small CNN", "MobileNetV2"], 3000)
    assert (full.small, full.large) == (500, 10000)
    assert str(tmp_path) not in full.told
    assert "--small 500" in full.told


def test_a_folder_of_more_photos_than_there_are_has_each_several_times(tmp_path: Path) -> None:
    from speed.photos import linked

    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "b.png").write_bytes(b"b")
    folder = linked([tmp_path / "a.jpg", tmp_path / "b.png"], 3, tmp_path / "folder")
    assert [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())] == [
        ("000000.jpg", b"a"),
        ("000001.png", b"b"),
        ("000002.jpg", b"a"),
    ]
