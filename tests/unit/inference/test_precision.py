"""`auto` is fast where that is known to be safe, and says why."""

from __future__ import annotations

import pytest

from fashionbatch.bundle.manifest import BundleManifest, PrecisionRecord
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.inference.precision import choose_precision
from fashionbatch.specs import Precision
from fashionbatch.testing.bundles import make_tiny_bundle

FAST: tuple[Precision, ...] = ("bfloat16", "float32")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> BundleManifest:
    return open_bundle(make_tiny_bundle(tmp_path_factory.mktemp("precision") / "b")).manifest


def measured(plain: BundleManifest, accuracy: float, same_labels: float) -> BundleManifest:
    parity: dict[Precision, PrecisionRecord] = {
        "float32": PrecisionRecord(accuracy=0.9, same_labels=1.0, images=1000),
        "bfloat16": PrecisionRecord(accuracy=accuracy, same_labels=same_labels, images=1000),
    }
    return plain.model_copy(update={"precision_parity": parity})


@pytest.mark.parametrize(
    ("accuracy", "same_labels", "expected"),
    [
        (0.9, 1.0, "bfloat16"),
        (0.95, 0.99, "bfloat16"),
        (0.898, 0.99, "bfloat16"),  # exactly 0.2 points, exactly 99%
        (0.8979, 1.0, "float32"),
        (0.9, 0.9899, "float32"),
    ],
)
def test_auto_takes_what_lost_little_and_kept_the_labels(
    plain: BundleManifest, accuracy: float, same_labels: float, expected: Precision
) -> None:
    precision, reason = choose_precision(measured(plain, accuracy, same_labels), FAST, "auto")
    assert precision == expected
    assert "1,000 validation images" in reason


def test_auto_stays_with_float32_where_nothing_was_measured(plain: BundleManifest) -> None:
    precision, reason = choose_precision(plain, FAST, "auto")
    assert precision == "float32"
    assert "does not say" in reason


def test_auto_takes_float32_where_that_is_the_fastest(plain: BundleManifest) -> None:
    parity = measured(plain, 0.9, 1.0)
    assert choose_precision(parity, ("float32", "bfloat16"), "auto")[0] == "float32"
    assert choose_precision(parity, ("float32",), "auto")[0] == "float32"


def test_what_is_asked_for_is_taken_if_there(plain: BundleManifest) -> None:
    assert choose_precision(plain, FAST, "bfloat16")[0] == "bfloat16"
    assert choose_precision(measured(plain, 0.9, 1.0), FAST, "float32")[0] == "float32"


def test_what_the_machine_lacks_is_an_error(plain: BundleManifest) -> None:
    with pytest.raises(RuntimeUnavailableError, match="bfloat16 is not available: this machine computes float32"):
        choose_precision(plain, ("float32",), "bfloat16")
    with pytest.raises(RuntimeUnavailableError, match="no precision is safe"):
        choose_precision(plain, ("bfloat16",), "auto")
