"""Labeled images to judge a bundle by: a split of a recipe's data, or every image in a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.data.context import DATA_SCHEME, LocalContext
from fashionbatch.data.decode import decode_all
from fashionbatch.data.originals import originals_of
from fashionbatch.data.prepare import image_names, load_samples
from fashionbatch.data.splits import assign_splits
from fashionbatch.display_width import counted
from fashionbatch.errors import DataError
from fashionbatch.labels.matching import written_otherwise
from fashionbatch.names import composed, path_alike, suggestion
from fashionbatch.plan import Plan
from fashionbatch.plugins import BUILT_IN
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.registry import Entry, Registry
from fashionbatch.specs import SPLITS, DatasetSpec, EncodedImages, Samples, Split, value_of

_FOLDER = "/"
"""What a dataset says that it reads where a folder is enough for it."""
_SHOWN = 5


class NoKnownLabelError(DataError):
    """Labeled images of which not one has a label that the bundle knows, however it may be written."""


@dataclass(frozen=True)
class Truth:
    """Images and what is right about them, not decoded yet.

    Attributes:
        name: what they are, in words for the user.
        split: which split of a recipe they are; None for all images of a source.
        samples: the source that they come from.
        indices: their positions in it, ascending.
        labels: for each of them its class names, as the bundle calls them.
        notes: sentences that the user should read.
    """

    name: str
    split: Split | None
    samples: Samples
    indices: NDArray[np.int64]
    labels: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def targets(self, manifest: BundleManifest) -> NDArray[np.float32]:
        """float32 `(n, outputs)`, in the order of the bundle's classes."""
        return manifest.rule.targets(self.labels)

    def paths(self) -> list[Path]:
        """The images' files.

        Raises:
            DataError: the source is no set of files.
        """
        images = self.samples.images
        if isinstance(images, np.ndarray):
            raise DataError(f"{self.name}: the source is one array, so its images have no file names")
        if isinstance(images, EncodedImages):
            raise DataError(f"{self.name}: the source is no folder of files, so its images have no paths")
        return [images[index] for index in self.indices]


@dataclass(frozen=True)
class DecodedTruth:
    """Images that could be read.

    Attributes:
        images: uint8 `(n, height, width, channels)`, as the bundle's network takes them.
        targets: float32 `(n, outputs)`.
        names: for each image a name that a person recognises.
        skipped: name and reason of those that could not be read.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float32]
    names: Sequence[str]
    skipped: Sequence[tuple[str, str]]


def truth_of_split(
    plan: Plan,
    manifest: BundleManifest,
    split: Split | None,
    *,
    data_path: Path | None = None,
    as_text: bool = False,
    bar: OpenBar = no_bar,
) -> Truth:
    """One split of a recipe's data.

    Args:
        plan: the recipe.
        manifest: of the bundle that is judged.
        split: None takes the test split, or the validation split where there is no other.
        data_path: takes the place of the source's path.
        as_text: take labels for those of the bundle that differ by case, blanks or the writing of a number alone.
        bar: shows how far unpacking an archive is.

    Raises:
        DataError: the data are missing, have no such split, or have labels that the bundle does not know.
    """
    samples = load_samples(plan, data_path=data_path, bar=bar)
    indices = assign_splits(samples, image_names(samples), plan.recipe.data.split).indices
    wanted: tuple[Split, ...] = (split,) if split else ("test", "validation")
    found = next((name for name in wanted if name in indices), None)
    if found is None:
        there = ", ".join(name for name in SPLITS if name in indices)
        raise DataError(f"the data have no {' and no '.join(wanted)} split; there is: {there}")
    chosen = indices[found]
    labels = _known_labels(samples, chosen, manifest, as_text=as_text)
    return Truth(f"the {found} split", found, samples, chosen, labels, (*samples.notes, *_notes(found, manifest)))


def truth_of_folder(
    path: Path,
    manifest: BundleManifest,
    registry: Registry,
    plan: Plan | None,
    *,
    as_text: bool = False,
    bar: OpenBar = no_bar,
) -> Truth:
    """Labeled images that lie somewhere: all of them, or the test split where the source itself names one.

    They are read by the dataset of the bundle's recipe, if it can read them, else as a folder for each class, or as a
    CSV file of paths and labels, or as an .npz file of arrays. To a network of several labels, names of folders mean
    what they mean to the recipe's dataset, also where that cannot read the folder as a whole.

    Args:
        path: a folder, such a file, or whatever the dataset reads; or `data:NAME`.
        manifest: of the bundle that is judged.
        registry: where the dataset is registered.
        plan: the bundle's recipe; None where there is none, or it cannot be used here.
        as_text: as in `truth_of_split`.
        bar: likewise.

    Raises:
        DataError: nothing there can be read, or has labels that the bundle does not know.
    """
    samples = _samples_of_folder(path, registry, plan, several=manifest.rule.has_many, bar=bar)
    named = [] if samples.splits is None else [split for split in SPLITS if split in samples.splits]
    if "test" in named or "validation" in named:
        split: Split = "test" if "test" in named else "validation"
        assert samples.splits is not None
        indices = np.array([number for number, name in enumerate(samples.splits) if name == split], np.int64)
        labels = _known_labels(samples, indices, manifest, as_text=as_text)
        return Truth(
            f"the {split} split of {path}", split, samples, indices, labels, (*samples.notes, *_notes(split, manifest))
        )
    indices = np.arange(len(samples))
    labels = _known_labels(samples, indices, manifest, as_text=as_text)
    notes = (*samples.notes, *_notes_on_own_data(path, samples, plan))
    return Truth(f"all images of {path}", None, samples, indices, labels, notes)


def decode_truth(
    truth: Truth, manifest: BundleManifest, *, root: Path | None = None, bar: OpenBar = no_bar
) -> DecodedTruth:
    """Read the images as the bundle's network takes them; what cannot be read is left out and named.

    Args:
        truth: what to read.
        manifest: of the bundle that is judged.
        root: names are relative to it, as in a label table of that folder; None: to what all images have in common.
        bar: shows how far it is.

    Raises:
        DataError: none of the images can be read.
    """
    images = truth.samples.images
    pixels, outcome = decode_all(
        originals_of(truth.samples, truth.indices), manifest.image, title="reading images", bar=bar
    )
    if root is None or isinstance(images, np.ndarray | EncodedImages):
        every = image_names(truth.samples)
        names = [every[index] for index in truth.indices]
    else:
        names = [printable(os.path.relpath(path, root)) for path in truth.paths()]
    if not outcome.kept:
        reasons = sorted({reason for _, reason in outcome.failed})
        raise DataError(f"{truth.name}: none of the {len(truth)} images can be read: {'; '.join(reasons[:3])}")
    return DecodedTruth(
        images=pixels,
        targets=truth.targets(manifest)[outcome.kept],
        names=[names[position] for position in outcome.kept],
        skipped=[(names[position], reason) for position, reason in outcome.failed],
    )


def _samples_of_folder(path: Path, registry: Registry, plan: Plan | None, *, several: bool, bar: OpenBar) -> Samples:
    if not os.fspath(path).startswith(DATA_SCHEME) and not os.path.exists(path):
        meant = path_alike(path)
        hint = None if meant is None else f"did you mean {meant}?"
        raise DataError(f"{path}: there is no such folder or file, and no recipe of that name", hint=hint)
    if plan is not None:
        # The recipe's dataset may read something else altogether; what is wrong is told by the one that is left.
        with suppress(DataError):
            return load_samples(plan, data_path=path, bar=bar)
    spec = _reader_of(path, registry)
    parameters = spec.parameters.model_validate({str(spec.path_parameter): os.fspath(path)})
    samples = spec.load(parameters, LocalContext(base=Path.cwd(), bar=bar))
    labels_of = plan.source.spec.labels_of_folder if several and plan is not None else None
    if labels_of is None or plan is None:
        return samples
    own = plan.source.parameters
    labels = [tuple(part for name in names for part in labels_of(own, name)) for names in samples.labels]
    return replace(samples, labels=labels, class_names=tuple(sorted({part for parts in labels for part in parts})))


def _reader_of(path: Path, registry: Registry) -> DatasetSpec:
    """The dataset that says that it reads such a path; the built-in one, where others say so too.

    Raises:
        DataError: none does, or two that are not built in do.
    """
    readers: dict[str, list[Entry]] = {}
    for entry in registry.entries(DatasetSpec.kind):
        assert isinstance(entry.spec, DatasetSpec)
        for what in entry.spec.reads if entry.spec.has_path() else ():
            readers.setdefault(what, []).append(entry)
    # Whatever has no ending that is known is taken for a folder, whose reader says what is wrong.
    found = readers.get(path.suffix.lower()) or readers.get(_FOLDER, [])
    chosen = [entry for entry in found if entry.provider.distribution == BUILT_IN] or found
    if len(chosen) != 1:
        who = " and ".join(repr(entry.qualified_name) for entry in chosen) or "no dataset"
        raise DataError(f"{path}: {who} can read it by its path", hint="give a recipe that says how it is read")
    spec = chosen[0].spec
    assert isinstance(spec, DatasetSpec)
    return spec


def _known_labels(
    samples: Samples, indices: NDArray[np.int64], manifest: BundleManifest, *, as_text: bool
) -> list[tuple[str, ...]]:
    """The labels as the bundle's class names; they may be written as its display names, too."""
    known = class_of_name(manifest)
    found = Counter(name for index in indices for name in samples.labels[index])
    meant = {name: known[composed(name)] for name in found if composed(name) in known}
    otherwise = written_otherwise((name for name in found if name not in meant), known)
    if as_text:
        meant |= {name: known[own] for name, own in otherwise.items()}
    unknown = [(name, count) for name, count in found.most_common() if name not in meant]
    if unknown:
        listed = ", ".join(f"{name!r} ({counted(count, 'image')})" for name, count in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        hint = f"it knows {_listed(manifest.labels.class_names)}; a recipe given with --data can leave others out"
        pairs = ", ".join(f"{name!r} for {own!r}" for name, own in list(otherwise.items())[:_SHOWN])
        kind = DataError if meant or otherwise else NoKnownLabelError
        raise kind(
            f"labels that the bundle does not know: {listed}{more}{suggestion(unknown[0][0], known, otherwise='')}",
            hint=f"--truth-as-text takes {pairs}; {hint}" if pairs and not as_text else hint,
        )
    labels = [tuple(dict.fromkeys(meant[name] for name in samples.labels[index])) for index in indices]
    if not manifest.rule.has_many and any(len(names) != 1 for names in labels):
        raise DataError("the data have images with several labels or none; this bundle gives exactly one")
    return labels


def class_of_name(manifest: BundleManifest) -> dict[str, str]:
    """Class names and display names, composed -> class name; where they clash the class name is meant.

    No folder can be called `T-shirt/top`, so the names are known with `_` or `-` for `/`, too.
    """
    labels = manifest.labels
    shown = {composed(name): own for name, own in zip(labels.display_names, labels.class_names, strict=True)}
    names = shown | {composed(name): name for name in labels.class_names}
    return {name.replace("/", other): own for other in "-_" for name, own in names.items()} | names


def _notes(split: Split, manifest: BundleManifest) -> tuple[str, ...]:
    if split == "train":
        return ("the network was trained on these images; the figures say nothing about others",)
    if split == "validation":
        what = "which epoch is kept, and the thresholds" if manifest.head.thresholds else "which epoch is kept"
        return (f"this split also chose the network: training picks by it {what}, so its figures flatter a little",)
    return ()


def _notes_on_own_data(path: Path, samples: Samples, plan: Plan | None) -> tuple[str, ...]:
    """What to say where a folder is the very one that the network was trained with, and all of it is judged."""
    if plan is None or not _is_own_source(path, plan):
        return ()
    try:
        parts = assign_splits(samples, image_names(samples), plan.recipe.data.split).indices
    except DataError:
        # The folder has changed since, and cannot be split so any more.
        return ()
    trained, held_back = (
        len(parts.get("train", ())),
        next((part for part in ("test", "validation") if part in parts), ""),
    )
    if not trained or not held_back:
        return ()
    return (
        f"the network was trained on {trained:,} of these {counted(len(samples), 'image')}, so the figures flatter it; "
        f"without --data its {held_back} split is judged alone",
    )


def _is_own_source(path: Path, plan: Plan) -> bool:
    """Whether a path leads to the data of a recipe."""
    own = value_of(plan.source.parameters, plan.source.spec.path_parameter)
    if not isinstance(own, str):
        return False
    if own.startswith(DATA_SCHEME) or os.fspath(path).startswith(DATA_SCHEME):
        return own == os.fspath(path)
    try:
        return os.path.samefile(plan.base / Path(own).expanduser(), path)
    except (OSError, ValueError):
        return False


def printable(name: str) -> str:
    """A file's name as text; bytes that are no UTF-8 are written as hexadecimal escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
