"""What was timed is found again under the same circumstances and no others; a damaged cache is as good as none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.inference import rates
from fashionbatch.inference.rates import Setting, all_rates, find_rates, keep_rates
from fashionbatch.specs import Precision

MEASURED: dict[Precision, float] = {"float32": 301.0, "int8": 724.0}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def setting(**changes: Any) -> Setting:
    usual = {"bundle": "00ff", "runtime": "openvino", "version": "OpenVINO 2026.4", "batch_size": 8, "streams": 2}
    return Setting(**{**usual, "cpu": "EPYC", "flags": ("avx2",), **changes})


def only_file(cache: Path) -> Path:
    [file] = (cache / "rates").iterdir()
    return file


def test_what_was_kept_is_found_and_a_later_measurement_takes_its_place() -> None:
    assert find_rates(setting()) is None
    assert keep_rates(setting(), "shoes", {"float32": 301.0, "int8": 724.04321})
    assert find_rates(setting()) == MEASURED
    assert keep_rates(setting(), "shoes", {"float32": 10.0, "int8": 20.0})
    assert find_rates(setting()) == {"float32": 10.0, "int8": 20.0}
    [kept] = all_rates()
    assert (kept.name, kept.setting.cpu) == ("shoes", "EPYC")


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle": "00fe"},
        {"runtime": "shoes-for-fb/openvino"},
        {"version": "OpenVINO 2027.1"},
        {"parameters": '{"fast": true}'},
        {"device": "gpu"},
        {"batch_size": 16},
        {"streams": 4},
        {"cpu": "Xeon"},
        {"flags": ("avx2", "avx_vnni")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_the_speed_depends_on_tells_settings_apart(changes: dict[str, Any]) -> None:
    keep_rates(setting(), "shoes", MEASURED)
    assert find_rates(setting(**changes)) is None


def test_a_setting_is_of_this_machine_unless_it_says_otherwise() -> None:
    here = Setting(bundle="00ff", runtime="openvino", version="1", batch_size=8, streams=2)
    assert here.cpu
    assert here.key == Setting(bundle="00ff", runtime="openvino", version="1", batch_size=8, streams=2).key


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": 2}',
        b"x" * (1 << 17),
        {"rates": {}},
        {"rates": {"float32": 0.0}},
        {"rates": {"float32": -3.0}},
        {"rates": {"float64": 3.0}},
        {"rates": {"float32": "NaN"}},
        {"format": 7},
        {"setting": None},
    ],
    ids=str,
)
def test_a_damaged_or_foreign_file_is_ignored_and_written_anew(cache: Path, damage: bytes | dict[str, Any]) -> None:
    keep_rates(setting(), "shoes", MEASURED)
    file = only_file(cache)
    if isinstance(damage, dict):
        damage = json.dumps({**json.loads(file.read_bytes()), **damage}).encode()
    file.write_bytes(damage)
    assert find_rates(setting()) is None
    assert list(all_rates()) == []
    assert keep_rates(setting(), "shoes", MEASURED)
    assert find_rates(setting()) == MEASURED


def test_a_file_under_a_name_that_is_not_its_own_is_ignored(cache: Path) -> None:
    keep_rates(setting(), "shoes", MEASURED)
    only_file(cache).rename(cache / "rates" / f"{setting(streams=4).key}.json")
    assert find_rates(setting(streams=4)) is None
    assert list(all_rates()) == []


def test_a_pipe_in_the_cache_is_not_waited_for(cache: Path) -> None:
    (cache / "rates").mkdir(parents=True)
    os.mkfifo(cache / "rates" / f"{setting().key}.json")
    assert find_rates(setting()) is None
    assert not keep_rates(setting(), "shoes", MEASURED)


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("a file where the folder should be")
    assert not keep_rates(setting(), "shoes", MEASURED)
    assert find_rates(setting()) is None
    assert list(all_rates()) == []
    cache.unlink()

    def full(name: str, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fashionbatch.disk.steps.step", full)
    assert not keep_rates(setting(), "shoes", MEASURED)


def test_what_is_kept_last_is_shown_first(monkeypatch: pytest.MonkeyPatch) -> None:
    days = iter("123")
    monkeypatch.setattr(rates, "_now", lambda: f"2026-01-0{next(days)}")
    for streams in (4, 1, 2):
        keep_rates(setting(streams=streams), "shoes", MEASURED)
    assert [kept.setting.streams for kept in all_rates()] == [2, 1, 4]
