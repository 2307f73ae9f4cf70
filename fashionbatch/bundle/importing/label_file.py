"""Reads the class names of a foreign model from the files that people keep them in, and from a model's metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fashionbatch import disk
from fashionbatch.bundle.importing.label_forms import LabelFormError, names_in, names_of_config
from fashionbatch.bundle.importing.onnx_file import read_metadata
from fashionbatch.bundle.manifest import LABEL_LIMIT
from fashionbatch.errors import BundleError
from fashionbatch.names import label_problem

_LIMIT = 16 * 2**20
_METADATA_KEYS = ("names", "labels", "classes", "class_names", "label_names", "id2label", "class_labels")
"""Where exporters put class names, in any case; `names` is that of ultralytics."""
_FILES_BESIDE = ("labels.txt", "classes.txt", "labels.json", "config.json", "metadata.yaml", "class_names.json")
_CONFIG = "config.json"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class LabelList:
    """The class names of a model.

    Attributes:
        names: in the order of the network's outputs, no two alike.
        doubles: the names that stood there more than once; each has its output's number behind it in `names`.
    """

    names: tuple[str, ...]
    doubles: tuple[str, ...] = ()


def read_label_file(file: Path) -> LabelList:
    """The class names of a file, in the order of the network's outputs.

    Understood are one name a line, with or without its output's number or WordNet id before it; CSV with a header;
    JSON, YAML, and dictionaries as Python writes them: a list, output number to name, name to output number, the
    `id2label` of a Hugging Face `config.json`, the `names` of ultralytics, and Keras's `imagenet_class_index.json`.

    Args:
        file: UTF-8, or UTF-16 with its byte order mark.

    Raises:
        BundleError: the file cannot be read, or a name is missing or has characters that labels may not have.
    """
    try:
        data = disk.read_regular(file, _LIMIT)
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(
            f"{file}: not UTF-8 text: {error.reason} at byte {error.start}", hint="save it as UTF-8"
        ) from None
    except OSError as error:
        raise BundleError(f"{file}: {disk.why_unreadable(error)}", hint="--labels names a list of labels") from None
    return _label_list(text, str(file), is_yaml=file.suffix.lower() in {".yaml", ".yml"})


def labels_of_model(model: Path) -> LabelList:
    """The class names in an ONNX file's own metadata, which is where ultralytics and others put them, or beside it.

    Beside a model of any format may lie the `config.json` of Hugging Face (`id2label`) or timm (`label_names`).

    Args:
        model: the model's file or directory, of any format.

    Raises:
        BundleError: it holds none, or some that are no labels; the hint says where they may be instead.
    """
    metadata: Mapping[str, str] = {}
    if model.suffix.lower() == ".onnx":
        metadata = {key.lower(): value for key, value in read_metadata(model).items()}
    for key in _METADATA_KEYS:
        if metadata.get(key, "").strip():
            return _label_list(metadata[key], f"{model}: {key!r} of its metadata", is_list=True)
    folder = model if model.is_dir() else model.parent
    if (found := _labels_of_config(folder / _CONFIG)) is not None:
        return found
    beside = next((folder / name for name in _FILES_BESIDE if (folder / name).is_file()), None)
    raise BundleError(
        f"{model}: says nothing of its classes' names",
        hint=f"--labels {beside} may be the list of them"
        if beside
        else "--labels FILE takes a list of them, one a line, in the order of the network's outputs",
    )


def _labels_of_config(file: Path) -> LabelList | None:
    """The class names of a `config.json` of Hugging Face or timm; None where there is no such file, or none in it."""
    if not file.is_file():
        return None
    try:
        text = disk.read_regular(file, _LIMIT).decode("utf-8-sig")
        names = names_of_config(text)
    except LabelFormError as error:
        raise BundleError(f"{file}: {error}", hint="--labels FILE takes another list of labels") from None
    except (OSError, UnicodeDecodeError):
        return None
    if names is None:
        return None
    _check(str(file), names)
    return _told_apart(names)


def _label_list(text: str, source: str, *, is_yaml: bool = False, is_list: bool = False) -> LabelList:
    try:
        names = names_in(text, is_yaml=is_yaml, is_list=is_list)
    except LabelFormError as error:
        raise BundleError(f"{source}: {error}", hint=error.hint) from None
    _check(source, names)
    return _told_apart(names)


def _check(source: str, names: Sequence[str]) -> None:
    if len(names) > LABEL_LIMIT:
        raise BundleError(f"{source}: has {len(names):,} labels; a bundle has {LABEL_LIMIT:,} at most")
    for number, name in enumerate(names):
        if problem := label_problem(name):
            which = f"is {name!r}, which " if name else ""
            raise BundleError(f"{source}: label {number} {which}{problem}")


def _told_apart(names: Sequence[str]) -> LabelList:
    """The names with the output's number behind doubles: ImageNet's cranes are a bird and a machine."""
    count = Counter(names)
    taken = {name for name in names if count[name] == 1}
    distinct = []
    for number, name in enumerate(names):
        unlike = name
        if count[name] > 1:
            unlike = f"{name} ({number})"
            while unlike in taken:
                unlike += "'"
            taken.add(unlike)
        distinct.append(unlike)
    return LabelList(tuple(distinct), tuple(name for name, times in count.items() if times > 1))
