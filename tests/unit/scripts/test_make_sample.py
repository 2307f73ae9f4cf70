"""The embedded sample is what its notice says, and the script makes it again."""

from __future__ import annotations

import importlib.resources
import importlib.util
import io
import sys
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "make_sample.py"
FULL_SET = Path("/usr/share/datasets/fashion-mnist")
SAMPLES = importlib.resources.files("fashionbatch_plugins") / "samples"


@pytest.fixture(scope="module")
def make_sample() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def committed() -> bytes:
    return (SAMPLES / "fashion_mnist_sample.npz").read_bytes()


def test_the_sample_is_balanced_and_small(committed: bytes) -> None:
    assert len(committed) < 3_000_000
    with np.load(io.BytesIO(committed), allow_pickle=False) as sample:
        assert set(sample.files) == {"x_train", "y_train", "x_test", "y_test"}
        for split, per_class in (("train", 500), ("test", 100)):
            images, labels = sample[f"x_{split}"], sample[f"y_{split}"]
            assert images.dtype == labels.dtype == np.uint8
            assert images.shape == (10 * per_class, 28, 28)
            assert np.bincount(labels).tolist() == [per_class] * 10


def test_no_test_image_is_a_training_image(committed: bytes) -> None:
    with np.load(io.BytesIO(committed), allow_pickle=False) as sample:
        train, test = ({image.tobytes() for image in sample[name]} for name in ("x_train", "x_test"))
    assert not train & test


def test_the_licence_lies_beside_the_sample() -> None:
    notice = (SAMPLES / "NOTICE").read_text(encoding="utf-8")
    assert "Copyright (c) 2017 Zalando SE" in notice
    assert "Permission is hereby granted" in notice
    assert "What was changed" in notice


def test_the_script_makes_the_committed_file_again(make_sample: ModuleType, committed: bytes) -> None:
    if not FULL_SET.is_dir():
        pytest.skip(f"the full Fashion-MNIST is not in {FULL_SET} (Debian's dataset-fashion-mnist)")
    sample = make_sample.choose_sample(FULL_SET)
    with np.load(io.BytesIO(committed), allow_pickle=False) as existing:
        for name, array in sample.items():
            np.testing.assert_array_equal(array, existing[name])
    if "ng" in zlib.ZLIB_RUNTIME_VERSION:
        return  # zlib-ng packs the same arrays into other bytes
    assert make_sample.archive(sample) == committed


def test_a_missing_full_set_is_a_sentence_not_a_traceback(
    make_sample: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "sample.npz"
    monkeypatch.setattr(sys, "argv", ["make_sample.py", "--source", str(tmp_path / "none"), "--output", str(output)])
    assert make_sample.main() == 1
    assert "dataset-fashion-mnist" in capsys.readouterr().err
    assert not output.exists()
