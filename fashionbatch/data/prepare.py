"""From a plan's data source to splits that can be fed: load, check, split, decode."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from fashionbatch.data.context import DATA_SCHEME, LocalContext
from fashionbatch.data.decode import Outcome, decode_all
from fashionbatch.data.originals import content_digest, originals_of
from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.data.splits import assign_splits
from fashionbatch.data.targets import check_labels, display_names, with_composed_labels
from fashionbatch.decisions import rule_for
from fashionbatch.errors import DataError
from fashionbatch.images import POLICY
from fashionbatch.plan import Plan
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import SPLITS, EncodedImages, ImageSpec, Samples, Split, value_of
from fashionbatch.stores.address import Url, as_location


def prepare_data(
    plan: Plan,
    *,
    data_path: Path | None = None,
    splits: tuple[Split, ...] | Collection[Split] = SPLITS,
    bar: OpenBar = no_bar,
) -> PreparedData:
    """Load the plan's source, split it and decode the splits that are asked for.

    Args:
        plan: a recipe that is ready to run.
        data_path: takes the place of the source's `path`; relative to the working directory, or `data:NAME`.
        splits: which splits to decode. All images are always split, so that a split is the same whichever are wanted.
        bar: shows how far decoding is.

    Returns:
        The splits that are asked for and not empty. Images that cannot be read are in `skipped`.

    Raises:
        DataError: the data are missing, empty, or not what the recipe says.
        PluginError: the dataset plugin returned what it must not.
    """
    return decode_splits(plan, load_samples(plan, data_path=data_path, bar=bar), splits=splits, bar=bar).data


@dataclass(frozen=True)
class DecodedSplits:
    """Splits that are decoded, and where their images come from.

    Attributes:
        data: the splits.
        samples: the source that they come from.
        names: for each image of the source its name.
        kept: for each split the positions of its images in the source, int64, ascending.
        digests: for each split the hashes of its images' contents.
    """

    data: PreparedData
    samples: Samples
    names: Sequence[str]
    kept: Mapping[Split, NDArray[np.int64]]
    digests: Mapping[Split, Sequence[str]]


def decode_splits(
    plan: Plan,
    samples: Samples,
    *,
    splits: Collection[Split] = SPLITS,
    pooled: bool = False,
    bar: OpenBar = no_bar,
) -> DecodedSplits:
    """Split the images of a source as a recipe says, and decode the splits that are asked for.

    Args:
        plan: a recipe that is ready to run.
        samples: the images of its source.
        splits: which splits to decode.
        pooled: whether the validation split is counted to the training images, for folds of both.
        bar: shows how far decoding is.

    Raises:
        DataError: as `prepare_data`.
    """
    recipe = plan.recipe.data
    decoding = plan.head.spec.decoding
    check_labels(samples, decoding)
    rule = rule_for(decoding, samples.class_names)
    shown = display_names(samples.class_names, recipe.labels.names)
    names = image_names(samples)
    assignment = assign_splits(samples, names, recipe.split)
    if pooled:
        assignment = assignment.pooled()
    unused = [(_printable(os.fspath(path)), reason) for path, reason in samples.skipped]
    undecoded: list[tuple[str, str]] = []
    prepared: dict[Split, SplitData] = {}
    digests: dict[Split, list[str]] = {}
    kept: dict[Split, NDArray[np.int64]] = {}
    for split, indices in assignment.indices.items():
        if split not in splits:
            continue
        images, outcome = _decode(samples, indices, recipe.image, split, bar)
        undecoded.extend((names[indices[position]], reason) for position, reason in outcome.failed)
        kept[split] = indices[outcome.kept]
        labels = [samples.labels[index] for index in kept[split]]
        _check_left(split, samples.class_names, labels, outcome)
        own_names = [names[index] for index in kept[split]]
        prepared[split] = SplitData(split, images, rule.targets(labels), labels, own_names)
        digests[split] = outcome.digests
    duplicates = duplicates_across(prepared, digests)
    data = PreparedData(
        class_names=samples.class_names,
        display_names=shown,
        decoding=decoding,
        splits=prepared,
        skipped=[*unused, *undecoded],
        duplicates=duplicates,
        notes=[
            *samples.notes,
            *assignment.notes,
            *_notes(unused, undecoded),
            *duplicates_notes(duplicates),
            *_contradictions(prepared, digests),
        ],
        fingerprint=_fingerprint(recipe.image, samples.class_names, prepared, digests),
        label_groups=samples.label_groups,
    )
    return DecodedSplits(data, samples, names, kept, digests)


def load_samples(plan: Plan, *, data_path: Path | None = None, bar: OpenBar = no_bar) -> Samples:
    """The images and labels of the plan's source, before anything is decoded.

    Args:
        plan: a recipe that is ready to run.
        data_path: as in `prepare_data`.
        bar: shows how far unpacking an archive is.

    Raises:
        DataError: as the dataset says; there is no image; or the source takes no path.
        PluginError: the dataset plugin returned what it must not.
    """
    source = plan.source
    parameters = source.parameters
    if data_path is not None:
        if not source.spec.has_path():
            raise DataError(f"dataset {source.spec.name!r} has no path that other data could take the place of")
        text = os.fspath(data_path)
        path = text if text.startswith(DATA_SCHEME) else os.path.abspath(text)
        try:
            parameters = type(parameters).model_validate(
                {**parameters.model_dump(exclude_unset=True), str(source.spec.path_parameter): path}
            )
        except ValidationError as error:
            raise DataError(f"{text!r} cannot be the path of dataset {source.spec.name!r}: {error}") from error
    samples = source.spec.load(parameters, LocalContext(base=plan.base, bar=bar))
    if not len(samples):
        raise DataError(f"dataset {source.spec.name!r} found no images")
    return with_composed_labels(samples)


def look_at_labels(plan: Plan) -> list[str]:
    """What is odd about the labels of the plan's source, as far as a list of them says it; no image is opened.

    Nothing is said where the list is not here but in a store, say, or where the source has none.
    """
    source, context = plan.source, LocalContext(base=plan.base)
    path = value_of(source.parameters, source.spec.path_parameter)
    if source.spec.look is None or not isinstance(path, str) or isinstance(as_location(path), Url):
        return []
    try:
        context.locate(path)
    except DataError:
        return []
    try:
        return list(source.spec.look(source.parameters, context))
    except DataError as error:
        return [f"{error.message}; {error.hint}" if error.hint else error.message]


def image_names(samples: Samples) -> list[str]:
    r"""For each image a name that a person recognises and any program can print.

    It is the path below the folder that all images have in common, or the split that the source names and the number
    in it, such as `test/17`; files that lie in something else have names of their own. Bytes of a path that are no
    UTF-8 are written as `\xff`.
    """
    if isinstance(samples.images, EncodedImages):
        return [_printable(name) for name in samples.images.names]
    if isinstance(samples.images, np.ndarray):
        counts: dict[str, int] = {}
        names = []
        for split in samples.splits or [None] * len(samples):
            prefix = f"{split}/" if split else ""
            names.append(f"{prefix}{counts.setdefault(prefix, 0)}")
            counts[prefix] += 1
        return names
    paths = [os.path.abspath(path) for path in samples.images]
    root = os.path.commonpath({os.path.dirname(path) for path in paths}) if paths else ""
    return [_printable(os.path.relpath(path, root) if root == "/" else path[len(root) + 1 :]) for path in paths]


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _decode(
    samples: Samples, indices: NDArray[np.int64], spec: ImageSpec, split: Split, bar: OpenBar
) -> tuple[NDArray[np.uint8], Outcome]:
    originals = originals_of(samples, indices)
    if not isinstance(samples.images, np.ndarray):
        return decode_all(originals, spec, title=f"reading {split}", bar=bar)
    array = samples.images if samples.images.ndim == 4 else samples.images[..., np.newaxis]
    if array.shape[1:] != spec.shape or spec.resize.crop_fraction != 1:
        return decode_all(originals, spec, title=f"resizing {split}", bar=bar)
    consecutive = len(indices) == indices[-1] - indices[0] + 1
    images = array[indices[0] : indices[-1] + 1] if consecutive else array[indices]
    return images, Outcome([*range(len(images))], [content_digest(row.tobytes()) for row in images], [])


def _check_left(split: Split, class_names: Sequence[str], labels: Sequence[tuple[str, ...]], outcome: Outcome) -> None:
    """What was enough when it was split may be too little when the unreadable files are gone."""
    if not outcome.kept:
        reasons = sorted({reason for _, reason in outcome.failed})
        raise DataError(
            f"none of the {len(outcome.failed)} images of the {split} split can be read: {'; '.join(reasons[:3])}",
            hint="look at one of the files; `fashionbatch` reads JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF",
        )
    if split == "train":
        present = {name for names in labels for name in names}
        gone = [name for name in class_names if name not in present]
        if gone:
            raise DataError(f"class {gone[0]!r} has no image left to train on: none of its files can be read")


def duplicates_across(
    prepared: Mapping[Split, SplitData], digests: Mapping[Split, Sequence[str]]
) -> list[tuple[str, ...]]:
    """Names of images with equal content that stand in more than one split, in the order of the splits."""
    owners: dict[str, list[tuple[Split, str]]] = {}
    for split, data in prepared.items():
        for digest, name in zip(digests[split], data.names, strict=True):
            owners.setdefault(digest, []).append((split, name))
    groups = (group for group in owners.values() if len({split for split, _ in group}) > 1)
    return [tuple(name for _, name in group) for group in groups]


def _contradictions(prepared: Mapping[Split, SplitData], digests: Mapping[Split, Sequence[str]]) -> Iterable[str]:
    """Equal images of one split that have other labels: whatever the network says, it is wrong about one of them."""
    for split, data in prepared.items():
        first: dict[str, int] = {}
        pairs = []
        for index, digest in enumerate(digests[split]):
            known = first.setdefault(digest, index)
            if set(data.labels[known]) != set(data.labels[index]):
                pairs.append((known, index))
        if pairs:
            images = "1 image is" if len(pairs) == 1 else f"{len(pairs):,} images are"
            one, other = ((data.names[index], ", ".join(data.labels[index]) or "no label") for index in pairs[0])
            yield (
                f"{images} in {split} under other labels, too, such as {one[0]!r} ({one[1]}) and {other[0]!r} "
                f"({other[1]}): the same picture has one right label."
            )


def _notes(unused: Sequence[tuple[str, str]], undecoded: Sequence[tuple[str, str]]) -> Iterable[str]:
    # Told apart: an image that cannot be decoded is missed, a text file is not.
    if undecoded:
        name, reason = undecoded[0]
        many = f"{len(undecoded):,} images that cannot be decoded are"
        images = "1 image that cannot be decoded is" if len(undecoded) == 1 else many
        yield f"{images} left out, such as {name!r} ({reason})."
    if unused:
        name, reason = unused[0]
        files = "1 file is" if len(unused) == 1 else f"{len(unused):,} files are"
        yield f"{files} left out as none of the images, such as {name!r} ({reason})."


def duplicates_notes(duplicates: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """What the user should know of images that stand in more than one split; nothing where there are none."""
    if duplicates:
        images = "1 image stands" if len(duplicates) == 1 else f"{len(duplicates)} images stand"
        pair = " and ".join(repr(name) for name in duplicates[0][:2])
        yield f"{images} in more than one split, such as {pair}: figures measured there flatter the network."


def _fingerprint(
    spec: ImageSpec,
    class_names: Sequence[str],
    prepared: Mapping[Split, SplitData],
    digests: Mapping[Split, Sequence[str]],
) -> str:
    digest = hashlib.sha256(json.dumps([POLICY, spec.model_dump(), class_names], sort_keys=True).encode())
    for split, data in prepared.items():
        digest.update(json.dumps([split, digests[split], data.labels]).encode())
    return digest.hexdigest()
