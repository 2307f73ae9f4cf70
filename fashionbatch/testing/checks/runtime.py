"""The promises of a runtime."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.features import find_features
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import BundleError, FashionBatchError
from fashionbatch.specs import FeatureTensor, Precision, Runtime, RuntimeRequest, RuntimeSpec
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_keras_model
from fashionbatch.testing.deadline import Unchecked, described
from fashionbatch.testing.pixel_network import PixelNetwork
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require
from fashionbatch.testing.surroundings import threads_end

if TYPE_CHECKING:
    import keras

_Array = NDArray[np.float32]
_DEVICE = "cpu"
_TOLERANCES: dict[str, float] = {"float32": 1e-5, "bfloat16": 3e-2, "int8": 1e-1}
_NETWORKS = (
    PixelNetwork((6, 5, 3), 3, "one_of_many"),
    PixelNetwork((7, 4, 1), 5, "several_of_many"),
    PixelNetwork((4, 6, 3), 2, "yes_or_no"),
)
_BATCH_SIZES = (8, 1, 2, 3, 4, 5, 16, 32)
_MANY = 40


def check_precisions_are_known(subject: Subject) -> None:
    """`precisions` says for any device what can be computed there, and does not raise."""
    spec = cast(RuntimeSpec, subject.spec)
    known = get_args(Precision)
    for device in ("cpu", "gpu", "no_such_device"):
        try:
            found: Any = spec.precisions(device)
        except Exception as error:
            raise ContractError(
                f"precisions({device!r}) raised {described(error)}", "return () for a device that cannot be used"
            ) from error
        require(isinstance(found, tuple), f"precisions({device!r}) is {found!r}", "return a tuple")
        unknown = [precision for precision in found if precision not in known]
        require(not unknown, f"precisions({device!r}) names {unknown[:1]}", f"there are {', '.join(map(repr, known))}")
        require(
            device != "no_such_device" or not found,
            f"precisions({device!r}) claims {', '.join(found)} for a device that is not there",
            "return () for a device that cannot be used",
        )


def check_numbers_are_the_networks(subject: Subject) -> None:
    """Each row of each batch has the probabilities of its own image, for any network, batch size and precision."""
    for precision in _claimed(subject):
        for network in _NETWORKS:
            for batch_size in _BATCH_SIZES if network is _NETWORKS[0] else _BATCH_SIZES[:1]:
                batches = _batches(network, batch_size)
                results = _computed(subject, network, batches, precision)
                for batch, rows in zip(batches, results, strict=True):
                    _require_right(rows, network.answers(batch), precision)


def check_batches_come_back_by_their_keys(subject: Subject) -> None:
    """Whatever the order, each key carries the probabilities of its own batch, and carries it once."""
    network = _NETWORKS[0]
    for precision in _claimed(subject):
        batches = _batches(network, 3, count=9)
        keys = [-2, 40, 7, 12, 0, -1, 99, 2, 1_000_000]
        results = _computed(subject, network, batches, precision, keys=keys)
        for batch, rows in zip(batches, results, strict=True):
            _require_right(rows, network.answers(batch), precision)


def check_neighbours_do_not_matter(subject: Subject) -> None:
    """An image has the same probabilities whatever stands beside it, so that tables can be repeated."""
    network = _NETWORKS[0]
    for precision in _claimed(subject):
        [batch] = _batches(network, 8, count=1)
        order = np.array([5, 0, 7, 2, 1, 6, 3, 4])
        filled = np.concatenate([batch[:3], np.zeros_like(batch[3:])])
        plain, turned, short = _computed(subject, network, [batch, batch[order], filled], precision)
        tolerance = 1e-6 if precision == "float32" else 1e-3
        require(
            np.allclose(plain[order], turned, atol=tolerance) and np.allclose(plain[:3], short[:3], atol=tolerance),
            f"{precision}: the probabilities of an image depend on what else is in its batch",
            "compute every row from its own image, and return rows in the order of the batch",
        )


def check_answers_stay_right(subject: Subject) -> None:
    """A long run ends as it began: the last batches are computed like the first, whatever came before."""
    network = _NETWORKS[0]
    for precision in _claimed(subject):
        batches = _batches(network, 2, count=_MANY)
        for batch in batches[1:]:
            batch[0] = batches[0][0]  # What keeps answers by an image or a batch's first one shows.
        results = _computed(subject, network, batches, precision)
        for batch, rows in zip(batches, results, strict=True):
            _require_right(rows, network.answers(batch), precision)


def check_sessions_share_nothing(subject: Subject) -> None:
    """A second session computes its own network, and names the same version, which a job is resumed by."""
    for precision in _claimed(subject):
        versions = []
        for network in (_NETWORKS[0], replace(_NETWORKS[0], seed=22)):
            [batch] = _batches(network, 2, count=1)
            [rows] = _computed(subject, network, [batch], precision)
            _require_right(rows, network.answers(batch), precision)
            with _session(subject, network, batch, precision) as runtime:
                versions.append(runtime.version)
        require(
            versions[0] == versions[1],
            f"{precision}: one session is of version {versions[0]!r} and the next of {versions[1]!r}",
            "name what computes and its version, nothing that changes from start to start: a job that is resumed "
            "insists on the same",
        )


def check_features_leave_probabilities_as_they_are(subject: Subject) -> None:
    """A runtime that says `gives_features` puts them after the probabilities, which stay the same bits."""
    spec = cast(RuntimeSpec, subject.spec)
    require(isinstance(spec.gives_features, bool), f"gives_features is {spec.gives_features!r}", "write True or False")
    if not spec.gives_features:
        return
    photos = np.random.default_rng(8).integers(0, 256, (1, 2, 6, 5, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_tiny_bundle(Path(folder) / "bundle", size=(6, 5))
        features = find_features(open_bundle(bundle))
        for precision in _claimed(subject):
            [plain], [beside] = (
                _run(
                    subject,
                    _request(bundle / "model.xml", photos[0], 3, precision, _tiny_model, features=wanted),
                    photos,
                )
                for wanted in (None, features)
            )
            remedy = "return each image's probabilities and, after them, its features, as one float32 row"
            require(beside.shape == (2, 3 + features.size), f"rows with features are {beside.shape}", remedy)
            require(np.array_equal(beside[:, :3], plain), "features change the probabilities", remedy)
            mean = photos[0].mean(axis=(1, 2), dtype=np.float64)
            require(
                np.allclose(beside[:, 3:], mean, rtol=1e-4 if precision == "float32" else 1e-2),
                "the features are not those of the tensor that was asked for",
                "take output `port` of the operation that request.features names",
            )


def check_failures_are_not_hidden(subject: Subject) -> None:
    """What cannot be computed is an error: a number that nobody computed must never stand in a table."""
    network = _NETWORKS[0]
    remedy = "let the error out of `open`, `submit` or `collect`: return no numbers in its place"

    def no_model() -> keras.Model:
        raise BundleError("the bundle has no Keras model")

    for precision in _claimed(subject):
        with tempfile.TemporaryDirectory() as folder:
            damaged = Path(folder) / "model.xml"
            damaged.write_text("<net", encoding="utf-8")
            [batch] = _batches(network, 2, count=1)
            request = _request(damaged, batch, network.outputs, precision, no_model)
            _require_failure(
                subject, request, batch, "a graph that is damaged and a model that cannot be built", remedy
            )
            graph = Path(folder) / "whole.xml"
            network.save_graph(graph)
            request = _request(graph, batch, network.outputs, precision, network.keras_model)
            wrong = np.zeros((2, 6, 5, 7), np.uint8)
            _require_failure(subject, request, wrong, "a batch of images with 7 channels", remedy)


# ------------------------------------------------------------------------------------------------------- what computes


def _claimed(subject: Subject) -> Sequence[Precision]:
    """The precisions that the runtime claims for the CPU.

    Raises:
        Unchecked: it claims none.
    """
    claimed = cast(RuntimeSpec, subject.spec).precisions(_DEVICE)
    if not claimed:
        raise Unchecked(f"{subject.key} computes nothing on this machine's CPU")
    return claimed


def _batches(network: PixelNetwork, batch_size: int, count: int = 4) -> list[NDArray[np.uint8]]:
    """Noise, with a black and a white image in the first batches, so that NaN and saturation show."""
    noise = np.random.default_rng(batch_size)
    batches = [noise.integers(0, 256, (batch_size, *network.shape), dtype=np.uint8) for _ in range(count)]
    batches[0][-1] = 0
    if count > 1:
        batches[1][0] = 255
    return batches


def _require_right(rows: _Array, right: _Array, precision: str) -> None:
    require(
        rows.shape == right.shape and rows.dtype == np.float32,
        f"{precision}: a batch gives {rows.dtype} {rows.shape}, not float32 {right.shape}",
        "return one float32 row an image, with as many numbers as request.outputs",
    )
    require(np.isfinite(rows).all(), f"{precision}: probabilities are NaN or infinite", "check black and white images")
    difference = np.abs(rows - right)
    if difference.max() <= _TOLERANCES.get(precision, 0.1):
        return
    row = int(difference.max(axis=1).argmax())
    nearest = int(np.abs(right - rows[row]).max(axis=1).argmin())
    if nearest != row and np.abs(right[nearest] - rows[row]).max() <= _TOLERANCES.get(precision, 0.1):
        raise ContractError(
            f"{precision}: row {row} of a batch of {len(rows)} has the probabilities of image {nearest}",
            "return rows in the order of the batch's images",
        )
    raise ContractError(
        f"{precision}: the probabilities of image {row} of {len(rows)} are {_listed(rows[row])} and should be "
        f"{_listed(right[row])}",
        "compute request.graph or request.keras_model() on the batch as it is, uint8 in 0..255, and round nothing",
    )


def _listed(row: _Array) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in row[:4]) + ")"


def _tiny_model() -> keras.Model:
    return tiny_keras_model(3, "one_of_many", (6, 5, 3))


def _request(
    graph: Path,
    batch: NDArray[np.uint8],
    outputs: int,
    precision: Precision,
    keras_model: Callable[[], keras.Model],
    *,
    features: FeatureTensor | None = None,
) -> RuntimeRequest:
    height, width, channels = batch.shape[1:]
    return RuntimeRequest(
        graph=graph,
        batch_size=len(batch),
        input_shape=(height, width, channels),
        outputs=outputs,
        precision=precision,
        device=_DEVICE,
        streams=2,
        keras_model=keras_model,
        features=features,
    )


@contextlib.contextmanager
def _session(
    subject: Subject, network: PixelNetwork, batch: NDArray[np.uint8], precision: Precision
) -> Iterator[Runtime]:
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.xml"
        network.save_graph(graph)
        runtime = _opened(subject, _request(graph, batch, network.outputs, precision, network.keras_model))
        try:
            yield runtime
        finally:
            runtime.close()


def _computed(
    subject: Subject,
    network: PixelNetwork,
    batches: Sequence[NDArray[np.uint8]],
    precision: Precision,
    keys: Sequence[int] | None = None,
) -> list[_Array]:
    """What the runtime says of batches of one size, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.xml"
        network.save_graph(graph)
        request = _request(graph, batches[0], network.outputs, precision, network.keras_model)
        return _run(subject, request, batches, keys)


def _run(
    subject: Subject,
    request: RuntimeRequest,
    batches: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    keys: Sequence[int] | None = None,
) -> list[_Array]:
    keys = range(len(batches)) if keys is None else keys
    done: dict[int, _Array] = {}
    given: list[NDArray[np.uint8]] = []
    with threads_end("close", "join them or shut them down in close"):
        runtime = _opened(subject, request)
        try:
            for key, batch in zip(keys, batches, strict=True):
                # A copy, which must not change before its key has come back; then it may.
                given.append(batch.copy())
                runtime.submit(key, given[-1])
                # As many at once as it has room for.
                if len(given) - len(done) >= runtime.slots:
                    _keep(done, runtime.collect(wait=False), keys)
            while len(done) < len(batches):
                finished = runtime.collect(wait=True)
                require(finished, "collect(wait=True) gives nothing although batches are due", "wait for one of them")
                _keep(done, finished, keys)
            require(
                runtime.collect(wait=True) == [],
                "collect(wait=True) gives batches that nobody waits for",
                "return [] where nothing is due",
            )
            require(
                all(np.array_equal(batch, own) for batch, own in zip(given, batches, strict=True)),
                "a batch was changed",
                "compute on a copy: the memory of a batch belongs to who submits it",
            )
        finally:
            runtime.close()
    return [done[key] for key in keys]


def _opened(subject: Subject, request: RuntimeRequest) -> Runtime:
    try:
        runtime = cast(RuntimeSpec, subject.spec).open(replace(request, parameters=subject.parameters))
    except FashionBatchError as error:
        raise ContractError(
            f"it claims {request.precision} on the {request.device} and cannot be opened: {described(error)}",
            "let `precisions` name only what `open` can do on this machine",
        ) from error
    require(
        isinstance(runtime.slots, int) and runtime.slots >= 1, f"slots is {runtime.slots!r}", "give a number from 1 on"
    )
    require(
        isinstance(runtime.version, str) and runtime.version.strip(),
        f"version is {runtime.version!r}",
        "name what computes and its version, which the job records: 'OpenVINO 2026.2'",
    )
    return runtime


def _keep(done: dict[int, _Array], results: Any, keys: Sequence[int]) -> None:
    for key, rows in results:
        require(key in keys, f"collect gives the key {key!r}, which was not submitted", "return keys as they came")
        require(key not in done, f"the batch {key} comes back twice", "forget a batch when it has been collected")
        require(isinstance(rows, np.ndarray), f"a batch gives {type(rows).__name__}", "return NumPy arrays")
        done[key] = rows


def _require_failure(
    subject: Subject, request: RuntimeRequest, batch: NDArray[np.uint8], what: str, remedy: str
) -> None:
    try:
        runtime = cast(RuntimeSpec, subject.spec).open(replace(request, parameters=subject.parameters))
    except Exception:  # noqa: BLE001 - any error is right
        return
    try:
        runtime.submit(0, batch)
        results = runtime.collect(wait=True)
    except Exception:  # noqa: BLE001 - any error is right
        return
    finally:
        runtime.close()
    raise ContractError(f"{what} gives {'numbers' if results else 'nothing'} and no error", remedy)


CHECKS: tuple[CheckFunction, ...] = (
    check_precisions_are_known,
    check_numbers_are_the_networks,
    check_batches_come_back_by_their_keys,
    check_neighbours_do_not_matter,
    check_answers_stay_right,
    check_sessions_share_nothing,
    check_features_leave_probabilities_as_they_are,
    check_failures_are_not_hidden,
)
