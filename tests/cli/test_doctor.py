"""`fashionbatch doctor`."""

from __future__ import annotations

import json

import pytest

from fashionbatch import diagnosis
from fashionbatch.cli import main
from fashionbatch.diagnosis import Finding

Capture = pytest.CaptureFixture[str]
Found = dict[str, list[Finding]]


def doctor(capsys: Capture, *arguments: str) -> tuple[object, str]:
    """Its exit code and what it prints."""
    with pytest.raises(SystemExit) as stop:
        main(["doctor", *arguments])
    return stop.value.code, capsys.readouterr().out


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    sections = {
        "versions": [Finding("pillow", "13.0.0")],
        "extras": [Finding("parquet", "pyarrow not installed", "absent", "`pip install 'fashionbatch[parquet]'`")],
    }
    monkeypatch.setattr(diagnosis, "diagnose", lambda: sections)
    return sections


def test_what_can_be_done_without_is_marked_and_is_no_failure(capsys: Capture, found: Found) -> None:
    code, printed = doctor(capsys)
    assert code == 0
    assert "  pillow   13.0.0\n" in printed
    assert "- parquet  pyarrow not installed\n" in printed
    assert "hint: `pip install 'fashionbatch[parquet]'`\n" in printed
    assert printed.endswith("ready: photos can be labeled and networks trained\n")


def test_what_is_broken_is_named_last_and_is_a_failure(capsys: Capture, found: Found) -> None:
    found["runtimes"] = [Finding("openvino", "ImportError: no library", "broken")]
    code, printed = doctor(capsys)
    assert code == 1
    assert "! openvino  ImportError: no library\n" in printed
    assert printed.endswith("broken: openvino\n")


def test_scripts_get_json(capsys: Capture, found: Found) -> None:
    code, printed = doctor(capsys, "--json")
    assert code == 0
    told = json.loads(printed)
    assert told["ok"] is True
    assert told["sections"]["extras"][0]["state"] == "absent"
    found["runtimes"] = [Finding("openvino", "ImportError: no library", "broken")]
    code, printed = doctor(capsys, "--json")
    assert code == 1
    assert json.loads(printed)["ok"] is False
