"""Every line of docs/formats.md: a file is made, decoded, and compared with what the document says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import numpy as np
import pytest

from fashionbatch.errors import ImageError
from fashionbatch.images import decode_into
from fashionbatch.specs import ImageSpec


@pytest.fixture(scope="module")
def format_cases() -> ModuleType:
    path = Path(__file__).parents[2] / "format_cases.py"
    spec = importlib.util.spec_from_file_location("format_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["format_cases"] = module
    spec.loader.exec_module(module)
    return module


def test_every_format_and_oddity_comes_out_as_the_document_says(
    format_cases: ModuleType, images_factory: ModuleType
) -> None:
    found = format_cases.cases(images_factory)
    assert len(found) > 90
    wrong = []
    for case in found:
        if case.needs and importlib.util.find_spec(case.needs) is None:
            continue
        try:
            assert_comes_out(case, format_cases)
        except (AssertionError, ImageError, pytest.fail.Exception) as error:
            wrong.append(f"{case.format}, {case.oddity}: {error}")
    assert wrong == []


def test_a_file_comes_out_the_same_from_the_disk_and_from_memory(
    format_cases: ModuleType, images_factory: ModuleType, tmp_path: Path
) -> None:
    # A decode worker that reads ahead has it in memory, one that does not has it open.
    path = tmp_path / "photo"
    for case in format_cases.cases(images_factory):
        content = case.make()
        path.write_bytes(content)
        with path.open("rb") as opened:
            opened.peek(1)
            assert outcome_of(opened, format_cases) == outcome_of(content, format_cases), (case.format, case.oddity)


def outcome_of(file: bytes | BinaryIO, format_cases: ModuleType) -> tuple[str, bytes]:
    pixels = np.zeros((*format_cases.SIZE, 3), np.uint8)
    try:
        note = decode_into(file, spec_of(format_cases, None), pixels)
    except ImageError as error:
        note = error.message
    return note, pixels.tobytes()


def assert_comes_out(case: object, format_cases: ModuleType) -> None:
    assert isinstance(case, format_cases.Case)
    if case.outcome == format_cases.ERROR:
        with pytest.raises(ImageError) as caught:
            decode_into(case.make(), spec_of(format_cases, None), np.empty((*format_cases.SIZE, 3), np.uint8))
        assert format_cases.without_numbers(caught.value.message) == case.words
        return
    assert case.expected is not None
    expected = np.broadcast_to(case.expected, (*case.expected.shape[:2], 3))
    spec = spec_of(format_cases, expected)
    pixels = np.empty(spec.shape, np.uint8)
    note = decode_into(case.make(), spec, pixels)
    assert note == (case.words if case.outcome == format_cases.NOTE else "")
    difference = np.abs(pixels.astype(float) - expected)
    assert (difference.mean() if case.is_lossy else difference.max()) <= case.most


def spec_of(format_cases: ModuleType, expected: np.ndarray | None) -> ImageSpec:
    size = format_cases.SIZE if expected is None else expected.shape[:2]
    return ImageSpec(size=size, background=format_cases.BACKGROUND)
