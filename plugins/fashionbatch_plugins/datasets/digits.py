"""scikit-learn's handwritten digits, which need no file and no network."""

from __future__ import annotations

import numpy as np

from fashionbatch.specs import DatasetContext, Parameters, Samples


def load_digits(parameters: Parameters, context: DatasetContext) -> Samples:  # noqa: ARG001 - the signature of `load`
    """1,797 grey pictures of 8x8; scikit-learn's values 0..16 become 0..255."""
    from sklearn.datasets import load_digits as load

    digits = load()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    names = tuple(str(number) for number in range(10))
    return Samples(images=images, labels=[(names[number],) for number in digits.target], class_names=names)
