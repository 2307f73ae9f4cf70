"""Sessions that nobody times, as of `--show` and `evaluate`, go by what is kept, or by the runtime's order."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.errors import RuntimeUnavailableError, UnknownNameError
from fashionbatch.inference.computing import Computing
from fashionbatch.inference.rates import keep_rates
from fashionbatch.inference.session import open_session
from fashionbatch.registry import Registry
from fashionbatch.specs import Precision
from fashionbatch.testing.bundles import make_tiny_bundle


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Of 1,000 validation images bfloat16 kept all labels; nothing is kept of this machine."""
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    measured = PrecisionRecord(images=1000, right=900, same_label=1000)
    parity: dict[Precision, PrecisionRecord] = {"float32": measured, "bfloat16": measured}
    return open_bundle(make_tiny_bundle(tmp_path / "bundle", precision_parity=parity, reference=False))


def test_what_is_kept_decides_and_nothing_is_timed(bundle: Bundle, registry: Registry) -> None:
    computing = Computing(registry, "slow", streams=2)
    assert computing.choose(bundle, "auto").untimed == ("float32", "bfloat16")
    keep_rates(computing.setting(bundle), "tiny", {"float32": 100.0, "bfloat16": 200.0})
    choice = computing.choose(bundle, "auto")
    assert (choice.precision, choice.untimed) == ("bfloat16", ())
    assert choice.reason.startswith("200 images/s against 100 in float32; it kept 100.0% of the labels on 1,000")
    with open_session(bundle, registry=registry, runtime="slow", streams=2) as session:
        assert (session.precision, session.precision_reason) == ("bfloat16", choice.reason)
    with open_session(bundle, registry=registry, runtime="slow", streams=2, precision="float32") as session:
        assert (session.precision, session.precision_reason) == ("float32", "as asked for")
    with open_session(bundle, registry=registry, runtime="slow", streams=2, batch_size=4) as session:
        assert session.choice.untimed  # nothing is known of batches of 4


def test_a_runtime_that_says_no_version_is_known_by_that_of_its_distribution(
    bundle: Bundle, registry: Registry
) -> None:
    setting = Computing(registry, "fake", streams=3).setting(bundle)
    assert (setting.runtime, setting.version, setting.streams, setting.batch_size) == ("tests/fake", "1", 3, 8)
    assert setting.bundle == bundle.digest


def test_what_cannot_be_computed_is_told(bundle: Bundle, registry: Registry) -> None:
    with pytest.raises(RuntimeUnavailableError, match="runtime 'fake' finds no gpu that it can use"):
        Computing(registry, "fake", device="gpu").choose(bundle, "auto")
    with pytest.raises(UnknownNameError):
        Computing(registry, "fahke").choose(bundle, "auto")
    computing = Computing(registry, "fake")
    computing.__dict__["available"] = ("bfloat16",)
    with pytest.raises(RuntimeUnavailableError, match="precision float32 is not available") as caught:
        computing.require(bundle, "float32", "do otherwise")
    assert caught.value.hint == "do otherwise"
