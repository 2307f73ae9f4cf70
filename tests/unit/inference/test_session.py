"""A session: many images in, their probabilities out, whatever the runtime does in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.data.prepared import TakenImages
from fashionbatch.errors import BundleError, RuntimeUnavailableError, UnknownNameError
from fashionbatch.inference.session import Session, open_session, usable_cores
from fashionbatch.registry import Registry
from fashionbatch.specs import Precision
from fashionbatch.testing.bundles import make_tiny_bundle

SIZE = (4, 5)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(make_tiny_bundle(tmp_path / "b", size=SIZE, reference=False))


@pytest.fixture
def session(bundle: Bundle, registry: Registry) -> Session:
    return open_session(bundle, registry=registry, runtime="fake", batch_size=4, streams=2)


def images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def expected(given: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(given.mean(axis=(1, 2)) / 255, np.float32)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 30])
def test_every_image_has_its_row_in_order(session: Session, count: int) -> None:
    given = images(count)
    found = session.predict(given)
    assert found.dtype == np.float32
    assert found.shape == (count, 3)
    np.testing.assert_array_equal(found, expected(given))


def test_arrays_of_any_length_may_come_one_after_the_other(session: Session) -> None:
    given = images(20)
    parts = [given[:1], given[1:1], given[1:10], given[10:]]
    np.testing.assert_array_equal(session.predict(iter(parts)), expected(given))


def test_images_in_a_file_are_not_read_as_a_whole(session: Session, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images(30))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(session.predict(mapped), expected(images(30)))
    first = next(session._batches([mapped]))[0]
    assert np.shares_memory(first, mapped)


def test_an_iterable_is_asked_for_no_more_than_the_slots_hold(session: Session) -> None:
    seen: list[int] = []

    def arrays() -> Iterator[NDArray[np.uint8]]:
        for number in range(20):
            seen.append(len(cast(Any, session.runtime).waiting))
            yield images(number + 1)[:4]

    session.predict(arrays())
    assert max(seen) <= session.runtime.slots


def test_progress_counts_images_not_batches(session: Session) -> None:
    calls: list[int] = []
    session.predict(images(11), progress=calls.append)
    assert calls == sorted(calls)
    assert calls[-1] == 11


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((2, 5, 4, 3), np.uint8),
        np.zeros((2, 4, 5, 1), np.uint8),
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((2, 4, 5, 3), np.float32),
    ],
)
def test_other_shapes_and_types_are_mistakes_of_the_caller(session: Session, given: Any) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 images \(n, 4, 5, 3\)"):
        session.predict(given)


def test_a_call_that_failed_leaves_nothing_to_the_next(session: Session) -> None:
    def broken() -> Iterator[NDArray[np.uint8]]:
        yield images(8)
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        session.predict(broken())
    np.testing.assert_array_equal(session.predict(images(5)), expected(images(5)))
    cast(Any, session.runtime).fail_on = 1
    with pytest.raises(MemoryError):
        session.predict(images(30))
    cast(Any, session.runtime).fail_on = None
    np.testing.assert_array_equal(session.predict(images(5)), expected(images(5)))


def test_leaving_it_closes_the_runtime(session: Session) -> None:
    with session as entered:
        assert entered is session
    assert cast(Any, session.runtime).closed


# ------------------------------------------------------------------------------------------------------------ opening


def test_what_was_chosen_is_told(bundle: Bundle, registry: Registry) -> None:
    session = open_session(bundle, registry=registry, runtime="fake")
    assert (session.runtime_name, session.device, session.batch_size) == ("fake", "cpu", 8)
    assert session.streams == usable_cores() >= 1
    assert session.precision == "float32"
    assert "does not say" in session.precision_reason
    request = cast(Any, session.runtime).request
    assert (request.batch_size, request.input_shape, request.outputs) == (8, (*SIZE, 3), 3)
    assert request.graph == bundle.path / "model.xml"


def test_auto_uses_the_bundles_measurements(tmp_path: Path, registry: Registry) -> None:
    record = PrecisionRecord(images=100, right=90, same_label=100)
    measured: dict[Precision, PrecisionRecord] = {"float32": record, "bfloat16": record}
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", precision_parity=measured, reference=False))
    assert open_session(bundle, registry=registry, runtime="fake").precision == "bfloat16"
    assert open_session(bundle, registry=registry, runtime="fake", precision="float32").precision == "float32"
    assert open_session(bundle, registry=registry, runtime="slow").precision == "float32"


def test_what_the_machine_does_not_have_is_an_error(bundle: Bundle, registry: Registry) -> None:
    with pytest.raises(RuntimeUnavailableError, match="finds no gpu"):
        open_session(bundle, registry=registry, runtime="fake", device="gpu")
    with pytest.raises(UnknownNameError, match="did you mean 'fake'"):
        open_session(bundle, registry=registry, runtime="fakee")


def test_a_bundle_decoded_by_other_rules_is_refused(bundle: Bundle, registry: Registry) -> None:
    other = bundle.manifest.model_copy(update={"decoding_policy": {"version": 99}})
    with pytest.raises(BundleError, match="rules of version 99"):
        open_session(Bundle(bundle.path, other, bundle.digest), registry=registry, runtime="fake")


def test_a_graph_that_contradicts_the_manifest_is_refused(bundle: Bundle, registry: Registry, tmp_path: Path) -> None:
    other = open_bundle(make_tiny_bundle(tmp_path / "other", size=(9, 9)))
    with pytest.raises(BundleError, match=r"where bundle\.json says"):
        open_session(Bundle(bundle.path, other.manifest, ""), registry=registry, runtime="fake")


def test_an_imported_bundle_has_no_keras_model(session: Session) -> None:
    with pytest.raises(BundleError, match="the graph alone"):
        cast(Any, session.runtime).request.keras_model()


def labeling(bundle: Bundle) -> str:
    """A program that labels three images with a bundle."""
    return (
        "import numpy\n"
        "from fashionbatch.bundle.open import open_bundle\n"
        "from fashionbatch.inference.session import open_session\n"
        "from fashionbatch.plugins import load_plugins\n"
        "registry = load_plugins({'register_runtimes'}).registry\n"
        f"with open_session(open_bundle({str(bundle.path)!r}), registry=registry) as session:\n"
        "    session.predict(numpy.zeros((3, 4, 5, 3), numpy.uint8))\n"
    )


def test_labeling_on_openvino_imports_neither_tensorflow_nor_pandas_nor_a_converter_and_reports_to_nobody(
    run_python: Callable[[str], str], bundle: Bundle
) -> None:
    printed = run_python(
        f"import sys\n{labeling(bundle)}"
        "unwanted = ('tensorflow', 'keras', 'pandas', 'matplotlib', 'sklearn', 'openvino.tools.ovc')\n"
        "print([name for name in sys.modules if name in unwanted or name.startswith('openvino_telemetry.')])\n"
    )
    assert printed.strip() == "[]"


def test_a_process_that_has_labeled_can_convert_a_model(run_python: Callable[[str], str], bundle: Bundle) -> None:
    printed = run_python(
        f"{labeling(bundle)}from openvino.tools.ovc import convert_model\nprint(convert_model.__name__)\n"
    )
    assert printed.strip() == "convert_model"


def test_some_images_of_an_array_are_labeled_like_a_copy_of_them(session: Session) -> None:
    rows = np.array([8, 1, 5, 5, 2, 7])
    every = images(9)
    taken = TakenImages(every, rows)
    np.testing.assert_array_equal(
        session.predict(taken),  # type: ignore[arg-type]  # indexed as an array is
        session.predict(every[rows]),
    )
