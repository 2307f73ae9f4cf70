"""`auto` is fast where that is known to be safe, and says why."""

from __future__ import annotations

import pytest

from fashionbatch.bundle.graph.record import Graph, PrecisionRecord
from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.inference.precision import choose_precision, fastest
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
    choice = choose_precision(measured(plain, right, same_label), FAST, "auto")
    assert choice.precision == expected
    assert "10,000 validation images" in choice.reason


def test_auto_stays_with_float32_where_nothing_was_measured(plain: BundleManifest) -> None:
    choice = choose_precision(plain, FAST, "auto")
    assert choice.precision == "float32"
    assert "does not say" in choice.reason
    assert not choice.untimed


def test_auto_takes_float32_where_that_is_the_fastest(plain: BundleManifest) -> None:
    parity = measured(plain, 9_000, 10_000)
    assert choose_precision(parity, ("float32", "bfloat16"), "auto").precision == "float32"
    assert choose_precision(parity, ("float32",), "auto").precision == "float32"


def test_what_is_asked_for_is_taken_if_there(plain: BundleManifest) -> None:
    assert choose_precision(plain, FAST, "bfloat16").precision == "bfloat16"
    assert choose_precision(measured(plain, 9_000, 10_000), FAST, "float32").precision == "float32"


def test_what_the_machine_lacks_is_an_error(plain: BundleManifest) -> None:
    with pytest.raises(RuntimeUnavailableError, match="bfloat16 is not available: this machine computes float32"):
        choose_precision(plain, ("float32",), "bfloat16")
    with pytest.raises(RuntimeUnavailableError, match="no precision is safe"):
        choose_precision(plain, ("bfloat16",), "auto")


def test_int8_needs_a_graph_that_was_quantized(plain: BundleManifest) -> None:
    with pytest.raises(BundleError, match="bundle tiny holds no graph for int8, only for float32 and bfloat16"):
        choose_precision(plain, ("int8", "float32"), "int8")
    assert choose_precision(plain, ("int8", "float32"), "auto").precision == "float32"
    quantized = plain.model_copy(update={"graphs": {**plain.graphs, "int8": Graph()}})
    assert choose_precision(quantized, ("int8", "float32"), "int8").precision == "int8"
    choice = choose_precision(quantized, ("int8", "float32"), "auto")
    assert choice.precision == "float32"
    assert "does not say whether int8 keeps its labels" in choice.reason


# --------------------------------------------------------------------------------------------------- by what was timed


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({"float32": 301, "int8": 724}, "int8"),
        ({"float32": 100, "int8": 115}, "int8"),
        ({"float32": 100, "int8": 114.9}, "float32"),
        ({"float32": 320, "bfloat16": 211}, "float32"),
        ({"int8": 10}, "int8"),
        # Each has to gain on the one that it displaces, not on float32.
        ({"float32": 100, "bfloat16": 120, "int8": 130}, "bfloat16"),
        ({"float32": 100, "bfloat16": 110, "int8": 120}, "int8"),
        ({"int8": 300, "bfloat16": 200, "float32": 100}, "int8"),
    ],
)
def test_a_less_exact_precision_has_to_gain_clearly(rates: dict[Precision, float], expected: Precision) -> None:
    assert fastest(rates) == expected


def test_measured_rates_decide_and_are_told(plain: BundleManifest) -> None:
    parity = measured(plain, 9_000, 9_980)
    fast = choose_precision(parity, ("float32", "bfloat16"), "auto", {"float32": 301.4, "bfloat16": 724.0})
    assert fast.precision == "bfloat16"
    kept = "it kept 99.8% of the labels on 10,000 validation images"
    assert fast.reason == f"724 images/s against 301 in float32; {kept}"
    assert fast.rates == {"float32": 301.4, "bfloat16": 724.0}
    assert not fast.untimed
    slow = choose_precision(parity, FAST, "auto", {"float32": 3.0, "bfloat16": 2.5})
    assert (slow.precision, slow.reason) == ("float32", "3.0 images/s against 2.5 in bfloat16")
    near = choose_precision(parity, FAST, "auto", {"float32": 100, "bfloat16": 110})
    assert near.precision == "float32"
    assert "too little gained" in near.reason


def test_without_rates_the_runtimes_first_is_taken_and_the_question_is_open(plain: BundleManifest) -> None:
    parity = measured(plain, 9_000, 9_980)
    choice = choose_precision(parity, ("float32", "bfloat16"), "auto")
    assert (choice.precision, choice.reason) == (
        "float32",
        "not timed here against bfloat16 (`classify --measure` does it)",
    )
    assert choice.untimed == ("float32", "bfloat16")
    # Rates that say nothing of one of them are those of a bundle that held less, or of another gate.
    assert choose_precision(parity, ("float32", "bfloat16"), "auto", {"float32": 5.0}) == choice


def test_rates_of_what_is_not_allowed_change_nothing(plain: BundleManifest) -> None:
    choice = choose_precision(measured(plain, 8_000, 9_000), FAST, "auto", {"float32": 1.0, "bfloat16": 99.0})
    assert choice.precision == "float32"
    assert not choice.rates


def test_what_is_asked_for_is_not_timed(plain: BundleManifest) -> None:
    choice = choose_precision(measured(plain, 9_000, 10_000), FAST, "float32", {"float32": 1.0, "bfloat16": 99.0})
    assert (choice.precision, choice.rates, choice.untimed) == ("float32", {}, ())
