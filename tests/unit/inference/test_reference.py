"""What computes wrongly is found before it has given a single result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.bundle.reference import choose_reference, synthetic_images
from fashionbatch.bundle.write import update_bundle
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.inference.reference import places
from fashionbatch.inference.session import Session, open_session
from fashionbatch.registry import Provider, Registry
from fashionbatch.specs import Decoding, Precision, RuntimeRequest, RuntimeSpec
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_probabilities

Rows = NDArray[np.float32]
Change = Callable[[Rows], Rows]

CLASSES: dict[Decoding, list[str]] = {
    "one_of_many": ["red", "green", "blue"],
    "yes_or_no": ["red", "blue"],
    "several_of_many": ["red", "green", "blue"],
}


class Faulty:
    """The tiny bundle's network, by NumPy, with a fault in it. Gives one batch for each call of `collect`."""

    slots = 4
    version = "faulty 1"

    def __init__(self, request: RuntimeRequest, decoding: Decoding, fault: Change) -> None:
        self._outputs, self._decoding, self._fault = request.outputs, decoding, fault
        self._waiting: list[tuple[int, NDArray[np.uint8]]] = []
        self.closed = False

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        self._waiting.append((key, batch))

    def collect(self, *, wait: bool) -> list[tuple[int, Rows]]:
        if not self._waiting:
            return []
        key, batch = self._waiting.pop()
        return [(key, self._fault(tiny_probabilities(batch, len(CLASSES[self._decoding]), self._decoding)))]

    def close(self) -> None:
        self.closed = True


Open = Callable[..., Session]


@pytest.fixture
def open_faulty(tmp_path: Path) -> Open:
    """Open a session on a runtime with a fault: `open_faulty(fault, batch_size=32)`."""

    def opened(
        fault: Change,
        *,
        decoding: Decoding = "one_of_many",
        precisions: tuple[Precision, ...] = ("float32",),
        **more: Any,
    ) -> Session:
        path = tmp_path / decoding
        bundle = open_bundle(
            path if path.exists() else make_tiny_bundle(path, decoding=decoding, class_names=CLASSES[decoding])
        )
        registry = Registry()
        spec = RuntimeSpec(
            name="faulty",
            summary="For tests.",
            precisions=lambda device: precisions,
            open=lambda request: Faulty(request, decoding, fault),
        )
        registry.add(spec, Provider("tests", "1"))
        return open_session(bundle, registry=registry, runtime="faulty", **more)

    return opened


def swapped(rows: Rows) -> Rows:
    rows = rows.copy()
    rows[[0, 1]] = rows[[1, 0]]
    return rows


def last_two_swapped(rows: Rows) -> Rows:
    rows = rows.copy()
    rows[[-1, -2]] = rows[[-2, -1]]
    return rows


def not_a_number(rows: Rows) -> Rows:
    rows = rows.copy()
    rows[-1, 0] = np.nan
    return rows


FAULTS: dict[str, Change] = {
    "swapped": swapped,
    "last two swapped": last_two_swapped,
    "reversed": lambda rows: rows[::-1],
    "one place on": lambda rows: np.roll(rows, 1, axis=0),
    "halves exchanged": lambda rows: np.roll(rows, len(rows) // 2, axis=0),
    "constant": lambda rows: np.full_like(rows, 0.4),
    "always the first image": lambda rows: np.repeat(rows[:1], len(rows), axis=0),
    "three digits": lambda rows: np.round(rows, 2),
    "not a number": not_a_number,
}


@pytest.mark.parametrize("decoding", sorted(CLASSES))
@pytest.mark.parametrize("batch_size", [2, 3, 8, 20, 32])
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_is_found_in_batches_of_every_size(
    open_faulty: Open, fault: str, batch_size: int, decoding: Decoding
) -> None:
    with (
        open_faulty(FAULTS[fault], decoding=decoding, batch_size=batch_size) as session,
        pytest.raises(RuntimeUnavailableError, match="runtime 'faulty' in float32 does not compute") as caught,
    ):
        session.predict(synthetic_images((8, 8, 3), 1))
    assert "for reference image" in caught.value.message
    assert "--runtime" in (caught.value.hint or "")


@pytest.mark.parametrize("batch_size", [1, 3, 8, 32])
def test_what_computes_rightly_gives_every_row(open_faulty: Open, batch_size: int) -> None:
    images = synthetic_images((8, 8, 3), 30)
    with open_faulty(lambda rows: rows + np.float32(1e-6), batch_size=batch_size) as session:
        found = session.predict(images)
        agreement = session.verify()
    np.testing.assert_array_equal(found, tiny_probabilities(images, 3, "one_of_many") + np.float32(1e-6))
    assert agreement is not None
    assert (agreement.images, agreement.recorded) == (8, "float32")
    assert 5e-7 < agreement.difference < 2e-6


def test_no_row_comes_out_before_the_reference(open_faulty: Open) -> None:
    session = open_faulty(lambda rows: rows, batch_size=2)
    batch = synthetic_images((8, 8, 3), 2)
    session.runtime.submit(0, batch)
    # The runtime gives the newest batch first, and the reference fills four.
    for _ in range(4):
        assert session.runtime.collect(wait=False) == []
    [(key, rows)] = session.runtime.collect(wait=False)
    assert key == 0
    np.testing.assert_array_equal(rows, tiny_probabilities(batch, 3, "one_of_many"))
    assert session.runtime.collect(wait=True) == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda rows: rows[:1], r"an array \(1, 3\) for 8 images of 3 outputs"),
        (lambda rows: rows[:, :2], r"an array \(8, 2\) for 8 images"),
        (lambda rows: rows[0], r"an array \(3,\)"),
    ],
)
def test_an_answer_of_another_shape_says_so(open_faulty: Open, fault: Change, says: str) -> None:
    with open_faulty(fault) as session, pytest.raises(RuntimeUnavailableError, match=says):
        session.verify()


def test_a_runtime_that_loses_batches_is_told(open_faulty: Open) -> None:
    session = open_faulty(lambda rows: rows)
    session.runtime._runtime._waiting.clear()  # type: ignore[attr-defined]  # the fault
    with pytest.raises(RuntimeUnavailableError, match="0 of the 1 batches"):
        session.verify()


# --------------------------------------------------------------------------------------------------- other precisions


def test_bfloat16_is_compared_by_label_where_only_float32_is_recorded(open_faulty: Open) -> None:
    def rounded(rows: Rows) -> Rows:
        return np.asarray(rows * np.float32(0.98) + np.float32(0.01), np.float32)

    common: dict[str, Any] = {"precisions": ("bfloat16",), "precision": "bfloat16"}
    agreement = open_faulty(rounded, **common).verify()
    assert agreement is not None
    assert agreement.recorded == "float32"
    for fault in ("swapped", "reversed", "constant", "not a number"):
        with pytest.raises(RuntimeUnavailableError, match="in bfloat16 does not compute"):
            open_faulty(FAULTS[fault], **common).verify()
    with pytest.raises(RuntimeUnavailableError):
        open_faulty(rounded).verify()


def test_bfloat16_is_compared_with_what_bfloat16_gave_where_that_is_recorded(open_faulty: Open, tmp_path: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "one_of_many"))
    patterns = synthetic_images((8, 8, 3))
    answers = tiny_probabilities(patterns, 3, "one_of_many")
    # As if bfloat16 gave other labels than float32 on the machine that made the bundle.
    recorded: dict[Precision, Rows] = {"float32": answers, "bfloat16": answers[:, ::-1]}
    update_bundle(bundle, reference=choose_reference(patterns, recorded, "synthetic"))
    common: dict[str, Any] = {"precisions": ("bfloat16",), "precision": "bfloat16"}
    agreement = open_faulty(lambda rows: rows[:, ::-1] * np.float32(0.9), **common).verify()
    assert agreement is not None
    assert agreement.recorded == "bfloat16"
    with pytest.raises(RuntimeUnavailableError):
        open_faulty(lambda rows: rows, **common).verify()


# ------------------------------------------------------------------------------------------------------------ openvino


@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_openvino_gives_what_numpy_gave(tmp_path: Path, batch_size: int) -> None:
    from fashionbatch.plugins import load_plugins

    registry = load_plugins(hooks={"register_runtimes"}).registry
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    with open_session(bundle, registry=registry, batch_size=batch_size, precision="float32") as session:
        agreement = session.verify()
    assert agreement is not None
    assert agreement.difference < 1e-5


def damage(bundle: Path) -> Bundle:
    """Exchange the network's numbers under a right digest."""
    weights = np.frombuffer((bundle / "model.bin").read_bytes(), np.uint8).copy()
    weights[16:40] = weights[40:64]
    (bundle / "model.bin").write_bytes(weights.tobytes())
    file = bundle / "bundle.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["files"]["model.bin"]["sha256"] = hashlib.sha256(weights.tobytes()).hexdigest()
    file.write_text(json.dumps(document), encoding="utf-8")
    return open_bundle(bundle)


def test_exchanged_weights_under_a_right_digest_are_found(tmp_path: Path) -> None:
    from fashionbatch.plugins import load_plugins

    bundle = damage(make_tiny_bundle(tmp_path / "b"))
    with (
        open_session(bundle, registry=load_plugins(hooks={"register_runtimes"}).registry) as session,
        pytest.raises(RuntimeUnavailableError, match="does not compute what bundle tiny gave") as caught,
    ):
        session.verify()
    assert "the bundle's network is another one" in (caught.value.hint or "")


# ---------------------------------------------------------------------------------------------------------- the rest


def test_a_bundle_without_reference_is_not_checked(tmp_path: Path, registry: Registry) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", reference=False))
    assert open_session(bundle, registry=registry, runtime="fake").verify() is None


def test_a_reference_that_cannot_be_read_is_told_before_the_network_is_loaded(
    tmp_path: Path, registry: Registry
) -> None:
    path = make_tiny_bundle(tmp_path / "b")
    bundle = open_bundle(path)
    (path / "reference.npz").write_bytes(b"")
    with pytest.raises(BundleError, match=r"reference\.npz"):
        open_session(bundle, registry=registry, runtime="fake")


@pytest.mark.parametrize(("images", "batch_size"), [(8, 8), (8, 1), (8, 3), (8, 32), (5, 32), (1, 4), (8, 100)])
def test_every_image_stands_somewhere_and_every_batch_is_full(images: int, batch_size: int) -> None:
    rows = places(images, batch_size)
    assert rows.shape == (-(-max(images, batch_size) // batch_size), batch_size)
    assert set(rows.reshape(-1)) == set(range(images))
