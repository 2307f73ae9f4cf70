"""Exports a bundle: converts it, checks the result by its own runtime, and only then puts it in its place."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.bundle.open import Bundle
from fashionbatch.decisions import DecisionRule
from fashionbatch.errors import BundleError
from fashionbatch.exporting.check import LabelsLostError, require_agreement
from fashionbatch.exporting.description import describe
from fashionbatch.exporting.kinds import KINDS, require_packages
from fashionbatch.exporting.network import model_of
from fashionbatch.exporting.placing import put_in_place, require_place
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.exporting.sample import Sample, reference_of
from fashionbatch.exporting.script import script_path
from fashionbatch.inference.session import open_session
from fashionbatch.model.framework import without_noise
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.registry import Registry
from fashionbatch.specs import Precision

if TYPE_CHECKING:
    import keras

_AT_A_TIME = 8


@dataclass(frozen=True)
class Exported:
    """What came of it.

    Attributes:
        output: the file or directory.
        script: what labels a photo with it.
        size: bytes of all files of the export.
        checks: how it fared, in words: by the reference images, and by those of the sample.
    """

    output: Path
    script: Path
    size: int
    checks: tuple[str, ...]


def export_bundle(
    bundle: Bundle,
    request: ExportRequest,
    sample: Sample | None,
    *,
    registry: Registry,
    bar: OpenBar = no_bar,
    show: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a bundle's network in another program's format, with a script beside it that labels one photo.

    Args:
        bundle: as `open_bundle` gave it.
        request: the format and the place.
        sample: photos to check by, beside the bundle's reference images; for TensorFlow Lite in 8 bits also those that
            calibrate it, and needed.
        registry: where runtime, architecture and head are registered.
        bar: shows how far the check is.
        show: prints a line about each way to 8 bits that was tried.

    Returns:
        The export, which is there whole or not at all.

    Raises:
        BundleError: the bundle cannot be exported to this format, or the export gives something else than the bundle.
        OutputError: something is in the place already, or it cannot be written.
        RuntimeUnavailableError: a package is missing; the hint names the extra that brings it.
        ScratchError: temporary files find no room.
    """
    require_packages(request.kind)
    require_place(request)
    export = _Export(bundle, request, sample, registry, bar, show)
    with disk.scratch_folder() as folder:
        made, checks = export.make(folder)
        size = sum(file.stat().st_size for file in (made.rglob("*") if made.is_dir() else [made]) if file.is_file())
        put_in_place(made, request)
    return Exported(request.output, script_path(request.output), size, tuple(checks))


@dataclass(frozen=True)
class _Export:
    """What all steps of one export have in common; see `export_bundle`."""

    bundle: Bundle
    request: ExportRequest
    sample: Sample | None
    registry: Registry
    bar: OpenBar
    show: Callable[[str], None]

    @property
    def precision(self) -> Precision:
        """The bundle's graph that the export has to agree with."""
        return "int8" if self.request.kind == "openvino_int8" else "float32"

    @cached_property
    def model(self) -> keras.Model:
        """The bundle's Keras model."""
        return model_of(self.bundle, self.registry)

    @cached_property
    def expected(self) -> tuple[NDArray[np.uint8], NDArray[np.float32], DecisionRule]:
        """The images that check, the reference first; what the bundle gives for them; and by which rule it decides."""
        references = reference_of(self.bundle)
        images = references if self.sample is None else np.concatenate([references, self.sample.images])
        with open_session(self.bundle, registry=self.registry, precision=self.precision) as session:
            return images, session.predict(images), session.rule

    def make(self, folder: Path) -> tuple[Path, list[str]]:
        """Write the network below a folder for temporary files and check it; where it is, and how it fared in words.

        Raises:
            BundleError: it cannot be converted, or is not what the bundle is.
        """
        if self.request.kind == "tflite" and self.request.dtype == "int8":
            return self._climb(folder)
        made = folder / f"network{KINDS[self.request.kind].ending}"
        self._convert(made)
        return made, self.check(made)

    def _climb(self, folder: Path) -> tuple[Path, list[str]]:
        """The first way to 8 bits that keeps the labels."""
        from fashionbatch.exporting.equalizing import equalize
        from fashionbatch.exporting.tflite import CALIBRATION_IMAGES, INT8_WAYS, write_tflite

        calibration = None if self.sample is None else self.sample.calibration
        if calibration is not None:
            equalize(self.model, calibration[:CALIBRATION_IMAGES])
        tried: list[str] = []
        lost: list[str] = []
        for way in INT8_WAYS:
            made = folder / f"{way.name}.tflite"
            tried.append(way.name)
            images = 0 if calibration is None else len(calibration[:CALIBRATION_IMAGES])
            about = self._about({"way": way.name, "tried": list(tried), "images": images})
            write_tflite(self.model, about, made, dtype="int8", way=way, calibration=calibration)
            try:
                checks = self.check(made)
            except LabelsLostError as error:
                lost.append(f"{way.summary}: {error.sentence}")
                self.show(f"int8 by {lost[-1]}")
                continue
            self.show(f"int8 by {way.summary}: {checks[-1].partition(': ')[2]}")
            return made, checks
        raise BundleError(
            f"no way to 8 bits keeps the labels, nothing was written: {'; '.join(lost)}",
            hint="--dtype float16 takes half of the room; more photos as it will see them may help (--check DATA)",
        )

    def _about(self, quantization: dict[str, Any] | None = None) -> dict[str, Any]:
        request = self.request
        return describe(
            self.bundle,
            licence=request.licence,
            precision=self.precision,
            dtype=request.dtype,
            quantization=quantization,
        )

    def _convert(self, target: Path) -> None:
        """Write the network in the format; see `export_bundle` for what is raised."""
        kind, dtype = self.request.kind, self.request.dtype
        if kind == "openvino_int8":
            from fashionbatch.exporting.openvino_int8 import quantization_of, write_openvino_int8

            write_openvino_int8(self.bundle, self._about(quantization_of(self.bundle)), target)
        elif kind == "onnx":
            from fashionbatch.exporting.onnx import write_onnx

            write_onnx(self.model, self._about(), target, opset=self.request.opset, half=dtype == "float16")
        elif kind == "tflite":
            from fashionbatch.exporting.tflite import write_tflite

            write_tflite(self.model, self._about(), target, dtype=dtype)
        else:
            from fashionbatch.exporting.saved_model import write_saved_model

            write_saved_model(self.model, self._about(), target)

    def check(self, made: Path) -> list[str]:
        """Compare what was made with the bundle; how it fared, in words.

        Raises:
            BundleError: they do not agree.
        """
        sample, dtype = self.sample, self.request.dtype
        images, expected, rule = self.expected
        given = self.ask(made, images)
        references = len(images) - (0 if sample is None else len(sample.images))
        first, rest = slice(references), slice(references, None)
        exact = self.precision == "int8" or dtype == "float32"
        told = []
        # Where numbers are rounded, a few images that were chosen to differ say little of how many labels are kept.
        if exact or sample is None:
            agreement = require_agreement(given[first], expected[first], rule, dtype, exact=exact)
            told.append(f"{references:,} reference images: {agreement.sentence}")
        if sample is not None:
            agreement = require_agreement(
                given[rest], expected[rest], rule, dtype, exact=exact, targets=sample.targets, source=sample.source
            )
            told.append(f"{len(sample.images):,} {sample.name}: {agreement.sentence}")
        return told

    def ask(self, made: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the export gives, by the function that the script beside it has.

        Raises:
            BundleError: its runtime cannot open or compute it.
        """
        opener = importlib.import_module(f"fashionbatch.exporting.runtimes.{self.request.kind}").open_model
        rows = []
        try:
            with warnings.catch_warnings(), without_noise():
                warnings.simplefilter("ignore")
                _, network = opener(os.fspath(made))
                network(images[:1])
            with self.bar("checking the export", len(images), "image") as advance:
                for start in range(0, len(images), _AT_A_TIME):
                    rows.append(np.asarray(network(images[start : start + _AT_A_TIME]), np.float32))
                    advance(min(start + _AT_A_TIME, len(images)), {})
            return np.concatenate(rows).reshape(len(images), self.bundle.manifest.outputs)
        except Exception as error:  # runtimes raise classes of many modules
            raise BundleError(f"the export does not run: {' '.join(str(error).split())[:300]}") from error
