"""The ways to quantize a network, by their cost.

All of them are post-training quantization: weights get a scale for each output channel, activations one for each
tensor, taken from how large they become on calibration images. They differ in what is done about the labels that this
changes.

In every way weights use 7 of the 8 bits (NNCF's `overflow_fix`): without VNNI or AMX a CPU adds products of 8-bit
numbers in 16 bits, where two large ones saturate. So a graph gives the same labels on every CPU, and what was measured
on one holds on the next. It costs nothing that could be measured, see docs/bundles.md.
"""

from __future__ import annotations

from dataclasses import dataclass

CALIBRATION_IMAGES = 300
"""How many images calibrate. MobileNetV2 kept as many labels with 1,000 as with 300, and with 100 nearly as many."""
MANY_IMAGES = 1000


@dataclass(frozen=True)
class Way:
    """One way to quantize.

    Attributes:
        name: what a bundle records.
        summary: the same in words, for users.
        images: calibration images, where so many are there.
        full_bias_correction: correct the mean that rounding shifts layer by layer, each after those before it were
            corrected, and not all at once.
        float_ends: leave the first and the last layer in float32: their errors reach every label.
        smooth: move the range of activations into the weights of the matrix that follows (SmoothQuant, Xiao et al.,
            2023). Only for networks of matrices, such as transformers and dense networks.
        restore: put layers back to float32, those first that cost most labels, until 99% of the calibration images keep
            theirs.
    """

    name: str
    summary: str
    images: int = CALIBRATION_IMAGES
    full_bias_correction: bool = False
    float_ends: bool = False
    smooth: bool = False
    restore: bool = False


WAYS = (
    Way("fast", "fast bias correction"),
    Way("full", "full bias correction", full_bias_correction=True),
    Way("more", "full bias correction on more images", images=MANY_IMAGES, full_bias_correction=True),
    Way("ends", "full bias correction, first and last layer in float32", full_bias_correction=True, float_ends=True),
    Way("smooth", "activations smoothed into weights, full bias correction", full_bias_correction=True, smooth=True),
    Way("restore", "layers put back to float32 until labels are kept", full_bias_correction=True, restore=True),
)
"""In this order they are tried until one passes the gate."""
