"""The promises of a runtime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.features import find_features
from fashionbatch.bundle.open import open_bundle
from fashionbatch.specs import FeatureTensor, Precision, RuntimeRequest, RuntimeSpec
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_keras_model, tiny_probabilities

if TYPE_CHECKING:
    from fashionbatch.testing.checks import Subject


def check_features_leave_probabilities_as_they_are(subject: Subject) -> None:
    """A runtime that says `gives_features` puts them after the probabilities, which stay the same bits."""
    spec = cast(RuntimeSpec, subject.spec)
    if not spec.gives_features:
        return
    photos = np.random.default_rng(8).integers(0, 256, (1, 2, 6, 5, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_tiny_bundle(Path(folder) / "bundle", size=(6, 5))
        features = find_features(open_bundle(bundle))
        for precision in spec.precisions("cpu"):
            [plain] = _computed(spec, bundle, photos, precision, None)
            [beside] = _computed(spec, bundle, photos, precision, features)
            assert beside.shape == (2, 3 + features.size), "a row is its probabilities and then its features"
            assert beside.dtype == np.float32
            np.testing.assert_array_equal(beside[:, :3], plain, "features must not change probabilities")
            mean = photos[0].mean(axis=(1, 2), dtype=np.float64)
            np.testing.assert_allclose(beside[:, 3:], mean, rtol=1e-4 if precision == "float32" else 1e-2)


def check_batches_come_back_by_their_keys(subject: Subject) -> None:
    """Whatever the order, each key carries the probabilities of its own batch."""
    spec = cast(RuntimeSpec, subject.spec)
    if "float32" not in spec.precisions("cpu"):
        return
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_tiny_bundle(Path(folder) / "bundle", size=(6, 5))
        photos = np.random.default_rng(7).integers(0, 256, (7, 2, 6, 5, 3), dtype=np.uint8)
        done = _computed(spec, bundle, photos, "float32", None)
        for key, batch in enumerate(photos):
            np.testing.assert_allclose(done[key], tiny_probabilities(batch, 3, "one_of_many"), atol=1e-3)


def _computed(
    spec: RuntimeSpec,
    bundle: Path,
    photos: NDArray[np.uint8],
    precision: Precision,
    features: FeatureTensor | None,
) -> list[NDArray[np.float32]]:
    """What a runtime says of batches of 2 images 6x5x3, in their order."""
    runtime = spec.open(
        RuntimeRequest(
            graph=bundle / "model.xml",
            batch_size=2,
            input_shape=(6, 5, 3),
            outputs=3,
            precision=precision,
            device="cpu",
            streams=2,
            keras_model=lambda: tiny_keras_model(3, "one_of_many", (6, 5, 3)),
            features=features,
        )
    )
    try:
        assert runtime.slots >= 1
        assert runtime.version
        done: dict[int, NDArray[np.float32]] = {}
        for key, batch in enumerate(photos):
            runtime.submit(key, batch)
            done.update(runtime.collect(wait=False))
        while len(done) < len(photos):
            finished = runtime.collect(wait=True)
            assert finished, "collect(wait=True) returned nothing although batches are due"
            done.update(finished)
        assert runtime.collect(wait=True) == [], "collect(wait=True) must return when nothing is due"
    finally:
        runtime.close()
    return [done[key] for key in range(len(photos))]
