"""`auto` is fast where that is known to be safe, and says why."""

from __future__ import annotations

import pytest

from fashionbatch.bundle.graph.record import Graph, PrecisionRecord
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.inference.precision import choose_precision
from fashionbatch.specs import Precision
from fashionbatch.testing.bundles import make_tiny_bundle

FAST: tuple[Precision, ...] = ("bfloat16", "float32")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> BundleManifest:
    return open_bundle(make_tiny_bundle(tmp_path_factory.mktemp("precision") / "b")).manifest


def measured(plain: BundleManifest, right: int, same_label: int) -> BundleManifest:
    """Of 10,000 images float32 labeled 9,000 right."""
    parity: dict[Precision, PrecisionRecord] = {
        "float32": PrecisionRecord(images=10_000, right=9_000, same_label=10_000),
        "bfloat16": PrecisionRecord(images=10_000, right=right, same_label=same_label),
    }
    return plain.model_copy(update={"graphs": {"float32": Graph(parity=parity)}})


@pytest.mark.parametrize(
    ("right", "same_label", "expected"),
    [
        (9_000, 10_000, "bfloat16"),
        (9_500, 9_900, "bfloat16"),
        (8_980, 9_900, "bfloat16"),  # exactly 0.2 points, exactly 99%
        (8_979, 10_000, "float32"),
        (9_000, 9_899, "float32"),
    ],
)
def test_auto_takes_what_lost_little_and_kept_the_labels(
    plain: BundleManifest, right: int, same_label: int, expected: Precision
) -> None:
    precision, reason = choose_precision(measured(plain, right, same_label), FAST, "auto")
    assert precision == expected
    assert "10,000 validation images" in reason


def test_auto_stays_with_float32_where_nothing_was_measured(plain: BundleManifest) -> None:
    precision, reason = choose_precision(plain, FAST, "auto")
    assert precision == "float32"
    assert "does not say" in reason


def test_auto_takes_float32_where_that_is_the_fastest(plain: BundleManifest) -> None:
    parity = measured(plain, 9_000, 10_000)
    assert choose_precision(parity, ("float32", "bfloat16"), "auto")[0] == "float32"
    assert choose_precision(parity, ("float32",), "auto")[0] == "float32"


def test_what_is_asked_for_is_taken_if_there(plain: BundleManifest) -> None:
    assert choose_precision(plain, FAST, "bfloat16")[0] == "bfloat16"
    assert choose_precision(measured(plain, 9_000, 10_000), FAST, "float32")[0] == "float32"


def test_what_the_machine_lacks_is_an_error(plain: BundleManifest) -> None:
    with pytest.raises(RuntimeUnavailableError, match="bfloat16 is not available: this machine computes float32"):
        choose_precision(plain, ("float32",), "bfloat16")
    with pytest.raises(RuntimeUnavailableError, match="no precision is safe"):
        choose_precision(plain, ("bfloat16",), "auto")


def test_int8_needs_a_graph_that_was_quantized(plain: BundleManifest) -> None:
    with pytest.raises(BundleError, match="bundle tiny holds no graph for int8, only for float32 and bfloat16"):
        choose_precision(plain, ("int8", "float32"), "int8")
    assert choose_precision(plain, ("int8", "float32"), "auto")[0] == "float32"
    quantized = plain.model_copy(update={"graphs": {**plain.graphs, "int8": Graph()}})
    assert choose_precision(quantized, ("int8", "float32"), "int8")[0] == "int8"
    precision, reason = choose_precision(quantized, ("int8", "float32"), "auto")
    assert precision == "float32"
    assert "does not say whether int8 keeps its labels" in reason
