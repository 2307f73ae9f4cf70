"""A model card: what a network is, what it was trained on and how well it does, as Markdown that Hugging Face reads.

Everything that a program can know is filled in; what only a person knows is asked for in italics. Names of labels and
data are a user's texts, so each stands escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fashionbatch import __version__, disk
from fashionbatch.bundle.graph.gate import judge
from fashionbatch.bundle.manifest import MANIFEST_NAME, BundleManifest
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.display_width import counted, human_size, printable
from fashionbatch.errors import DataError
from fashionbatch.evaluation.records import BUNDLE, SUMMARY, read_run
from fashionbatch.studies.statistics import METHOD_OF_IMAGES, wilson

_REPORT = "report.json"
_REPORT_BYTES = 256 * 2**20
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
_LINE_START = re.compile(r"^(?:[-+=]|\d+(?=[.)]))")
_MOST_CLASSES, _MOST_MISTAKES = 200, 10
_LICENCES_OF_HUGGING_FACE = re.compile(
    r"afl-3\.0|agpl-3\.0|apache-2\.0|artistic-2\.0|bsd-[23]-clause|bsd-3-clause-clear|bsl-1\.0|cc0-1\.0"
    r"|cc-by-(?:2\.[05]|[34]\.0)|cc-by-nc-[234]\.0|cc-by-nc-nd-[34]\.0|cc-by-nc-sa-[234]\.0|cc-by-nd-4\.0"
    r"|cc-by-sa-[34]\.0|cdla-permissive-[12]\.0|cdla-sharing-1\.0|ecl-2\.0|epl-[12]\.0|eupl-1\.[12]|gpl-[23]\.0|isc"
    r"|lgpl-(?:2\.1|3\.0)|lppl-1\.3c|mit|mpl-2\.0|ms-pl|ncsa|ofl-1\.1|osl-3\.0|postgresql|unlicense|wtfpl|zlib"
)
"""Those of its list that are SPDX's, which it writes in lower case; any other one is `other`, with its name."""
_SPLITS = ("train", "validation", "test")


class _Read(BaseModel):
    """A part of what training wrote: other keys do not matter here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Class(_Read):
    name: str
    support: int
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None


class _Split(_Read):
    images: int = Field(ge=1)
    accuracy: float = Field(ge=0, le=1)
    classes: tuple[_Class, ...] = ()
    mistakes: tuple[tuple[str, str, int], ...] = ()
    notes: tuple[str, ...] = ()
    means: dict[str, dict[str, float | None]] = Field(default_factory=dict)


class _Report(_Read):
    splits: dict[str, _Split]


class _Data(_Read):
    source: str = ""
    fingerprint: str = ""
    images: dict[str, int] = Field(default_factory=dict)
    duplicates_across_splits: int = 0


class _Summary(_Read):
    description: str | None = None
    finished: str = ""
    architecture: str = ""
    parameters: int | None = None
    seed: int | None = None
    judged_by: str | None = None
    data: _Data = _Data()


@dataclass(frozen=True)
class _Subject:
    """What the card is about; `summary` and `report` are those of the run, None where there is none."""

    bundle: Bundle
    summary: _Summary | None
    report: _Report | None

    @property
    def manifest(self) -> BundleManifest:
        return self.bundle.manifest

    @property
    def splits(self) -> dict[str, _Split]:
        found = {} if self.report is None else self.report.splits
        return {name: found[name] for name in _SPLITS if name in found}

    @property
    def judged(self) -> tuple[str, _Split] | None:
        """The split that speaks for the network: the test split, else what validated it."""
        return next(((name, self.splits[name]) for name in ("test", "validation") if name in self.splits), None)

    @property
    def measure(self) -> str:
        return "Exact match" if self.manifest.rule.has_many else "Accuracy"


def card_of(path: Path, *, licence: str | None = None) -> str:
    """The card of a run, or of a bundle.

    Args:
        path: a run directory, or a bundle; one that lies in its run is described with the run's figures.
        licence: under which the network may be used, as an SPDX identifier.

    Returns:
        Markdown with YAML front matter.

    Raises:
        BundleError: there is no bundle, or it is damaged.
        DataError: the run's files are damaged, or the run has no bundle yet.
    """
    is_bundle = (path / MANIFEST_NAME).is_file() or not (path / SUMMARY).is_file()
    run = path.resolve().parent if is_bundle else path
    if is_bundle and not (path.resolve().name == BUNDLE and (run / SUMMARY).is_file()):
        subject = _Subject(open_bundle(path), None, None)
    else:
        bundle = open_bundle(path if is_bundle else path / BUNDLE)
        try:
            summary = _Summary.model_validate(read_run(run).summary or {})
            report = _Report.model_validate(_document(run / _REPORT)) if (run / _REPORT).is_file() else None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise DataError(f"{run}: {where}: {first['msg']}; this is not what training writes") from None
        subject = _Subject(bundle, summary, report)
    return "\n".join([*_front_matter(subject, licence), *_body(subject, licence)]) + "\n"


def _document(path: Path) -> Any:
    try:
        return json.loads(disk.read_regular(path, _REPORT_BYTES))
    except OSError as error:
        raise DataError(f"{path}: {disk.why_unreadable(error)}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


# ---------------------------------------------------------------------------------------------------------- the parts


def _front_matter(subject: _Subject, licence: str | None) -> Iterator[str]:
    import yaml

    # A line end in a text would be one in a value here: it stands as an escape, as everywhere on the page.
    manifest, summary = subject.manifest, subject.summary
    document: dict[str, Any] = _licence(licence)
    tags = ["image-classification", "fashionbatch", "openvino", manifest.head.decoding.replace("_", "-")]
    document |= {
        "library_name": "fashionbatch",
        "pipeline_tag": "image-classification",
        "tags": tags + ([printable(summary.architecture)] if summary and summary.architecture else []),
    }
    if subject.judged is not None:
        document["metrics"] = ["accuracy", "f1"]
        name, split = subject.judged
        metrics = [{"type": "accuracy", "name": f"{subject.measure} ({name})", "value": round(split.accuracy, 4)}]
        f1 = split.means.get("macro", {}).get("f1")
        if f1 is not None:
            metrics.append({"type": "f1", "name": f"Macro F1 ({name})", "value": round(f1, 4)})
        source = printable((summary.data.source if summary else "") or "unknown")
        document["model-index"] = [
            {
                "name": printable(manifest.name),
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"name": source, "type": source, "split": name},
                        "metrics": metrics,
                    }
                ],
            }
        ]
    yield "---"
    yield yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120).rstrip()
    yield "---"


def _licence(licence: str | None) -> dict[str, str]:
    if not licence:
        return {}
    if _LICENCES_OF_HUGGING_FACE.fullmatch(licence.lower()):
        return {"license": licence.lower()}
    return {"license": "other", "license_name": printable(licence)}


def _body(subject: _Subject, licence: str | None) -> Iterator[str]:
    manifest, summary = subject.manifest, subject.summary
    count = len(manifest.labels.class_names)
    height, width = manifest.image.size
    yield f"\n# {_plain(manifest.name)}\n"
    if summary is not None and summary.description:
        yield f"{_paragraph(summary.description)}\n"
    kind = {
        "one_of_many": f"gives a photo one of {count:,} labels",
        "yes_or_no": "tells two labels apart",
        "several_of_many": f"gives a photo any of {count:,} labels",
    }[manifest.head.decoding]
    network = f" with {summary.parameters:,} parameters" if summary and summary.parameters else ""
    architecture = f" ({_plain(summary.architecture)}{network})" if summary and summary.architecture else ""
    colours = "grey" if manifest.image.channels == 1 else "RGB"
    yield f"This network{architecture} {kind}. It sees {height} x {width} pixels, {colours}.\n"
    yield "## How to use it\n"
    yield "    pip install fashionbatch\n    fashionbatch classify PHOTOS -b BUNDLE -o labels.csv\n"
    yield "`PHOTOS` is a folder of photos, `BUNDLE` the one with `bundle.json`. The table has a row for each photo."
    yield from _labels(manifest)
    yield ""
    yield "## Intended use\n"
    yield "- *What it is for: fill in.*\n- *What it is not for: fill in.*"
    yield "- *Who may be affected by its mistakes: fill in.*"
    yield from _data(subject)
    yield from _figures(subject)
    yield from _precisions(manifest)
    yield from _limits(subject)
    yield "\n## Licence\n"
    yield (
        _paragraph(licence)
        if licence
        else "*Fill in: under which licence the network may be used, and the photos were.*"
    )
    yield "\n## Where it comes from\n"
    yield f"- Bundle: SHA-256 `{subject.bundle.digest}`, format {manifest.format_version}"
    yield f"- Size: {human_size(sum(record.size for record in manifest.files.values()))}"
    made = ", ".join(f"{name} {version}" for name, version in manifest.created_with.items())
    yield f"- Made with: {_plain(made)}"
    if summary is not None:
        yield f"- Trained: {_plain(summary.finished)}" + ("" if summary.seed is None else f", seed {summary.seed}")
    yield f"- Card: written by fashionbatch {__version__}"


def _labels(manifest: BundleManifest) -> Iterator[str]:
    """What a photo may be called, from which probability on, and of which labels one wins."""
    names, rule = manifest.labels.display_names, manifest.rule
    yield "\n## Labels\n"
    limits = rule.class_thresholds
    if all(limit is None for limit in limits):
        more = f" and {len(names) - _MOST_CLASSES:,} more" if len(names) > _MOST_CLASSES else ""
        yield _paragraph(", ".join(names[:_MOST_CLASSES])) + more
    else:
        rows = [(name, "-" if limit is None else f"{limit:.6g}") for name, limit in zip(names, limits, strict=True)]
        yield from _table(("Label", "From a probability of"), rows[:_MOST_CLASSES])
        if len(rows) > _MOST_CLASSES:
            yield f"\nand {len(rows) - _MOST_CLASSES:,} more labels."
    shown = dict(zip(manifest.labels.class_names, names, strict=True))
    for number, (group, members) in enumerate(rule.groups.items()):
        lead = "\n" if number == 0 else ""
        yield f"{lead}- {_paragraph(group)}: the likeliest of {', '.join(_plain(shown[name]) for name in members)}"


def _data(subject: _Subject) -> Iterator[str]:
    yield "\n## Data\n"
    yield "*Fill in: where the photos come from, who took them, and with whose consent.*\n"
    if subject.summary is None:
        yield "The bundle does not say what it was trained on."
        return
    data = subject.summary.data
    yield from _table(("Split", "Images"), [(name, f"{images:,}") for name, images in data.images.items()])
    yield f"\nSource: {_plain(data.source) or 'unknown'}; fingerprint `{_plain(data.fingerprint)}`."
    if data.duplicates_across_splits:
        number = counted(data.duplicates_across_splits, "group")
        yield f"\n{number} of copies of one photo stand in more than one split: figures measured there flatter it."


def _figures(subject: _Subject) -> Iterator[str]:
    yield "\n## Figures\n"
    if subject.judged is None:
        yield "*None were measured with this bundle; `fashionbatch evaluate` measures them.*"
        return
    rows = []
    for name, split in subject.splits.items():
        low, high = wilson(split.accuracy, split.images)
        rows.append((name, f"{split.images:,}", f"{split.accuracy:.4f}", f"{low:.4f} to {high:.4f}"))
    yield from _table(("Split", "Images", subject.measure, "95% interval"), rows)
    yield f"\nIntervals: {METHOD_OF_IMAGES}. They say nothing of photos of another kind."
    if subject.manifest.rule.has_many:
        yield "\nExact match: every label of the photo is right."
    judged, split = subject.judged
    yield f"\n### By label, on the {judged} split\n"
    shown = split.classes[:_MOST_CLASSES]
    yield from _table(
        ("Label", "Images", "Precision", "Recall", "F1"),
        [(one.name, f"{one.support:,}", *map(_share, (one.precision, one.recall, one.f1))) for one in shown],
    )
    if len(split.classes) > len(shown):
        yield f"\nand {len(split.classes) - len(shown):,} more labels."
    if split.mistakes:
        yield f"\n### Most frequent mistakes, on the {judged} split\n"
        yield from _table(
            ("It is", "It was called", "Times"),
            [(right, given, f"{times:,}") for right, given, times in split.mistakes[:_MOST_MISTAKES]],
        )


def _precisions(manifest: BundleManifest) -> Iterator[str]:
    parity = manifest.precision_parity
    if not parity:
        return
    yield "\n## Precisions\n"
    rows = []
    for precision, record in parity.items():
        verdict = "the reference" if precision == "float32" else judge(precision, parity).sentence
        rows.append((precision, _share(record.accuracy), f"{record.same_labels:.2%}", f"{record.images:,}", verdict))
    yield from _table(("Precision", "Accuracy", "Labels as in float32", "Images", "Verdict"), rows)


def _limits(subject: _Subject) -> Iterator[str]:
    yield "\n## Limits\n"
    if subject.manifest.rule.has_many:
        yield "- A photo that reaches no threshold gets no label; one of something else may reach them all the same."
    else:
        yield "- It gives every photo an answer, also one that shows something else than it was trained on."
    yield "- A probability says how sure the network is, not how often it is right."
    if subject.judged is not None:
        name, split = subject.judged
        yield f"- Its figures hold for photos like those of the {name} split, of which there were {split.images:,}."
        for note in split.notes:
            yield f"- {_paragraph(note)}"
        rare = [one.name for one in split.classes if one.support < 30]
        if rare:
            more = f" and {len(rare) - 10:,} more" if len(rare) > 10 else ""
            yield f"- Fewer than 30 photos judged {', '.join(map(_plain, rare[:10]))}{more}: their figures are rough."
    yield "- *Fill in: what is known of lighting, cameras, people and places where it does worse.*"


# ------------------------------------------------------------------------------------------------------------ as text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(_plain, row))} |"


def _plain(text: str) -> str:
    """A text that Markdown and HTML show as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", printable(text)).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _paragraph(text: str) -> str:
    """As `_plain`, where it begins a line: there some characters begin a list or underline a heading."""
    return _LINE_START.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", _plain(text).strip())


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"
