"""Ways are tried by their cost until one passes; the best one is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.bundle.quantizing.quantize import QuantizedFile
from fashionbatch.bundle.quantizing.ways import WAYS, Way
from fashionbatch.decisions import rule_for
from fashionbatch.errors import BundleError, DataError
from fashionbatch.quantizing import ladder
from fashionbatch.quantizing.judge import Judge
from fashionbatch.quantizing.ladder import Calibration, Try, climb
from fashionbatch.registry import Registry
from fashionbatch.testing.bundles import make_tiny_bundle

COUNT = 1000
ALL = tuple(way.name for way in WAYS)


@dataclass
class Seen:
    """What the user would see."""

    lines: list[str] = field(default_factory=list)

    @property
    def show(self) -> Callable[[str], None]:
        return self.lines.append

    @contextmanager
    def bar(self, title: str, total: int, unit: str) -> Iterator[Callable[[int, dict[str, float]], None]]:
        yield lambda done, figures: None


@dataclass
class Session:
    """Gives the labels of float32 for all photos but so many."""

    wrong: int

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def predict(self, images: Any, *, progress: Callable[[int], object]) -> Any:
        progress(len(images))
        return outputs(self.wrong)


def outputs(wrong: int) -> Any:
    found = np.tile(np.array([[0.9, 0.05, 0.05]], np.float32), (COUNT, 1))
    found[:wrong] = [0.05, 0.9, 0.05]
    return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(make_tiny_bundle(tmp_path_factory.mktemp("ladder") / "b"))


@pytest.fixture
def tried(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Climb where each way changes so many labels, is none (None), or raises."""

    def run(
        outcomes: Sequence[int | Exception | None], images: int = 2000, time_limit_s: float = 600
    ) -> tuple[Try, tuple[str, ...], list[str]]:
        expected = dict(zip(ALL, outcomes, strict=False))

        def quantize(graph: Path, pixels: Any, directory: Path, way: Way, **_: Any) -> QuantizedFile | None:
            assert directory.is_dir()
            outcome = expected[way.name]
            if isinstance(outcome, Exception):
                raise outcome
            assert len(pixels) == min(way.images, images)
            return None if outcome is None else QuantizedFile(directory / "model.int8.xml", len(pixels), {})

        def candidate(_: Bundle, graph: Path, precision: str, **__: Any) -> Session:
            outcome = expected[graph.parent.name]
            assert isinstance(outcome, int)
            return Session(outcome)

        monkeypatch.setattr(ladder, "quantize_graph", quantize)
        monkeypatch.setattr(ladder, "open_candidate", candidate)
        seen = Seen()
        targets = np.tile(np.array([[1, 0, 0]], np.float32), (COUNT, 1))
        rule = rule_for("one_of_many", ["red", "green", "blue"])
        judge = Judge(np.zeros((COUNT, 8, 8, 3), np.uint8), targets, outputs(0), rule, "validation")
        calibration = Calibration(np.zeros((images, 8, 8, 3), np.uint8), "train", 42)
        best, names = climb(
            bundle,
            calibration,
            judge,
            Path(mkdtemp(dir=tmp_path)),
            registry=Registry(),
            observer=seen,
            time_limit_s=time_limit_s,
        )
        return best, names, seen.lines

    return run


def test_the_first_way_that_passes_ends_the_search(tried: Any) -> None:
    best, names, lines = tried([50, 2])
    assert best.way.name == "full"
    assert names == ("fast", "full")
    assert "kept only 95.0%" in lines[0]
    assert lines[1].startswith("int8 by full bias correction, 300 images, ")
    assert lines[1].endswith("s: it kept 99.8% of the labels on 1,000 validation images")


def test_where_none_passes_the_best_one_is_kept(tried: Any) -> None:
    best, names, _ = tried([50, 30, 20, 40, None, 60])
    assert best.way.name == "more"
    assert not best.verdict.allowed
    assert names == ("fast", "full", "more", "ends", "restore")


def test_more_images_are_tried_only_where_there_are_more(tried: Any) -> None:
    _, names, _ = tried([50, 30, 20, 40, 50, 60], images=300)
    assert names == ("fast", "full", "ends", "smooth", "restore")


def test_a_way_that_fails_does_not_spoil_the_others(tried: Any) -> None:
    best, names, _ = tried([50, BundleError("no"), DataError("nan"), 40, None, BundleError("no")])
    assert best.way.name == "ends"
    assert names == ("fast", "ends")
    with pytest.raises(BundleError, match="no way at all"):
        tried([BundleError("no way at all")] * 6)


def test_what_was_found_before_the_time_was_over_is_kept(tried: Any) -> None:
    best, names, lines = tried([50, TimeoutError()])
    assert (best.way.name, names) == ("fast", ("fast",))
    assert lines[-1] == "int8 by full bias correction: given up, the 600 s are over"
    with pytest.raises(BundleError, match="could not be quantized within 600 s"):
        tried([TimeoutError()])


def test_without_time_no_way_is_begun(tried: Any) -> None:
    with pytest.raises(BundleError, match="could not be quantized within 0 s"):
        tried([AssertionError("begun")] * 6, time_limit_s=0)


def test_without_images_there_is_nothing_to_calibrate_with(tried: Any) -> None:
    with pytest.raises(DataError, match="no images to calibrate with"):
        tried([0], images=0)
