"""What the CPU is called and computes, from what Linux says of its first core."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashionbatch.inference import cpu
from fashionbatch.inference.cpu import cpu_flags, cpu_name, int8_units
from fashionbatch.labeling.job.machine import instruction_set

EPYC = """processor\t: 0
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
flags\t\t: fpu avx2

processor\t: 1
flags\t\t: avx512f
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(text, encoding="ascii")
    return path


def test_a_cpu_is_told_by_its_name_and_numbers(tmp_path: Path) -> None:
    info = written(tmp_path, EPYC)
    assert cpu_name(info) == "AMD EPYC (family 25, model 1)"
    assert cpu_flags(info) == {"fpu", "avx2"}
    assert cpu_flags(written(tmp_path, "processor\t: 0\nFeatures\t: fp asimddp\n")) == {"fp", "asimddp"}


def test_a_system_that_does_not_say_has_a_name_and_no_flags(tmp_path: Path) -> None:
    assert cpu_name(tmp_path / "absent")
    assert cpu_flags(tmp_path / "absent") == frozenset()


@pytest.mark.parametrize(
    ("flags", "plain", "with_int8"),
    [
        ("sse4_2", "sse4.2", "sse4.2"),
        ("avx avx2", "avx2", "avx2"),
        ("avx2 avx_vnni", "avx2", "avx2 avx_vnni"),
        ("avx2 avx512f", "avx512", "avx512"),
        ("avx2 avx512f avx512_vnni", "avx512_vnni", "avx512_vnni"),
        ("avx512f avx512_vnni avx512_bf16", "avx512_bf16", "avx512_bf16 avx512_vnni"),
        ("avx512f avx512_vnni avx512_bf16 amx_bf16 amx_int8", "amx_bf16", "amx_bf16 amx_int8"),
    ],
)
def test_jobs_in_int8_are_told_apart_by_what_adds_it_up_and_others_are_named_as_ever(
    flags: str, plain: str, with_int8: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "_CPU_INFO", written(tmp_path, f"flags\t\t: fpu {flags}\n"))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert instruction_set() == instruction_set(["float32", "bfloat16"]) == f"x86_64 {plain}"
    assert instruction_set(["float32", "int8"]) == f"x86_64 {with_int8}"


def test_the_widest_units_are_named() -> None:
    assert int8_units(frozenset({"avx_vnni", "avx512_vnni"})) == "avx512_vnni"
    assert int8_units(frozenset({"avx2"})) == ""
