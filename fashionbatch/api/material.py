"""Which images quantize a bundle, and which an export of it is checked by, from what the user says of them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.api.settings import as_data
from fashionbatch.api.truth import hinted, is_recipe, plan_of, usable_plan_of
from fashionbatch.display_width import printable
from fashionbatch.errors import DataError, FashionBatchError

if TYPE_CHECKING:
    from fashionbatch.bundle.open import Bundle
    from fashionbatch.exporting.request import ExportRequest
    from fashionbatch.exporting.sample import Sample
    from fashionbatch.progress import OpenBar, Reporter
    from fashionbatch.quantizing.material import Material
    from fashionbatch.registry import Registry


def material_of(
    bundle: Bundle,
    data: str | None,
    registry: Registry,
    seed: int,
    *,
    unlabeled: bool = False,
    as_text: bool = False,
    bar: OpenBar,
    option: str = "--data",
) -> Material:
    """The images that calibrate and those that judge, by what the user says of them in `option`."""
    from fashionbatch.evaluation.truth import NoKnownLabelError
    from fashionbatch.plan import load_plan
    from fashionbatch.quantizing.material import material_of_folder, material_of_photos, material_of_recipe

    if data is None:
        plan = plan_of(bundle, registry)
        if plan is None:
            raise DataError(
                f"{bundle.path}: the bundle has no recipe that says what data it was trained with",
                hint=f"give photos as the network will see them with {option} FOLDER, better with their labels",
            )
        with hinted(f"if the data lie somewhere else now, give the place with {option} PATH"):
            return material_of_recipe(plan, bundle.manifest, seed, bar=bar)
    if is_recipe(data):
        return material_of_recipe(load_plan(data, registry), bundle.manifest, seed, bar=bar)
    path = _here(data, bar)
    if unlabeled or _holds_photos_alone(path):
        return material_of_photos(path, bundle.manifest, seed, bar=bar)
    plan = usable_plan_of(bundle, registry)
    # A table, a file of arrays or a wrong path has nothing that could be taken so.
    advice = hinted("--unlabeled takes them as photos without labels") if path.is_dir() else contextlib.nullcontext()
    try:
        with advice:
            return material_of_folder(path, bundle.manifest, registry, plan, seed, as_text=as_text, bar=bar)
    except NoKnownLabelError:
        if not path.is_dir():
            raise
        photos = material_of_photos(path, bundle.manifest, seed, bar=bar)
    note = f"no folder in {printable(str(path))} is called as a label, so its photos are taken as such without labels"
    return replace(photos, notes=(note, *photos.notes))


def _here(data: str, bar: OpenBar) -> Path:
    """Where photos are on this machine; those of a store are fetched into the cache."""
    path = as_data(data, bar=bar)
    assert path is not None, "some were given"
    return path


def sample_of(
    bundle: Bundle, request: ExportRequest, data: str | None, registry: Registry, reporter: Reporter
) -> Sample | None:
    """The photos that the export is checked by; None where the bundle's own images have to do."""
    from fashionbatch.exporting.sample import Sample, sample_of_photos, sample_of_recipe
    from fashionbatch.plan import load_plan

    bar = reporter.bar
    if request.kind == "tflite" and request.dtype == "int8":
        return Sample.of_material(material_of(bundle, data, registry, 42, bar=bar, option="--check"))
    if data is not None and is_recipe(data):
        return sample_of_recipe(load_plan(data, registry), bundle.manifest, bar=bar)
    if data is not None:
        folder = _here(data, bar)
        if not folder.is_dir():
            raise DataError(f"{data}: no such folder", hint="--check takes a folder of photos or a recipe")
        return sample_of_photos(folder, bundle.manifest, bar=bar)
    try:
        plan = usable_plan_of(bundle, registry)
        if plan is not None:
            return sample_of_recipe(plan, bundle.manifest, bar=bar)
        why = "the bundle has no recipe that can be used here"
    except FashionBatchError as error:
        why = error.message
    if request.dtype == "float16":
        raise DataError(
            f"weights of float16 are judged by photos, and there are none: {why}",
            hint="--check FOLDER names some, as the network will see them",
        )
    reporter.show(
        f"note: checked by the bundle's reference images alone: {printable(why)}; --check FOLDER names photos"
    )
    return None


def _holds_photos_alone(path: Path) -> bool:
    return path.is_dir() and not any(one.is_dir() for one in path.iterdir())
