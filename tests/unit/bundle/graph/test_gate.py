"""The gate lets a precision through by counts of images, in whole numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from fashionbatch.bundle.graph.gate import ONE_SIDED_95, judge, loss_bound
from fashionbatch.bundle.graph.record import PairedCounts, PrecisionRecord

TWO_SIDED_95 = Fraction("1.959963984540054") ** 2


def counted(images: int, *, lost: int = 0, won: int = 0, changed: int | None = None, wrong: int = 0) -> PrecisionRecord:
    """Of so many images, those that float32 alone and this precision alone labeled right."""
    both = images - lost - won - wrong
    return PrecisionRecord(
        images=images,
        right=both + won,
        same_label=images - (lost + won if changed is None else changed),
        against_float32=PairedCounts(
            both_right=both, only_float32_right=lost, only_this_right=won, neither_right=wrong
        ),
    )


def without_truth(images: int, changed: int) -> PrecisionRecord:
    return PrecisionRecord(images=images, right=None, same_label=images - changed, source="photos")


# ------------------------------------------------------------------------------------------------------------ the bound


def test_the_bound_is_that_of_the_published_example() -> None:
    # Fagerland, Lydersen, Laake (Statistics in Medicine 33, 2014): 1 and 7 discordant pairs of 21, -0.517 to -0.026.
    assert loss_bound(1, 7, 21, squared_quantile=TWO_SIDED_95) == Fraction(-260, 10_000)
    assert loss_bound(7, 1, 21, squared_quantile=TWO_SIDED_95) == Fraction(5173, 10_000)


@pytest.mark.parametrize("images", [1, 10, 50, 538, 539, 12_000])
def test_without_discordant_images_the_bound_is_that_of_a_share_of_none(images: int) -> None:
    exact = ONE_SIDED_95 / (images + ONE_SIDED_95)  # Wilson's upper limit for 0 of n
    assert 0 <= loss_bound(0, 0, images) - exact < Fraction(1, 10_000)


@pytest.mark.parametrize(
    ("lost", "won", "images"), [(0, 5, 200), (3, 0, 60), (20, 20, 1000), (40, 12, 700), (150, 86, 1600)]
)
def test_the_bound_is_where_the_score_reaches_the_quantile(lost: int, won: int, images: int) -> None:
    def score(loss: float) -> float:
        linear = (2 * images - lost + won) * loss - lost - won
        root = math.sqrt(linear**2 + 8 * images * won * loss * (1 - loss))
        share = (root - linear) / (4 * images)
        return (lost - won - images * loss) / math.sqrt(images * (2 * share + loss * (1 - loss)))

    bound, quantile = float(loss_bound(lost, won, images)), -math.sqrt(ONE_SIDED_95)
    assert score(bound) <= quantile < score(bound - 0.0001)


def test_the_bound_grows_with_losses_and_falls_with_gains_and_images() -> None:
    by_lost = [loss_bound(lost, 5, 1000) for lost in range(30)]
    by_won = [loss_bound(5, won, 1000) for won in range(30)]
    by_images = [loss_bound(2, 1, images) for images in range(100, 3000, 100)]
    assert by_lost == sorted(by_lost)
    assert by_won == sorted(by_won, reverse=True)
    assert by_images == sorted(by_images, reverse=True)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 0), (0, 1), (4, 6), (10, 0), (0, 10)])
def test_the_bound_lies_between_what_was_counted_and_everything(lost: int, won: int) -> None:
    assert Fraction(lost - won, 10) <= loss_bound(lost, won, 10) <= 1


# ---------------------------------------------------------------------------------------------------------- the verdict


@pytest.mark.parametrize(
    ("record", "allowed"),
    [
        (counted(10_000, lost=20), True),  # exactly 0.2 points
        (counted(10_000, lost=21, changed=21), True),  # more, but at most 0.5 with confidence
        (counted(1_000, lost=2), True),
        (counted(1_000, lost=3), False),
        (counted(1_000, wrong=100, changed=10), True),  # exactly 99%
        (counted(1_000, lost=2, changed=11, wrong=100), False),
        (counted(500), True),  # the first condition alone
        (counted(538, changed=6, wrong=100), False),
        (counted(539, changed=6, wrong=100), True),  # 98.9%, and nothing lost on enough images
        (counted(1_000, lost=20, won=29), True),  # 95.1% kept, and better
        (counted(1_000, lost=20, won=20), False),
        (counted(10_000, lost=300, won=291), True),
        (counted(10_000, lost=300, won=290), False),
    ],
)
def test_a_precision_passes_by_kept_labels_or_by_confidence(record: PrecisionRecord, allowed: bool) -> None:
    assert judge("int8", {"int8": record}).allowed is allowed


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (counted(12_000, lost=11, won=9), "it kept 99.8% of the labels on 12,000 validation images"),
        (counted(1_000), "it kept 100.0% of the labels on 1,000 validation images"),
        (counted(100_000, lost=1), "it kept 99.9% of the labels on 100,000 validation images"),
        (
            counted(10_000, lost=100, won=100),
            "it kept only 98.0% of the labels on 10,000 validation images and cost at most 0.24 points of accuracy "
            "(95% confidence)",
        ),
        (
            counted(1_000, lost=1, won=40),
            "it kept only 95.9% of the labels on 1,000 validation images and gained at least 2.97 points of accuracy "
            "(95% confidence)",
        ),
        (
            counted(1_000, lost=25, won=20),
            "int8 kept only 95.5% of the labels on 1,000 validation images and may have cost 1.65 points of accuracy "
            "(95% confidence)",
        ),
        (
            counted(1_000, lost=4),
            "int8 kept 99.6% of the labels on 1,000 validation images and may have cost 0.89 points of accuracy "
            "(95% confidence)",
        ),
    ],
)
def test_the_verdict_says_what_was_counted(record: PrecisionRecord, sentence: str) -> None:
    assert judge("int8", {"int8": record}).sentence == sentence


def test_a_share_is_rounded_down_so_that_all_means_all() -> None:
    assert "kept only 98.9% of" in judge("int8", {"int8": counted(100_000, lost=500, won=501)}).sentence


def test_photos_without_labels_count_each_change_as_a_loss() -> None:
    kept = judge("int8", {"int8": without_truth(1_000, 2)})
    assert kept.allowed
    assert kept.sentence == "it kept 99.8% of the labels on 1,000 photos without labels"
    changed = judge("int8", {"int8": without_truth(1_000, 28)})
    assert not changed.allowed
    assert changed.sentence == (
        "int8 kept only 97.2% of the labels on 1,000 photos without labels, and each change may be a loss"
    )
    assert judge("int8", {"int8": without_truth(100_000, 400)}).allowed
    assert not judge("int8", {"int8": without_truth(100_000, 500)}).allowed


def test_labeled_photos_are_not_called_validation_images() -> None:
    record = counted(1_000).model_copy(update={"source": "photos"})
    assert judge("int8", {"int8": record}).sentence == "it kept 100.0% of the labels on 1,000 photos"


def test_what_was_not_measured_does_not_pass() -> None:
    verdict = judge("int8", {"float32": counted(1_000)})
    assert not verdict.allowed
    assert verdict.sentence == "the bundle does not say whether int8 keeps its labels"


def test_counts_of_format_1_are_judged_by_the_first_condition_alone() -> None:
    float32 = PrecisionRecord(images=10_000, right=9_000, same_label=10_000)
    record = PrecisionRecord(images=10_000, right=9_400, same_label=9_899)
    verdict = judge("bfloat16", {"float32": float32, "bfloat16": record})
    assert not verdict.allowed
    assert verdict.loss_bound is None
    assert not judge("bfloat16", {"bfloat16": record}).allowed


@pytest.mark.parametrize(("images", "open_points"), [(7, "27.9"), (100, "2.6"), (133, None)])
def test_few_images_are_said_to_prove_little(images: int, open_points: str | None) -> None:
    both = PairedCounts(both_right=images, only_float32_right=0, only_this_right=0, neither_right=0)
    record = PrecisionRecord(images=images, right=images, same_label=images, against_float32=both)
    verdict = judge("int8", {"int8": record})
    few = f", so few that up to {open_points} points of accuracy may be lost all the same (95% confidence)"
    assert verdict.allowed
    assert verdict.sentence == f"it kept 100.0% of the labels on {images} validation images{few if open_points else ''}"
