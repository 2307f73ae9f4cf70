"""A plain verdict on a training: does the network learn its images by heart?

Two things tell. One is the gap: how much more often the network is right about its training images than about others.
The other is validation loss that rises while training loss falls. Losses jitter from epoch to epoch, so two shapes
are fitted to the validation losses by isotonic regression: one that only falls, and one that falls and then rises to
the end. The turn counts where the second fits so much better that jitter does not explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_SMALLEST_RISE = 0.01  # of the lowest validation loss: less is nothing that a reader would call a rise
_LEAST_JITTER = 0.005  # of the lowest validation loss: a few epochs without jitter prove nothing
_EVIDENCE = 20.0  # of 100 curves that only jitter, about 5 come over it (simulated: 12 to 100 epochs, 3 noise levels)
_MOST_POINTS = 300  # longer trainings are averaged down to at most so many, which keeps the fit quick
_LAST = 3  # epochs at the end, whose median training loss is "now"
_SMALL_GAP = 0.02  # nothing that a reader would act on
_NO_SIGN, _LOSS = "no sign of overfitting", "validation loss"
_CHANCE = 1.96  # standard errors that a gap stays within 19 times of 20, where there is none


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How often the network is right about the images that it was trained with, and about others.

    Attributes:
        training: share of right training images, 0..1.
        other: share of right images of the other split.
        training_images: how many there were.
        other_images: the same of the other split.
        split: what the other split is called.
        figure: what the shares are called.
        sampled_from: how many training images the judged ones are a sample of; None where they are all.
    """

    training: float
    other: float
    training_images: int
    other_images: int
    split: str = "validation"
    figure: str = "accuracy"
    sampled_from: int | None = None

    @property
    def width(self) -> float:
        """By how much the training images do better; below 0 where the others do."""
        return self.training - self.other

    @property
    def is_small(self) -> bool:
        """Whether it is less than anyone would act on."""
        return self.width < _SMALL_GAP

    @property
    def may_be_chance(self) -> bool:
        """Whether so few images would show such a gap now and then where there is none."""
        pairs = ((self.training, self.training_images), (self.other, self.other_images))
        variance = sum(share * (1 - share) / max(1, images) for share, images in pairs)
        return self.width <= _CHANCE * float(np.sqrt(variance))

    @property
    def text(self) -> str:
        """The gap and what it means, as a clause."""
        sample = "" if self.sampled_from is None else f"a sample of {self.training_images:,} of "
        shares = (
            f"{self.figure} is {self.training:.4f} on {sample}the training images and {self.other:.4f} on {self.split}"
        )
        if self.width <= 0:
            return f"{shares}, so what was learnt holds for images that the network has not seen"
        gap = f"{shares}, a gap of {100 * self.width:.1f} points"
        if self.is_small:
            return f"{gap}, so what was learnt holds for images that the network has not seen"
        if self.may_be_chance:
            return f"{gap}, which {self.other_images:,} images may show by chance: hold back more of them to know"
        return (
            f"{gap}: the network knows its training images better than others, so expect the lower figure of new ones; "
            "more images, augmentation, dropout or weight decay narrow the gap"
        )


@dataclass(frozen=True)
class Verdict:
    """What the losses say.

    Attributes:
        kind: `none`, `overfitting` (validation loss rises while training loss falls), `gap` (it does not rise, but the
            network is clearly better at its training images), `unstable` (validation loss rises, but training loss does
            not fall), `diverged` (a loss is not a number), or `unknown` (no validation, too few epochs, or a gap that
            so few images may show by chance).
        since_epoch: the epoch from which on validation loss is over its lowest; None for `none`, `gap` and `unknown`.
        text: one sentence for the user.
        gap: by how much the share of right images is higher in training, -1..1; None where it is not known.
    """

    kind: Literal["none", "overfitting", "gap", "unstable", "diverged", "unknown"]
    since_epoch: int | None
    text: str
    gap: float | None = None


def judge_overfitting(
    training_loss: Sequence[float], validation_loss: Sequence[float], *, first_epoch: int = 1, gap: Gap | None = None
) -> Verdict:
    """Judge one stretch of training. Phases with different layers or rates are judged each by itself.

    Args:
        training_loss: of each epoch.
        validation_loss: of the same epochs; empty where nothing was held back.
        first_epoch: the number of the first of them.
        gap: of the network that came of it, or of its last epoch.

    Returns:
        The verdict. What it says of the curves is not said of the weights: where those of the best epoch were restored,
        what came after it does not count for them. What it says of the gap is.

    Example:
        >>> judge_overfitting([0.6, 0.4, 0.3, 0.2, 0.1], [0.5, 0.4, 0.45, 0.5, 0.6]).since_epoch
        3
    """
    verdict = _judge_curves(training_loss, validation_loss, first_epoch)
    return verdict if gap is None else _with_gap(verdict, gap)


def _with_gap(verdict: Verdict, gap: Gap) -> Verdict:
    kind, text = verdict.kind, verdict.text
    if kind == "none" and not gap.is_small:
        text = f"validation loss does not rise: it{text.removeprefix(f'{_NO_SIGN}: {_LOSS}')}"
    if kind in {"none", "unknown"} and not gap.is_small:
        # The gap first: it is what the reader has to know.
        kind = "unknown" if gap.may_be_chance else "gap"
        return replace(verdict, kind=kind, text=f"{gap.text}; {text}", gap=gap.width)
    return replace(verdict, text=f"{text}; {gap.text}", gap=gap.width)


def _judge_curves(training_loss: Sequence[float], validation_loss: Sequence[float], first_epoch: int) -> Verdict:
    training, validation = np.asarray(training_loss, float), np.asarray(validation_loss, float)
    if not len(validation):
        return Verdict("unknown", None, "overfitting cannot be judged: there is no validation split")
    if len(training) != len(validation):
        raise ValueError(f"{len(training)} training losses, but {len(validation)} validation losses")
    broken = np.flatnonzero(~np.isfinite(training) | ~np.isfinite(validation))
    if len(broken):
        epoch = first_epoch + int(broken[0])
        return Verdict("diverged", epoch, f"training diverged: the loss is not a number since epoch {epoch}")
    if len(validation) < 3:
        epochs = "1 epoch is" if len(validation) == 1 else f"{len(validation)} epochs are"
        return Verdict("unknown", None, f"overfitting cannot be judged: {epochs} too few")
    return _judge(training, validation, first_epoch)


def _judge(training: NDArray[np.float64], validation: NDArray[np.float64], first_epoch: int) -> Verdict:
    lowest = int(validation.argmin())
    best = (
        f"{_LOSS} was lowest ({validation[lowest]:.4f}) in epoch {first_epoch + lowest} "
        f"of {first_epoch + len(validation) - 1}"
    )
    width = -(-len(validation) // _MOST_POINTS)
    turn = _turn(_binned(validation, width))
    if turn is None:
        ending = "" if lowest == len(validation) - 1 else " and has not clearly risen since"
        return Verdict("none", None, f"{_NO_SIGN}: {best}{ending}")
    turn *= width
    since = first_epoch + turn
    before, now = float(training[turn - 1]), float(np.median(training[turn:][-_LAST:]))
    ends = f"{best} and {validation[-1]:.4f} at the end; training loss went from {before:.4f} to {training[-1]:.4f}"
    if now < before:
        return Verdict(
            "overfitting", since, f"validation loss rises since epoch {since} while training loss falls: {ends}"
        )
    return Verdict(
        "unstable",
        since,
        f"validation loss rises since epoch {since}, but training loss does not fall either, so this is no "
        f"overfitting; a smaller learning rate may help: {ends}",
    )


def _turn(losses: NDArray[np.float64]) -> int | None:
    """The first index of a rise that lasts to the end, None where there is no clear one."""
    from sklearn.isotonic import isotonic_regression

    def misfit(fit: NDArray[np.float64]) -> float:
        return float(np.square(losses - fit).sum())

    falling = misfit(isotonic_regression(losses, increasing=False))
    shapes = [
        np.concatenate([isotonic_regression(losses[:turn], increasing=False), isotonic_regression(losses[turn:])])
        for turn in range(1, len(losses))
    ]
    fit = min(shapes, key=misfit)
    # The flat bottom of the fit belongs to the best epochs; the rise begins after it.
    turn = int(np.flatnonzero(fit == fit.min())[-1]) + 1
    steps = len(np.unique(fit))
    jitter = misfit(fit) / max(1, len(losses) - steps) + (_LEAST_JITTER * fit.min()) ** 2
    lasting = len(losses) - turn >= 2 and fit[-1] - fit.min() > _SMALLEST_RISE * abs(fit.min())
    return turn if lasting and falling - misfit(fit) > _EVIDENCE * jitter else None


def _binned(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    starts = np.arange(0, len(values), width)
    means: NDArray[np.float64] = np.add.reduceat(values, starts) / np.diff([*starts, len(values)])
    return means
