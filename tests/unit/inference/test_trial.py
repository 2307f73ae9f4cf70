"""A network's first answers come from a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import BundleError
from fashionbatch.inference import trial
from fashionbatch.processes import ProcessEndedError
from fashionbatch.testing.bundles import make_tiny_bundle


def test_a_network_that_runs_says_so_in_each_precision(tmp_path: Path) -> None:
    said = trial.try_network(make_tiny_bundle(tmp_path / "b"))
    assert said[0].startswith("the network runs on OpenVINO")
    assert any("reference images have the results" in line for line in said)


def test_an_error_comes_over_as_it_is(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "b")
    (bundle / "model.xml").write_bytes(b"<net/>")
    with pytest.raises(BundleError, match=r"model\.xml: has 6 bytes where bundle\.json says") as caught:
        trial.try_network(bundle)
    assert caught.value.hint is not None


@pytest.mark.parametrize(("status", "kind"), [(-11, BundleError), (-6, BundleError), (1, ProcessEndedError)])
def test_a_network_that_crashes_what_runs_it_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception]
) -> None:
    def ask(*_: Any, **__: Any) -> None:
        raise ProcessEndedError(status, b"Traceback: ...")

    monkeypatch.setattr(trial, "ask_python", ask)
    with pytest.raises(kind, match="crashed what runs it" if kind is BundleError else "Traceback"):
        trial.try_network(tmp_path)
